"""What the map looks like: rows of cells, folded gaps, the overview at the side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.strip import Strip

from hpview import units
from hpview.space.changelog import NO_MARKS
from hpview.space.fine import Pages
from hpview.space.slots import CellClass
from hpview.ui.marks import put_marks
from hpview.ui.paint import cell_segments, fitted, joined, over, put_cursor, width_of
from hpview.ui.widgets.extents import fold_words
from hpview.ui.widgets.line import finished
from hpview.ui.widgets.map_cells import MapCells
from hpview.ui.widgets.scroll import HEADING, Frame, HeadedScroll
from hpview.units import thousands
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.space.changelog import Marks
    from hpview.ui.palette import Glyphs

GUTTER: Final = 14
"""Terminal cells before the first map cell: a margin, 12 digits, a space."""

OVERVIEW: Final = 3
"""Terminal cells of the overview: a space, the mark of what is visible, a cell."""

_COLUMN_STEP: Final = 8


def columns_for(width: int) -> int:
    """Map cells in a row of a pane, a multiple of 8 where there is room."""
    room = max(1, width - GUTTER - 1)
    return room // _COLUMN_STEP * _COLUMN_STEP or room


def whole_size(size: int) -> str:
    """A size that is a whole number of some unit: ``2 MiB``, not ``2.0 MiB``."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size >> 10} KiB"


