"""Full screens, and those that lie over them.

Those that show data take numpy and all that reads a process: longer to import than Textual
takes to its first frame. As names of this package they are imported when they are first
asked for, which ``load`` does in a thread behind that frame.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from hpview.ui.later import later

if TYPE_CHECKING:
    from hpview.ui.screens.machine import MachineScreen
    from hpview.ui.screens.nodes import NodesScreen
    from hpview.ui.screens.preferences import PreferencesScreen
    from hpview.ui.screens.process import ProcessScreen
    from hpview.ui.screens.processes import ProcessesScreen
    from hpview.ui.screens.protocol import ProtocolScreen
    from hpview.ui.screens.save import SaveScreen
    from hpview.ui.screens.slot import SlotScreen

__all__ = [
    "MachineScreen",
    "NodesScreen",
    "PreferencesScreen",
    "ProcessScreen",
    "ProcessesScreen",
    "ProtocolScreen",
    "SaveScreen",
    "SlotScreen",
    "load",
]

_MODULES: Final = {
    "MachineScreen": "hpview.ui.screens.machine",
    "NodesScreen": "hpview.ui.screens.nodes",
    "PreferencesScreen": "hpview.ui.screens.preferences",
    "ProcessScreen": "hpview.ui.screens.process",
    "ProcessesScreen": "hpview.ui.screens.processes",
    "ProtocolScreen": "hpview.ui.screens.protocol",
    "SaveScreen": "hpview.ui.screens.save",
    "SlotScreen": "hpview.ui.screens.slot",
}

__getattr__ = later(__name__, _MODULES)


def load() -> None:
    """Import every screen; may be called in any thread."""
    for module in _MODULES.values():
        import_module(module)
