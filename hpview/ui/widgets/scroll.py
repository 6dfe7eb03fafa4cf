"""A scrolling pane with a heading that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView

from hpview.ui import palette
from hpview.ui.widgets.line import finished

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual import events
    from textual.strip import Strip

    from hpview.ui.palette import Glyphs, Inks

HEADING = 1
"""Lines above the rows."""

_KEPT = 1024


class Frame(NamedTuple):
    """What the lines of one drawing have in common, worked out once for all of them.

    Attributes:
        room: Terminal cells of a row.
        width: Those of a line, what is under the scrollbar included.
        top: The first visible row.
        inks: Styles.
    """

    room: int
    width: int
    top: int
    inks: Inks


class HeadedScroll(ScrollView):
    """Rows below a heading line, drawn on demand: the count costs nothing.

    Subclasses draw ``heading`` and ``row``. The heading is line 0 of the content and
    does not scroll, so row ``i`` is content line ``i + 1``. Rows are drawn once until
    ``set_rows`` is called, but for the one with the cursor.
    """

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self._rows = 0
        self._inks: Inks | None = None
        self._placeholder = ""
        self._tail = ""
        self._strips: dict[tuple[Hashable, int], Strip] = {}
        self._frame: Frame | None = None

    @property
    def inks(self) -> Inks:
        """The widget's styles under the theme in force."""
        if self._inks is None:
            self._inks = palette.resolve(self, self.glyphs)
        return self._inks

    def notify_style_update(self) -> None:
        """Forget styles when focus or theme change."""
        super().notify_style_update()
        self._inks = None
        self._strips.clear()

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return self._rows

    @property
    def room(self) -> int:
        """Terminal cells of a line, without the scrollbar."""
        return self.scrollable_content_region.width

    @property
    def page(self) -> int:
        """Rows that are visible at once, at least 1."""
        return max(1, self.size.height - HEADING)

    @property
    def top(self) -> int:
        """The first visible row."""
        return self.scroll_offset.y

    def set_placeholder(self, words: str) -> None:
        """What stands in the middle while there are no rows."""
        if words != self._placeholder:
            self._placeholder = words
            self.refresh()

    def set_tail(self, words: str) -> None:
        """What stands below the last row, and is no row: that more will come."""
        if words != self._tail:
            self._tail = words
            self._fit()

    def set_rows(self, count: int) -> None:
        """Change the number of rows and draw anew."""
        self._rows = count
        self.forget_rows()
        self._fit()

    def _fit(self) -> None:
        self.virtual_size = Size(1, self._rows + HEADING + bool(self._tail))
        self.refresh()

    def scroll_rows_to(self, top: int) -> None:
        """Make a row the first visible one, at once."""
        self.scroll_to(y=max(0, top), animate=False, force=True)

    def reveal(self, y: int) -> None:
        """Scroll as little as needed to make a row visible, and what stands below the last."""
        behind = y + bool(self._tail and y == self._rows - 1)
        if y < self.top:
            self.scroll_rows_to(y)
        elif behind >= self.top + self.page:
            self.scroll_rows_to(behind - self.page + 1)

    def line_of(self, y: int) -> int | None:
        """How far below the first visible row a row is drawn; None where it is not visible."""
        line = y - self.top
        return line if 0 <= line < self.page else None

    def refresh_row(self, y: int) -> None:
        """Draw one row anew."""
        self.refresh_line(y + HEADING)

    def refresh_heading(self) -> None:
        """Draw the heading anew."""
        self.refresh(Region(0, 0, self.size.width, HEADING))

    def row_of_event(self, event: events.MouseEvent) -> int | None:
        """The row under the mouse; -1 is the heading, None is nothing."""
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        if offset.y < HEADING:
            return -1
        y = self.top + offset.y - HEADING
        return y if y < self._rows else None

    def heading(self, width: int) -> list[Segment]:
        """Draw the heading."""
        raise NotImplementedError

    def row(self, y: int, width: int) -> list[Segment]:
        """Draw one row."""
        raise NotImplementedError

    def is_cursor_row(self, y: int) -> bool:
        """Whether a row looks otherwise because the cursor is on it."""
        raise NotImplementedError

    def frame(self) -> Frame:
        """What the next drawing has in common."""
        return Frame(self.room, self.size.width, self.top, self.inks)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines of the viewport, for Textual."""
        self._frame = self.frame()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the viewport, for Textual."""
        frame = self._frame or self.frame()
        row = frame.top + y - HEADING
        if y >= HEADING and row < self._rows:
            return self._row_strip(row, frame)
        return finished(self._other(y, row, frame), frame.room, frame.inks)

    def _row_strip(self, y: int, frame: Frame) -> Strip:
        """A row, going on under the scrollbar: Textual keeps strips that it needs not pad."""
        if self.is_cursor_row(y):
            return finished(self.row(y, frame.room), frame.width, frame.inks)
        key = (self.content(y), frame.room)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            strip = finished(self.row(y, frame.room), frame.width, frame.inks)
            self._strips[key] = strip
        return strip

    def content(self, y: int) -> Hashable:
        """What a row shows: equal ones look alike, as long as ``forget_rows`` is not called."""
        return y

    def forget_rows(self) -> None:
        """Rows of the same content may look otherwise from now on."""
        self._strips.clear()

    def _other(self, y: int, row: int, frame: Frame) -> list[Segment]:
        """A line that is no row: the heading, what stands below the last row, or nothing."""
        if y < HEADING:
            return self.heading(frame.room)
        if self._rows and row == self._rows and self._tail:
            fold = self.glyphs.fold
            words = f" {fold} {self.glyphs.text(self._tail)} {fold}"
            return [Segment(words, frame.inks.dim)]
        if not self._rows and y == max(HEADING, self.size.height // 2):
            words = self.glyphs.text(self._placeholder)
            left = max(0, (frame.room - len(words)) // 2)
            return [Segment(" " * left + words, frame.inks.dim)]
        return []
