"""The rows of the map as arrays, worked out block by block and kept."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space import holes
from hpview.space.columns import numbers_in, overlap
from hpview.space.fine import MOST
from hpview.space.slots import CellClass, Layout, Row, between, cells, classify
from hpview.ui.widgets.extents import extents
from hpview.wire import SLOT_SIZE, VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.space.fine import Pages
    from hpview.space.slots import Cells

    Looks = list[tuple[int, int]]
    """The cells of a row by stretches of equal ones, as ``paint.cell_segments`` takes them."""

FOLD_ROWS: Final = 4
"""Rows without anything in them from which on they are folded."""

_KEPT: Final = 4096
_MOST_WANTED: Final = 512
"""Slots whose pages are asked for at a time: at most 1 GiB of addresses."""


def classes(space: AddressSpace, found: Cells) -> NDArray[np.uint8]:
    """As ``classify``, but VMAs that were not walked are unknown rather than empty."""
    codes = classify(found)
    if not len(codes):
        return codes
    vmas = space.vmas[overlap(space.vmas, int(found.start[0]), int(found.end[-1]))]
    for vma in vmas[(vmas["flags"] & VmaFlag.SKIPPED) != 0]:
        low = int(np.searchsorted(found.end, int(vma["start"]), "right"))
        part = codes[low : int(np.searchsorted(found.start, int(vma["end"]), "left"))]
        part[part == CellClass.EMPTY] = CellClass.UNKNOWN
    return codes


def stretches(looks: NDArray[np.uint8], columns: int) -> list[Looks]:
    """Rows of cells by stretches of equal ones.

    Args:
        looks: Of each cell, shape (n,), n > 0.
        columns: Cells in a row; the last one may be shorter.

    Returns:
        For each row how many cells, and their look.
    """
    ends = np.ones(len(looks), dtype=np.bool_)
    np.not_equal(looks[1:], looks[:-1], out=ends[:-1])
    ends[columns - 1 :: columns] = True
    at = np.flatnonzero(ends)
    counts = np.diff(at, prepend=-1).tolist()
    found = list(zip(counts, looks[at].tolist(), strict=True))
    firsts = np.searchsorted(at, np.arange(0, len(looks), columns)).tolist()
    return [found[a:b] for a, b in pairwise([*firsts, len(found)])]


class MapCells:
    """What the cells of a layout look like at one version of an address space.

    Attributes:
        space: The address space.
        pages: Single pages, for cells smaller than a slot.
        grid: Its layout; made of the VMAs at the time.
        version: ``space.version`` at the time.
    """

    def __init__(self, space: AddressSpace, pages: Pages, cell: int, columns: int) -> None:
        self.space = space
        self.pages = pages
        self.version = space.version
        self.grid = Layout(
            extents(space, FOLD_ROWS * columns * cell, cell), cell=cell, columns=columns
        )
        self._looks: dict[int, Looks] = {}
        self._mini: tuple[int, NDArray[np.uint8]] = (-1, np.zeros(0, dtype=np.uint8))

    def looks(self, y: int, last: int) -> Looks:
        """The cells of row ``y``, which is no gap.

        Rows of one block are consecutive addresses: those up to ``last`` are worked out
        in the same go.
        """
        if y not in self._looks:
            if len(self._looks) > _KEPT:
                self._looks.clear()
            self._fill(y, last)
        return self._looks[y]

    def _block(self, y: int, last: int) -> list[Row]:
        """Row ``y``, which is no gap, and those up to ``last`` whose addresses follow."""
        grid = self.grid
        rows = [grid.row(y)]
        while y + len(rows) <= min(last, grid.rows - 1):
            following = grid.row(y + len(rows))
            if following.gap or following.start != rows[-1].end:
                break
            rows.append(following)
        return rows

    def _fill(self, y: int, last: int) -> None:
        grid = self.grid
        rows = self._block(y, last)
        start = rows[0].start
        count = (rows[-1].end - start) // grid.cell
        found = cells(self.space, start, count, grid.cell)
        if grid.cell < SLOT_SIZE:
            self.pages.refine(found, grid.cell)
        codes = classes(self.space, found)
        ends = (found.start + (grid.cell - 1)).astype(np.uint64)
        shaded = np.searchsorted(self.space.vmas["start"], ends, "right") & 1
        looks = stretches(codes * 2 + shaded.astype(np.uint8), grid.columns)
        self._looks.update(enumerate(looks, y))

    def forget(self) -> None:
        """Work the cells out anew: pages became known."""
        self._looks.clear()

    def wanted(self, first: int, last: int) -> NDArray[np.uint64]:
        """Slots in rows ``first`` to ``last`` whose pages would tell more than their runs.

        Returns:
            Their first addresses, ascending, some at a time; none where cells are not
            smaller than a slot.
        """
        slots = np.zeros(0, dtype=np.int64)
        grid = self.grid
        y, last = first, min(last, grid.rows - 1)
        while grid.cell < SLOT_SIZE and y <= last:
            if grid.row(y).gap:
                y += 1
                continue
            rows = self._block(y, last)
            slots = np.concatenate((slots, self._unsettled(rows[0].start, rows[-1].end)))
            y += len(rows)
        # More than can be kept would be read for ever.
        addresses = np.unique(slots)[:MOST].astype(np.uint64) * np.uint64(SLOT_SIZE)
        return self.pages.lacking(addresses)[:_MOST_WANTED]

    def _unsettled(self, start: int, end: int) -> NDArray[np.int64]:
        """The slots of ``holes.unsettled`` in a range, as multiples of their size."""
        runs = holes.unsettled(self.space, start, end)
        low = np.maximum(runs["start"].astype(np.int64), start) // SLOT_SIZE
        high = -(-np.minimum(runs["end"].astype(np.int64), end) // SLOT_SIZE)
        return numbers_in(low, high - low)

    def overview(self, height: int) -> NDArray[np.uint8]:
        """The whole layout in at most ``height`` lines: the CellClass of each."""
        if self._mini[0] != height:
            rows = self.grid.rows
            lines = min(height, rows)
            tops = [self.grid.row(i * rows // lines).start for i in range(lines)]
            edges = [*tops, self.grid.row(rows - 1).end] if lines else [0]
            found = between(self.space, np.array(edges, dtype=np.int64))
            self._mini = (height, classes(self.space, found))
        return self._mini[1]
