"""What is on the screen while everything that reads is imported and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment

from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from hpview.ui.palette import Glyphs, Inks


class OpeningScreen(HpviewScreen):
    """The frame of the first screen, with nothing in it yet."""

    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = ()

    def __init__(self, glyphs: Glyphs, pid: int | None) -> None:
        super().__init__(glyphs)
        self._words = "reading the processes…" if pid is None else f"reading process {pid}…"

    def body(self) -> ComposeResult:
        """What is being read, where the screen to come will say so."""
        lines = Lines(self.glyphs, id="opening")
        lines.paint(self._lines)
        yield lines

    def _lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        words = self.glyphs.text(self._words)
        left = max(0, (width - len(words)) // 2)
        above: list[list[Segment]] = [[]] * max(0, self.app.size.height // 2 - 2)
        title = [Segment(" hpview", inks.strong)]
        return [title, *above, [Segment(" " * left + words, inks.dim)]]
