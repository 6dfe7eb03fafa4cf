"""The pages of one slot as a grid with a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message

from hpview.ui.page_aspects import Aspect, missing, offered
from hpview.ui.page_words import grid_words
from hpview.ui.paint import clipped, joined, width_of
from hpview.ui.widgets.page_rows import PagePicture, arrange
from hpview.ui.widgets.scroll import HeadedScroll
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from textual import events

    from hpview.pages.page import SlotPages
    from hpview.ui.palette import Glyphs

GUTTER = 14
"""Terminal cells before the first page: a margin, 12 digits, a space."""

_LEAP = 4


class PageGrid(HeadedScroll, can_focus=True):
    """512 places; the cursor is one of them, in whatever slot is shown.

    Attributes:
        slot: What is shown.
        cursor: Place in the slot, 0 to 511.
        aspect: Which facts are shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_rows(-1)", "Up", show=False),
        Binding("down,j", "move_rows(1)", "Down", show=False),
        Binding("pageup", f"move_rows(-{_LEAP})", f"{_LEAP} rows up", show=False),
        Binding("pagedown", f"move_rows({_LEAP})", f"{_LEAP} rows down", show=False),
        Binding("home", "move_end(False)", "First page", show=False),
        Binding("end", "move_end(True)", "Last page", show=False),
    ]

    class Moved(Message):
        """The cursor moved, or another aspect is shown."""

        def can_replace(self, message: Message) -> bool:
            """Only how it is now matters."""
            return isinstance(message, PageGrid.Moved)

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.slot: SlotPages | None = None
        self.cursor = 0
        self.aspect = Aspect.STATE
        self._picture: PagePicture | None = None

    @property
    def address(self) -> int:
        """Of the page under the cursor; 0 before there is one."""
        if self.slot is None:
            return 0
        return (self.slot.start & -SLOT_SIZE) + self.cursor * PAGE_SIZE

    @property
    def has_letters(self) -> bool:
        """Pages are large enough for a letter beside their glyph."""
        return self._picture is not None and self._picture.has_letters

    def show(self, slot: SlotPages) -> None:
        """Take the pages of a slot; the cursor keeps its place."""
        self.slot = slot
        if self.aspect not in offered(slot):
            self.aspect = Aspect.STATE
        self._lay_out()

    def show_aspect(self, aspect: Aspect) -> None:
        """Show other facts of the same pages.

        Raises:
            ValueError: Nothing is known of them.
        """
        self.aspect = aspect
        self._lay_out()
        self.post_message(self.Moved())

    def put_cursor(self, place: int) -> None:
        """Move to a place, without telling anybody."""
        lines = self._lines_of_cursor()
        self.cursor = max(0, min(place, SLOT_PAGES - 1))
        for y in {*lines, *self._lines_of_cursor()}:
            self.refresh_row(y)
        self._reveal_cursor()

    def _go(self, place: int) -> None:
        if self.slot is not None and place != self.cursor and 0 <= place < SLOT_PAGES:
            self.put_cursor(place)
            self.post_message(self.Moved())

    def _lay_out(self) -> None:
        if self.slot is None or not self.room:
            return
        arrangement = arrange(self.room - GUTTER, self.page)
        self._picture = PagePicture(self.slot, self.aspect, arrangement)
        self.set_rows(arrangement.lines)

    def _lines_of_cursor(self) -> range:
        if self._picture is None:
            return range(0)
        arrangement = self._picture.arrangement
        first = self.cursor // arrangement.columns * arrangement.height
        return range(first, first + arrangement.height)

    def _reveal_cursor(self) -> None:
        lines = self._lines_of_cursor()
        if lines:
            self.reveal(lines[-1])

    def action_move(self, step: int) -> None:
        """Move by pages, from the end of a row to the next one."""
        self._go(self.cursor + step)

    def action_move_rows(self, step: int) -> None:
        """Move by rows, as far as there are any."""
        if self._picture is None:
            return
        columns, rows = self._picture.arrangement.columns, self._picture.arrangement.rows
        row, column = divmod(self.cursor, columns)
        self._go(max(0, min(row + step, rows - 1)) * columns + column)

    def action_move_end(self, last: bool) -> None:
        """Move to the first or the last page of the slot."""
        self._go((SLOT_PAGES - 1) * last)

    def find_missing(self, step: int) -> bool:
        """Move to the nearest page behind (1) or before (-1) that is not present.

        Returns:
            Whether there is one.
        """
        if self.slot is None:
            return False
        places = missing(self.slot)
        at = int(np.searchsorted(places, self.cursor, "right" if step > 0 else "left"))
        at = at if step > 0 else at - 1
        if not 0 <= at < len(places):
            return False
        self._go(int(places[at]))
        return True

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the page under the mouse."""
        y = self.row_of_event(event)
        offset = event.get_content_offset(self)
        if y is None or y < 0 or offset is None or self._picture is None:
            return
        arrangement = self._picture.arrangement
        column = (offset.x - GUTTER) // arrangement.cell
        if 0 <= column < arrangement.columns:
            self._go(y // arrangement.height * arrangement.columns + column)

    def on_resize(self) -> None:
        """Lay out for the new size; nothing is read again."""
        self._lay_out()
        self._reveal_cursor()

    def heading(self, width: int) -> list[Segment]:
        """How many pages, their folios, and which aspects there are."""
        inks = self.inks
        if self.slot is None:
            return []
        choices = [
            Segment(
                f"[{aspect}]" if aspect is self.aspect else f" {aspect} ",
                inks.strong if aspect is self.aspect else inks.dim,
            )
            for aspect in offered(self.slot)
        ]
        room = width - width_of(choices) - 3
        facts = grid_words(self.slot)
        if len(" · ".join(facts)) > room:
            facts = facts[-1:]
        words = self.glyphs.text(" · ".join(facts))
        words = clipped(words, room, more=self.glyphs.more)
        left = [Segment(f" {words}", inks.text)]
        return joined(left, [*choices, Segment(" ", inks.text)], width, inks)

    def is_cursor_row(self, y: int) -> bool:
        """A line of the row with the cursor."""
        return y in self._lines_of_cursor()

    def row(self, y: int, _width: int) -> list[Segment]:
        """One line of pages behind the address of the first."""
        if self._picture is None or self.slot is None:
            return []
        arrangement = self._picture.arrangement
        row, part = divmod(y, arrangement.height)
        start = (self.slot.start & -SLOT_SIZE) + row * arrangement.columns * PAGE_SIZE
        here = self.is_cursor_row(y)
        words = " " * GUTTER if part else f" {start:012x} "
        gutter = Segment(words, self.inks.strong if here else self.inks.dim)
        return [gutter, *self._picture.line(y, self.cursor, self.inks)]