class MapPane(HeadedScroll, can_focus=True):
    """Cells of an address space; the cursor is an address, whatever the zoom.

    Attributes:
        address: Where the cursor is; None before the first VMA.
        cell: Bytes per cell.
        pages: Single pages, for cells smaller than a slot.
    """

    def __init__(self, glyphs: Glyphs, cell: int = SLOT_SIZE, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.address: int | None = None
        self.cell = cell
        self.pages = Pages()
        self._space: AddressSpace | None = None
        self._cells: MapCells | None = None
        self._marks = NO_MARKS
        self._stretches: dict[tuple[int, int], Segment] = {}
        self._drawn: dict[int, tuple[list[Segment], int]] = {}
        self._cursor_at: tuple[int, int] | None = None
        self._overview: list[list[Segment]] = []

    @property
    def room(self) -> int:
        """Terminal cells of a row, without the overview."""
        return max(0, super().room - OVERVIEW)

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

    @property
    def on_gap(self) -> bool:
        """The cursor is on a folded gap."""
        at = self._at()
        return at is not None and self._cells is not None and self._cells.grid.row(at[0]).gap

    def show(self, space: AddressSpace) -> None:
        """Take an address space, or the same one grown; the cursor keeps its address."""
        self._space = space
        self._lay_out()

    def mark(self, marks: Marks) -> None:
        """Mark what changed, and no longer what was marked."""
        self._marks = marks
        self.set_rows(self.row_count)

    def wanted_pages(self) -> NDArray[np.uint64] | None:
        """Slots of which the visible cells show less than could be known; None for none."""
        if self._cells is None:
            return None
        slots = self._cells.wanted(self.top, self.top + self.page - 1)
        return slots if len(slots) else None

    def add_pages(self, slots: NDArray[np.uint64], states: NDArray[np.uint8]) -> None:
        """Draw pages that were read; arguments as of ``Pages.add``."""
        self.pages.add(slots, states)
        self._draw_anew()

    def forget_pages(self) -> None:
        """Drop what was read of single pages: it is old."""
        self.pages.clear()
        self._draw_anew()

    def outdate_pages(self, starts: NDArray[np.uint64], ends: NDArray[np.uint64]) -> None:
        """See ``Pages.outdate``."""
        self.pages.outdate(starts, ends)
        self._draw_anew()

    def _draw_anew(self) -> None:
        if self._cells is not None:
            self._cells.forget()
            self.set_rows(self.row_count)

    def _lay_out(self) -> bool:
        """Lay out for the width and cell in force; whether anything changed."""
        space = self._space
        if space is None or not self.room:
            return False
        if self.address is None and len(space.vmas):
            self.address = int(space.vmas["start"][0])
        columns = columns_for(self.room)
        cells = self._cells
        if (
            cells is not None
            and cells.space is space
            and cells.version == space.version
            and (cells.grid.cell, cells.grid.columns) == (self.cell, columns)
        ):
            return False
        self._cells = MapCells(space, self.pages, self.cell, columns)
        self.set_rows(self._cells.grid.rows)
        return True

    def _at(self) -> tuple[int, int] | None:
        """Row and column of the cursor."""
        if self._cells is None or self.address is None or not self._cells.grid.rows:
            return None
        return self._cells.grid.locate(self.address)

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
        at = self._cursor_at
        here = at is not None and at[0] == y
        if row.gap:
            fold = inks.glyphs.fold
            words = fold_words(self._cells.space, row.start, row.end)
            label = f"{fold} {units.size(row.end - row.start)} {words} {fold}"
            out = [Segment(" " * GUTTER, inks.dim), Segment(fitted(label, len(label)), inks.dim)]
            return [out[0], *over(out[1:], inks.cell_cursor)] if here else out
        looks = self._cells.looks(y, self.top + self.page)
        gutter = Segment(f" {row.start:012x} ", inks.strong if here else inks.dim)
        # A stretch looks the same wherever it is, and a screen has thousands of them.
        kept = self._stretches
        drawn = [kept.get(look) or self._stretch(look) for look in looks]
        if len(self._marks.start):
            count = (row.end - row.start) // self.cell
            drawn = put_marks(drawn, *self._marks.cells(row.start, count, self.cell), inks)
        return [gutter, *(put_cursor(drawn, at[1], inks) if here and at else drawn)]

    def frame(self) -> Frame:
        """With the cursor and the overview."""
        self._cursor_at = self._at()
        self._overview = self._drawn_overview()
        return super().frame()

    def render_line(self, y: int) -> Strip:
        """A line of rows, and of the overview beside them."""
        frame = self._frame or self.frame()
        row, line = frame.top + y - HEADING, y - HEADING
        if line >= 0 and row < self.row_count:
            drawn, length = self._drawn_row(row, frame)
        else:
            drawn = self._other(y, row, frame)
            length = width_of(drawn)
        beside = self._overview[line] if 0 <= line < len(self._overview) else []
        width = frame.room + OVERVIEW
        filling = width - length - (OVERVIEW if beside else 0)
        if filling < 0:
            return finished(drawn, frame.room, frame.inks)
        return Strip([*drawn, Segment(" " * filling, frame.inks.text), *beside], width)

    def _drawn_row(self, y: int, frame: Frame) -> tuple[list[Segment], int]:
        """A row and its width; kept, but for the one with the cursor."""
        here = self._cursor_at is not None and self._cursor_at[0] == y
        found = None if here else self._drawn.get(y)
        if found is None:
            segments = self.row(y, frame.room)
            # Everything in a row is one terminal cell a character.
            found = segments, sum([len(segment.text) for segment in segments])
            if not here:
                self._drawn[y] = found
        return found

    def _stretch(self, look: tuple[int, int]) -> Segment:
        (drawn,) = cell_segments([look], self.inks)
        self._stretches[look] = drawn
        return drawn

    def set_rows(self, count: int) -> None:
        """See ``HeadedScroll``."""
        self._drawn.clear()
        super().set_rows(count)

    def notify_style_update(self) -> None:
        """See ``HeadedScroll``."""
        self._drawn.clear()
        self._stretches.clear()
        super().notify_style_update()

    def _drawn_overview(self) -> list[list[Segment]]:
        """The whole space, line by line, and which lines are among the visible rows."""
        rows = self.row_count
        if self._cells is None or not rows:
            return []
        codes = self._cells.overview(self.page).tolist()
        inks = self.inks
        first = self.top * len(codes) // rows
        last = (min(self.top + self.page, rows) - 1) * len(codes) // rows
        beside = Segment("  ", inks.text)
        within = Segment(f" {inks.glyphs.view}", inks.text)
        cells = [Segment(*inks.cell(kind)) for kind in CellClass]
        return [
            [within if first <= line <= last else beside, cells[code]]
            for line, code in enumerate(codes)
        ]
