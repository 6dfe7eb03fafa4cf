"""The map: the pane with its keys, its mouse and its cell cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.message import Message

from hpview.ui.widgets.map_pane import GUTTER, MapPane, columns_for
from hpview.ui.widgets.scroll import HEADING
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from textual import events

    from hpview.space.address_space import AddressSpace

SMALLEST: Final = PAGE_SIZE
LARGEST: Final = 64 << 30


class MemoryMap(MapPane):
    """Moves the cursor over the cells, and tells where it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_row(-1)", "Up", show=False),
        Binding("down,j", "move_row(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_end(False)", "First cell", show=False),
        Binding("end", "move_end(True)", "Last cell", show=False),
        Binding("enter", "open", "Open", tooltip="Look into the cell: smaller cells, then pages"),
    ]

    class Moved(Message):
        """The user moved the cursor to an address.

        Attributes:
            address: Where it is now.
            last: It was asked for the end of everything.
        """

        def __init__(self, address: int, *, last: bool = False) -> None:
            super().__init__()
            self.address = address
            self.last = last

        def can_replace(self, message: Message) -> bool:
            """Only where the cursor stands now matters."""
            return isinstance(message, MemoryMap.Moved)

    class Opened(Message):
        """The user wants to look into the cell under the cursor."""

    class Zoomed(Message):
        """The user turned the wheel to make cells smaller (-1) or larger (1)."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Scrolled(Message):
        """Other rows are visible, or other cells."""

        def can_replace(self, message: Message) -> bool:
            """Only what is visible now matters."""
            return isinstance(message, MemoryMap.Scrolled)

    _wanted_x: int | None = None

    def show(self, space: AddressSpace) -> None:
        """See ``MapPane``; the line of the cursor stays where it is, if it is visible."""
        before = self._at()
        line = self.line_of(before[0]) if before else None
        super().show(space)
        after = self._at()
        if after and line is not None and after[0] - self.top != line:
            self.scroll_rows_to(after[0] - line)
        self.post_message(self.Scrolled())

    def go_to(self, address: int) -> None:
        """Put the cursor on an address, without telling anybody."""
        self._wanted_x = None
        self._put(address)

    def zoom(self, step: int) -> bool:
        """Halve (-1) or double (1) the cell about the cursor; False at the ends."""
        return self.zoom_to(self.cell << step if step > 0 else self.cell >> -step)

    def zoom_to(self, cell: int) -> bool:
        """Make a cell so large, in bytes; False when that is not possible."""
        if not SMALLEST <= cell <= LARGEST or cell == self.cell:
            return False
        at = self._at()
        line = at[0] - self.top if at else 0
        self.cell = cell
        self._wanted_x = None
        self._lay_out()
        after = self._at()
        if after:
            self.scroll_rows_to(after[0] - max(0, min(line, self.page - 1)))
        self.post_message(self.Scrolled())
        return True

    def _put(self, address: int, *, tell: bool = False, last: bool = False) -> None:
        before = self._at()
        self.address = address
        after = self._at()
        if before:
            self.refresh_row(before[0])
        if after:
            self.refresh_row(after[0])
            self.refresh_heading()
            self.reveal(after[0])
        if tell:
            self.post_message(self.Moved(address, last=last))

    def _put_cell(self, y: int, x: int, *, last: bool = False) -> None:
        """Move to a cell, over a gap in the direction of the move."""
        at = self._at()
        if at is None or self._cells is None:
            return
        grid = self._cells.grid
        y = max(0, min(y, grid.rows - 1))
        if grid.row(y).gap:
            y += 1 if y >= at[0] else -1
        self._put(grid.address(y, x), tell=True, last=last)

    def action_move(self, step: int) -> None:
        """Move by cells, from the end of a row to the next one."""
        at = self._at()
        if at is None or self._cells is None:
            return
        self._wanted_x = None
        grid = self._cells.grid
        y, x = at
        row = grid.row(y)
        count = 1 if row.gap else (row.end - row.start) // grid.cell
        if 0 <= x + step < count:
            self._put_cell(y, x + step)
        elif 0 <= y + step < grid.rows:
            self._put_cell(y + step, 0 if step > 0 else grid.columns)

    def action_move_row(self, step: int) -> None:
        """Move by rows, keeping the column where a row is long enough."""
        at = self._at()
        if at is None:
            return
        wanted = at[1] if self._wanted_x is None else self._wanted_x
        self._put_cell(at[0] + step, wanted)
        self._wanted_x = wanted

    def action_move_page(self, step: int) -> None:
        """Move by pages."""
        self.action_move_row(step * max(1, self.page - 1))

    def action_move_end(self, last: bool) -> None:
        """Move to the first or the last cell of all."""
        self._wanted_x = None
        x = columns_for(self.room) if last else 0
        self._put_cell(self.row_count - 1 if last else 0, x, last=last)

    def action_open(self) -> None:
        """Look into the cell under the cursor."""
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; the second click opens the cell."""
        offset = event.get_content_offset(self)
        y = self.row_of_event(event)
        if offset is None or offset.y < HEADING or self._cells is None:
            return
        overview = offset.x >= self.room
        if overview:
            lines = len(self._cells.overview(self.page))
            y = min(offset.y - HEADING, lines - 1) * self.row_count // max(1, lines)
        if y is None or not 0 <= y < self.row_count:
            return
        self._wanted_x = None
        x = 0 if overview else max(0, offset.x - GUTTER)
        self._put(self._cells.grid.address(y, x), tell=True)
        if event.chain == 2 and not overview:
            self.action_open()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """With Ctrl the wheel makes cells smaller."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """With Ctrl the wheel makes cells larger."""
        self._wheel(event, 1)

    def _wheel(self, event: events.MouseEvent, step: int) -> None:
        if event.ctrl:
            event.stop()
            event.prevent_default()
            self.post_message(self.Zoomed(step))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell that other rows are visible."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Scrolled())

    def on_resize(self) -> None:
        """Lay out for the new width; nothing is read again."""
        self._lay_out()
        at = self._at()
        if at:
            self.reveal(at[0])
        self.post_message(self.Scrolled())
