"""The list of VMAs of one process: sorted, filtered, steady while more of them arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.segment import Segment
from textual.binding import Binding, BindingType

from hpview.reasons.reason import Reason
from hpview.space.listing import RISING, Only, arranged, counted
from hpview.ui.paint import fitted
from hpview.ui.widgets import columns, vma_columns
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_columns import Verdict
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs

    Mask = Callable[[AddressSpace], NDArray[np.bool_]]
    """Chooses VMAs, bool, shape (n,)."""

    Mains = Callable[[AddressSpace], NDArray[np.uint8]]
    """The main ``Reason`` of each VMA, shape (n,)."""


class VmaList(RowList):
    """VMAs; the current one is remembered by its start.

    Attributes:
        sort: Key of the column that it is sorted by.
        reverse: Against that column's own direction.
        only: Which VMAs are listed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Map", show=False, tooltip="Go to it on the map"),
    ]

    def __init__(self, glyphs: Glyphs, mains: Mains, *, id: str | None = None) -> None:
        """Make an empty list.

        Args:
            glyphs: The character set.
            mains: Why VMAs are not huge, as far as it is known.
            id: For the style sheet.
        """
        super().__init__(glyphs, id=id)
        self._mains = mains
        self._counted: tuple[AddressSpace, int, NDArray[np.int64]] | None = None
        self.sort = "address"
        self.reverse = False
        self.only = Only.ALL
        self._mask: Mask | None = None
        self._space: AddressSpace | None = None
        self._order: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._current: int | None = None

    @property
    def index(self) -> int:
        """The current VMA in ``AddressSpace.vmas``, or -1."""
        return int(self._order[self.cursor]) if self.cursor < len(self._order) else -1

    def index_of(self, row: int) -> int:
        """The VMA of a row."""
        return int(self._order[row])

    def action_open(self) -> None:
        """Go to the current VMA on the map."""
        if self.index >= 0:
            self.post_message(self.Opened(self))

    def show(self, space: AddressSpace) -> None:
        """Take an address space, or the same one grown; the cursor keeps its VMA and line."""
        line = self.line_of(self.cursor)
        self._space = space
        self._arrange()
        if line is not None and self.cursor - self.top != line:
            self.scroll_rows_to(self.cursor - line)

    def show_reasons(self) -> None:
        """Other reasons are known."""
        if self._space is not None:
            self.show(self._space)

    def choose(self, mask: Mask | None) -> None:
        """List only VMAs that a filter lets through; None lists all."""
        self._mask = mask
        self._arrange()

    def list_only(self, only: Only) -> None:
        """List all VMAs, the huge-able ones, or those with holes."""
        self.only = only
        self._arrange()

    def put_index(self, index: int) -> None:
        """Make a VMA the current one, if it is listed, without telling anybody."""
        rows = np.flatnonzero(self._order == index)
        if len(rows):
            self.put_cursor(int(rows[0]))

    def neighbour(self, address: int, step: int) -> int:
        """The listed VMA that begins next above (1) or below (-1) an address, or -1."""
        if self._space is None or not len(self._order):
            return -1
        in_order = self.sort == "address" and not self.reverse
        listed = self._order if in_order else np.sort(self._order)
        starts = self._space.vmas["start"][listed]
        if step > 0:
            at = int(np.searchsorted(starts, np.uint64(address), "right"))
        else:
            at = int(np.searchsorted(starts, np.uint64(address), "left")) - 1
        return int(listed[at]) if 0 <= at < len(listed) else -1

    def move_sort(self, step: int) -> None:
        """Sort by a visible column to the left or to the right."""
        placed = vma_columns.places(self.room - 1)
        if placed:  # none while the list is hidden
            self.sort_by(columns.beside(placed, self.sort, step))

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same one again: the other way round."""
        self.reverse = not self.reverse if key == self.sort else False
        self.sort = key
        self._arrange()

    def sort_at(self, x: int) -> None:
        """Sort by the column at a terminal cell of the heading."""
        key = columns.column_at(vma_columns.places(self.room - 1), x - 1)
        if key is not None:
            self.sort_by(key)

    def put_cursor(self, index: int) -> None:
        """See ``RowList``; the VMA is remembered."""
        super().put_cursor(index)
        if self._space is not None and self.index >= 0:
            self._current = int(self._space.vmas["start"][self.index])

    def _arrange(self) -> None:
        space = self._space
        if space is None:
            return
        keep = self._mask(space) if self._mask is not None else None
        self._order = arranged(
            space,
            self.sort,
            reverse=self.reverse,
            only=self.only,
            keep=keep,
            ranks=self._ranks(space) if self.sort == "why" else None,
        )
        self.set_rows(len(self._order))
        if self._current is not None:
            at = space.index_at(self._current)
            rows = np.flatnonzero(self._order == at)
            self.cursor = int(rows[0]) if len(rows) else self.cursor
        self.cursor = max(0, min(self.cursor, len(self._order) - 1))

    def _ranks(self, space: AddressSpace) -> NDArray[np.float64]:
        """VMAs with one reason together; NaN where nothing is missed."""
        mains = self._mains(space)
        ranks: NDArray[np.float64] = np.where(mains == Reason.NONE, np.nan, mains)
        return ranks

    def _verdict(self, space: AddressSpace, index: int) -> Verdict:
        if self._counted is None or self._counted[:2] != (space, space.version):
            self._counted = space, space.version, counted(space)
        return Verdict(Reason(int(self._mains(space)[index])), int(self._counted[2][index]))

    def content(self, y: int) -> Hashable:
        """All that a row shows of its VMA."""
        if self._space is None or y >= len(self._order):
            return None
        index = self.index_of(y)
        name, verdict = self._space.name_of(index), self._verdict(self._space, index)
        return self._space.vmas[index].tobytes(), name, verdict

    def forget_rows(self) -> None:
        """Keep them: while more is read, what is known stays as it is."""

    def heading(self, width: int) -> list[Segment]:
        """How many there are, and the titles."""
        inks = self.inks
        falling = (self.sort not in RISING) != self.reverse
        placed = vma_columns.places(width - 1)
        titles = columns.titles(placed, self.sort, falling=falling, inks=inks)
        total = len(self._space.vmas) if self._space is not None else 0
        count = thousands(self.row_count)
        words = f"{count} VMAs" if self.row_count == total else f"{count} of {thousands(total)}"
        if self.sort == "address":
            words += inks.glyphs.down if falling else inks.glyphs.up
        style = inks.accent if self.has_focus else inks.strong
        first = titles[0].cell_length
        return [
            Segment(" ", inks.dim),
            Segment(fitted(words, first - 1) + " ", style),
            *titles[1:],
        ]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one VMA."""
        if self._space is None or y >= len(self._order):
            return []
        index = int(self._order[y])
        if index >= len(self._space.vmas):
            return []
        verdict = self._verdict(self._space, index)
        return vma_columns.vma_row(self._space, index, verdict, width, self.inks)
