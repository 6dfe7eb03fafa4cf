"""What is on the screen, as a file: SVG, PNG, HTML or text.

Nobody saves before the first frame: the names of this package are imported when they are
first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.ui.later import later

if TYPE_CHECKING:
    from hpview.ui.pictures.formats import FORMATS, of_name
    from hpview.ui.pictures.screen import seen, taken

__all__ = ["FORMATS", "of_name", "seen", "taken"]

_MODULES: Final = {
    "FORMATS": "hpview.ui.pictures.formats",
    "of_name": "hpview.ui.pictures.formats",
    "seen": "hpview.ui.pictures.screen",
    "taken": "hpview.ui.pictures.screen",
}

__getattr__ = later(__name__, _MODULES)
