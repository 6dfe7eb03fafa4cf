"""What each command does. Each imports what it needs: most of a short command is imports."""

from hpview.commands.collapse import collapse
from hpview.commands.common import UsageError, require_proc
from hpview.commands.data import ps, scan, slot
from hpview.commands.doctor import doctor
from hpview.commands.machine import machine, numa
from hpview.commands.screens import demo, view
from hpview.commands.shot import shot
from hpview.commands.why import why

__all__ = [
    "UsageError",
    "collapse",
    "demo",
    "doctor",
    "machine",
    "numa",
    "ps",
    "require_proc",
    "scan",
    "shot",
    "slot",
    "view",
    "why",
]
