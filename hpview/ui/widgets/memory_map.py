"""The map: rows of cells over the address space, with a cell cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message

from hpview import units
from hpview.ui.paint import cell_segments, fitted, joined, over, put_cursor, thousands
from hpview.ui.widgets.extents import fold_words
from hpview.ui.widgets.map_cells import MapCells
from hpview.ui.widgets.scroll import HeadedScroll
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from textual import events

    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs

GUTTER: Final = 14
"""Terminal cells before the first map cell: a margin, 12 digits, a space."""

SMALLEST: Final = SLOT_SIZE
LARGEST: Final = 64 << 30
_COLUMN_STEP: Final = 8


def columns_for(width: int) -> int:
    """Map cells in a row of a pane, a multiple of 8 where there is room."""
    room = max(1, width - GUTTER - 1)
    return room // _COLUMN_STEP * _COLUMN_STEP or room


def whole_size(size: int) -> str:
    """A size that is a whole number of some unit: ``2 MiB``, not ``2.0 MiB``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size >> 20} MiB"


class MemoryMap(HeadedScroll, can_focus=True):
    """Cells of an address space; the cursor is an address, whatever the zoom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_row(-1)", "Up", show=False),
        Binding("down,j", "move_row(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_end(False)", "First cell", show=False),
        Binding("end", "move_end(True)", "Last cell", show=False),
    ]

    class Moved(Message):
        """The user moved the cursor to an address."""

        def __init__(self, address: int) -> None:
            super().__init__()
            self.address = address

        def can_replace(self, message: Message) -> bool:
            """Only where the cursor stands now matters."""
            return isinstance(message, MemoryMap.Moved)

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._space: AddressSpace | None = None
        self._cells: MapCells | None = None
        self._wanted_x: int | None = None
        self.address: int | None = None
        self.cell = SMALLEST

    def show(self, space: AddressSpace) -> None:
        """Take an address space, or the same one grown; the cursor keeps its address."""
        self._space = space
        self._lay_out()

    @property
    def cursor_range(self) -> tuple[int, int] | None:
        """First address and end of the cell, or folded gap, under the cursor."""
        at = self._at()
        if at is None or self._cells is None:
            return None
        row = self._cells.grid.row(at[0])
        if row.gap:
            return row.start, row.end
        start = self._cells.grid.address(*at)
        return start, start + self.cell

    def go_to(self, address: int) -> None:
        """Put the cursor on an address, without telling anybody."""
        self._wanted_x = None
        self._put(address)

    def zoom(self, step: int) -> bool:
        """Halve (-1) or double (1) the cell about the cursor; False at the ends."""
        cell = self.cell << step if step > 0 else self.cell >> -step
        if not SMALLEST <= cell <= LARGEST:
            return False
        at = self._at()
        line = at[0] - self.top if at else 0
        self.cell = cell
        self._wanted_x = None
        self._lay_out()
        after = self._at()
        if after:
            self.scroll_rows_to(after[0] - max(0, min(line, self.page - 1)))
        return True

    def _lay_out(self) -> None:
        space = self._space
        if space is None or not self.room:
            return
        columns = columns_for(self.room)
        same = (
            self._cells is not None
            and self._cells.space is space
            and self._cells.version == space.version
            and (self._cells.grid.cell, self._cells.grid.columns) == (self.cell, columns)
        )
        if not same:
            self._cells = MapCells(space, self.cell, columns)
        if self._cells is not None:
            self.set_rows(self._cells.grid.rows)
        if self.address is None and len(space.vmas):
            self.address = int(space.vmas["start"][0])

    def _at(self) -> tuple[int, int] | None:
        """Row and column of the cursor."""
        if self._cells is None or self.address is None or not self._cells.grid.rows:
            return None
        return self._cells.grid.locate(self.address)

    def _put(self, address: int, *, tell: bool = False) -> None:
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
            self.post_message(self.Moved(address))

    def _put_cell(self, y: int, x: int) -> None:
        """Move to a cell, over a gap in the direction of the move."""
        at = self._at()
        if at is None or self._cells is None:
            return
        grid = self._cells.grid
        y = max(0, min(y, grid.rows - 1))
        if grid.row(y).gap:
            y += 1 if y >= at[0] else -1
        self._put(grid.address(y, x), tell=True)

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
        self._put_cell(self.row_count - 1 if last else 0, columns_for(self.room) * last)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the cell, or gap, under the mouse."""
        y = self.row_of_event(event)
        offset = event.get_content_offset(self)
        if y is None or y < 0 or offset is None or self._cells is None:
            return
        self._wanted_x = None
        self._put(self._cells.grid.address(y, max(0, offset.x - GUTTER)), tell=True)

    def on_resize(self) -> None:
        """Lay out for the new width; nothing is read again."""
        self._lay_out()
        at = self._at()
        if at:
            self.reveal(at[0])

    def heading(self, width: int) -> list[Segment]:
        """What a cell is, and where one is."""
        inks = self.inks
        facts = f"one cell is {whole_size(self.cell)}"
        row = whole_size(self.cell * columns_for(width))
        out = [
            Segment(" map ", inks.accent if self.has_focus else inks.strong),
            Segment(self.glyphs.text(f" {facts} · one row {row}"), inks.dim),
        ]
        at = self._at()
        place = f"row {thousands(at[0] + 1)} of {thousands(self.row_count)} " if at else ""
        return joined(out, [Segment(place, inks.dim)], width, inks)

    def is_cursor_row(self, y: int) -> bool:
        """The row of the cell cursor."""
        at = self._at()
        return at is not None and at[0] == y

    def row(self, y: int, width: int) -> list[Segment]:
        """One row of cells, or the label of a gap."""
        if self._cells is None or y >= self._cells.grid.rows:
            return []
        inks = self.inks
        row = self._cells.grid.row(y)
        at = self._at()
        here = at is not None and at[0] == y
        if row.gap:
            fold = inks.glyphs.fold
            words = fold_words(self._cells.space, row.start, row.end)
            label = f"{fold} {units.size(row.end - row.start)} {words} {fold}"
            out = [Segment(" " * GUTTER, inks.dim), Segment(fitted(label, len(label)), inks.dim)]
            return [out[0], *over(out[1:], inks.cell_cursor)] if here else out
        codes, shaded = self._cells.looks(y, self.top + self.page)
        gutter = Segment(f" {row.start:012x} ", inks.strong if here else inks.dim)
        drawn = cell_segments(codes, shaded, inks)
        return [gutter, *(put_cursor(drawn, at[1], inks) if here and at else drawn)]
