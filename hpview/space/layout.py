"""Where an address stands on a map of cells, with the unmapped stretches folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from hpview.wire import Records


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a layout.

    Attributes:
        gap: It stands for a folded, unmapped stretch and has no cells.
        start: Address of its first cell, or of the stretch.
        end: End of its last cell, or of the stretch, exclusive.
    """

    gap: bool
    start: int
    end: int


class Layout:
    """Rows of cells over blocks of VMAs.

    VMAs whose cells touch, or that are less than one row of cells apart, share a block.
    A block begins in column 0 with the cell of its first VMA; between two blocks stands
    one gap row. Nothing is kept per row or per cell: a terabyte in pages costs nothing.

    Attributes:
        cell: Bytes per cell.
        columns: Cells per row.
        rows: Rows in all, gap rows included; 0 without VMAs.
    """

    def __init__(self, vmas: Records, *, cell: int, columns: int) -> None:
        """Lay out VMAs.

        Args:
            vmas: dtype VMA, sorted, disjoint.
            cell: Bytes per cell, a power of two from 4096 on.
            columns: Cells per row, at least 1.

        Raises:
            ValueError: ``cell`` or ``columns`` is not like that.
        """
        if cell < PAGE_SIZE or cell & (cell - 1):
            raise ValueError(f"a cell of {cell} bytes: not a power of two from {PAGE_SIZE} on")
        if columns < 1:
            raise ValueError(f"{columns} columns")
        self.cell = cell
        self.columns = columns
        # Cell numbers are below 2**51 and fit int64, in which differences are safe.
        shift = np.uint64(cell.bit_length() - 1)
        first = (vmas["start"] >> shift).astype(np.int64)
        end = ((vmas["end"] - np.uint64(1)) >> shift).astype(np.int64) + 1
        breaks = np.flatnonzero(first[1:] - end[:-1] >= columns) + 1
        self._first = np.concatenate((first[:1], first[breaks]))
        self._end = np.concatenate((end[breaks - 1], end[-1:]))
        heights = -((self._first - self._end) // columns)
        self._top = np.cumsum(heights + 1) - (heights + 1)
        self._height = heights
        self.rows = int(self._top[-1] + heights[-1]) if len(heights) else 0

    def row(self, y: int) -> Row:
        """The row ``y``.

        Raises:
            IndexError: There is no such row.
        """
        if not 0 <= y < self.rows:
            raise IndexError(f"row {y} of {self.rows}")
        block = int(np.searchsorted(self._top, y, "right")) - 1
        within = y - int(self._top[block])
        end = int(self._end[block])
        if within == self._height[block]:
            return Row(True, end * self.cell, int(self._first[block + 1]) * self.cell)
        start = int(self._first[block]) + within * self.columns
        return Row(False, start * self.cell, min(start + self.columns, end) * self.cell)

    def locate(self, addr: int) -> tuple[int, int]:
        """The row and column of the cell that holds an address.

        Within a gap that is the gap row, column 0; below or above everything the first
        or last cell.

        Raises:
            IndexError: There are no rows.
        """
        if not self.rows:
            raise IndexError("no rows")
        cell = min(max(addr // self.cell, int(self._first[0])), int(self._end[-1]) - 1)
        block = int(np.searchsorted(self._first, cell, "right")) - 1
        top = int(self._top[block])
        if cell >= self._end[block]:
            return top + int(self._height[block]), 0
        y, x = divmod(cell - int(self._first[block]), self.columns)
        return top + y, x

    def address(self, y: int, x: int) -> int:
        """The first address of the cell at row ``y``, column ``x``.

        A column behind the last cell of its row means that cell; every column of a gap
        row means the start of the gap.

        Raises:
            IndexError: There is no such row, or ``x`` is negative.
        """
        if x < 0:
            raise IndexError(f"column {x}")
        row = self.row(y)
        if row.gap:
            return row.start
        return min(row.start + x * self.cell, row.end - self.cell)
