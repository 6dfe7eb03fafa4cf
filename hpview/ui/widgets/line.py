"""Lines of painted text: the base of every widget that is not a list or the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from hpview.ui import palette
from hpview.ui.paint import width_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Size

    from hpview.ui.palette import Glyphs, Inks

    Painter = Callable[[int, Inks], list[list[Segment]]]
    """Makes the lines of a widget for a width in terminal cells."""


def finished(segments: list[Segment], width: int, inks: Inks) -> Strip:
    """A strip of exactly ``width`` cells; the filling has a style too (NO_COLOR needs one)."""
    length = width_of(segments)
    if length > width:
        return Strip(segments, length).crop(0, width)
    rest = [Segment(" " * (width - length), inks.text)] if length < width else []
    return Strip([*segments, *rest], width)  # one strip: each comes with seven caches


class Lines(Widget):
    """Draws what a painter returns; painted once per change and size."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._painter: Painter = lambda _width, _inks: []
        self._painted: tuple[Size, list[list[Segment]]] | None = None
        self._inks: Inks | None = None

    @property
    def inks(self) -> Inks:
        """The widget's styles under the theme in force."""
        if self._inks is None:
            self._inks = palette.resolve(self, self._glyphs)
        return self._inks

    def notify_style_update(self) -> None:
        """Forget styles when focus or theme change."""
        super().notify_style_update()
        self._inks = None
        self._painted = None

    def paint(self, painter: Painter) -> None:
        """Draw these lines from now on."""
        self._painter = painter
        self._painted = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line, for Textual."""
        size = self.size
        width = size.width
        if self._painted is None or self._painted[0] != size:
            self._painted = (size, self._painter(width, self.inks))
        lines = self._painted[1]
        return finished(lines[y] if y < len(lines) else [], width, self.inks)
