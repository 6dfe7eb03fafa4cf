"""One line in the middle of an empty screen: why there is nothing to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from hpview.errors import BackendUnavailable
from hpview.text import printable
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from hpview.errors import HpviewError
    from hpview.ui.palette import Glyphs, Inks


class FailureScreen(HpviewScreen):
    """Shows an HpviewError."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = ()

    def __init__(self, glyphs: Glyphs, error: HpviewError) -> None:
        super().__init__(glyphs)
        self.line = printable(str(error))
        self._remedy = printable(error.remedy) if isinstance(error, BackendUnavailable) else ""

    def body(self) -> ComposeResult:
        """The line."""
        lines = Lines(self.glyphs, id="failure")
        lines.paint(self._lines)
        yield lines

    def copy_text(self) -> str:
        """The line."""
        return self.line

    def _lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        above = max(0, self.app.size.height // 2 - 2)
        out: list[list[Segment]] = [[] for _ in range(above)]
        for words, style in ((self.line, inks.strong), (self._remedy, inks.dim)):
            rest = words
            while rest:
                part, rest = rest[: width - 4], rest[width - 4 :]
                out.append([Segment(" " * max(2, (width - len(part)) // 2) + part, style)])
        return out
