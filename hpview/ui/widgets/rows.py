"""A list with a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message

from hpview.ui.paint import over
from hpview.ui.widgets.scroll import HeadedScroll

if TYPE_CHECKING:
    from textual import events

    from hpview.ui.palette import Glyphs


class RowList(HeadedScroll, can_focus=True):
    """Rows, one of which is the current one.

    Subclasses draw a row with ``paint_row``; its first terminal cell is left to the list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_to(0)", "First", show=False),
        Binding("end", "move_to(-1)", "Last", show=False),
    ]

    class Moved(Message):
        """The user moved the cursor to a row."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            """The list."""
            return self.rows

        def can_replace(self, message: Message) -> bool:
            """Only where the cursor stands now matters."""
            return isinstance(message, RowList.Moved) and message.rows is self.rows

    class Opened(Message):
        """The user clicked a row twice."""

        def __init__(self, rows: RowList) -> None:
            super().__init__()
            self.rows = rows

    class HeadingClicked(Message):
        """The user clicked the heading at a column."""

        def __init__(self, rows: RowList, x: int) -> None:
            super().__init__()
            self.rows = rows
            self.x = x

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.cursor = 0

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw a row but for its first cell."""
        raise NotImplementedError

    def is_cursor_row(self, y: int) -> bool:
        """The current row."""
        return y == self.cursor

    def row(self, y: int, width: int) -> list[Segment]:
        """Draw one row with the cursor."""
        here = y == self.cursor
        mark = Segment(self.glyphs.here if here else " ", self.inks.accent)
        segments = [mark, *self.paint_row(y, width - 1)]
        if not here:
            return segments
        return over(segments, self.inks.cursor if self.has_focus else self.inks.cursor_away)

    def put_cursor(self, index: int) -> None:
        """Make a row the current one, without telling anybody."""
        index = max(0, min(index, self.row_count - 1))
        if index != self.cursor:
            self.refresh_row(self.cursor)
            self.cursor = index
            self.refresh_row(index)
        self.reveal(index)

    def _go(self, index: int) -> None:
        if not self.row_count:
            return
        before = self.cursor
        self.put_cursor(index)
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def action_move(self, step: int) -> None:
        """Move by rows."""
        self._go(self.cursor + step)

    def action_move_page(self, step: int) -> None:
        """Move by pages."""
        self._go(self.cursor + step * max(1, self.page - 1))

    def action_move_to(self, index: int) -> None:
        """Move to the first row (0) or the last (-1)."""
        self._go(index % self.row_count if self.row_count else 0)

    def on_click(self, event: events.Click) -> None:
        """Choose a row; the second click opens it."""
        y = self.row_of_event(event)
        if y is None:
            return
        if y < 0:
            offset = event.get_content_offset(self)
            self.post_message(self.HeadingClicked(self, offset.x if offset else 0))
            return
        self._go(y)
        if event.chain == 2:
            self.post_message(self.Opened(self))

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        if self.row_count:
            self.reveal(self.cursor)
