"""The rows of the map as arrays, worked out block by block and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpview.space.slots import CellClass, Layout, Row, cells, classify
from hpview.ui.widgets.extents import extents
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.space.slots import Cells

    Looks = tuple[NDArray[np.uint8], NDArray[np.bool_]]
    """CellClass of each cell of a row, and which belong to every other VMA."""

FOLD_ROWS = 4
"""Rows without anything in them from which on they are folded."""

_KEPT = 4096


def classes(space: AddressSpace, found: Cells, cell: int) -> NDArray[np.uint8]:
    """As ``classify``, but VMAs that were not walked are unknown rather than empty."""
    codes = classify(found)
    if not len(codes):
        return codes
    start, end = int(found.start[0]), int(found.start[-1]) + cell
    vmas = space.vmas
    first = int(np.searchsorted(vmas["end"], np.uint64(start), "right"))
    last = int(np.searchsorted(vmas["start"], np.uint64(end)))
    inside = vmas[first:last]
    for vma in inside[(inside["flags"] & VmaFlag.SKIPPED) != 0]:
        lo = max(0, (int(vma["start"]) - start) // cell)
        part = codes[lo : (int(vma["end"]) - 1 - start) // cell + 1]
        part[part == CellClass.EMPTY] = CellClass.UNKNOWN
    return codes


class MapCells:
    """What the cells of a layout look like at one version of an address space.

    Attributes:
        space: The address space.
        grid: Its layout; made of the VMAs at the time.
        version: ``space.version`` at the time.
    """

    def __init__(self, space: AddressSpace, cell: int, columns: int) -> None:
        self.space = space
        self.version = space.version
        self.grid = Layout(
            extents(space, FOLD_ROWS * columns * cell, cell), cell=cell, columns=columns
        )
        self._looks: dict[int, Looks] = {}

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

    def _fill(self, y: int, last: int) -> None:
        grid = self.grid
        rows: list[Row] = [grid.row(y)]
        while y + len(rows) <= min(last, grid.rows - 1):
            following = grid.row(y + len(rows))
            if following.gap or following.start != rows[-1].end:
                break
            rows.append(following)
        start = rows[0].start
        count = (rows[-1].end - start) // grid.cell
        found = cells(self.space, start, count, grid.cell)
        codes = classes(self.space, found, grid.cell)
        ends = (found.start + (grid.cell - 1)).astype(np.uint64)
        shaded = (np.searchsorted(self.space.vmas["start"], ends, "right") & 1) == 1
        for i in range(len(rows)):
            part = slice(i * grid.columns, (i + 1) * grid.columns)
            self._looks[y + i] = (codes[part], shaded[part])
