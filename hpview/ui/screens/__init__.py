"""Full screens.

Those that show data take numpy and all that reads a process: longer to import than Textual
takes to its first frame. As names of this package they are imported when they are first
asked for, which ``load`` does in a thread behind that frame.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hpview.ui.screens.process import ProcessScreen
    from hpview.ui.screens.processes import ProcessesScreen

__all__ = ["ProcessScreen", "ProcessesScreen", "load"]

_MODULES: Final = {
    "ProcessScreen": "hpview.ui.screens.process",
    "ProcessesScreen": "hpview.ui.screens.processes",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_MODULES[name]), name)
    return found


def load() -> None:
    """Import every screen; may be called in any thread."""
    for module in _MODULES.values():
        import_module(module)
