"""What stands in each of a row of cells, of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space import runs as runs_
from hpview.space.cell_class import CellClass
from hpview.space.columns import overlap
from hpview.wire import Backing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_SLOT_SHIFT: Final = 21
_ADDRESSES: Final = 1 << 63


_BY_AMOUNT: Final = np.array(
    [CellClass.HUGE_1G, CellClass.HUGE_2M, CellClass.PART_4K, CellClass.SWAP], dtype=np.uint8
)


@dataclass(frozen=True, slots=True)
class Cells:
    """Consecutive cells; arrays of int64, shape (count,), bytes unless told.

    Attributes:
        start: First address of each cell.
        end: Its end, exclusive.
        mapped: Covered by VMAs.
        bytes_4k: Present, mapped by PTEs.
        bytes_2m: Mapped by PMD leaves.
        bytes_1g: Mapped by PUD leaves.
        bytes_swap: Swapped out.
        bytes_zero: Mapping the zero page.
        unknown: In slots that could not be read.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    mapped: NDArray[np.int64]
    bytes_4k: NDArray[np.int64]
    bytes_2m: NDArray[np.int64]
    bytes_1g: NDArray[np.int64]
    bytes_swap: NDArray[np.int64]
    bytes_zero: NDArray[np.int64]
    unknown: NDArray[np.int64]


def cells(space: AddressSpace, start: int, count: int, cell: int) -> Cells:
    """Sum up what is known by cells.

    Every byte falls into one cell: sums over cells are those of the runs. Sums are exact
    at borders of slots; inside a slot, whose pages have no known places, bytes are spread
    evenly. Cost: O(r + count log r) for the r VMAs and runs within.

    Args:
        space: What is known.
        start: Address of the first cell, any.
        count: Cells.
        cell: Bytes per cell, at least 1.

    Raises:
        ValueError: The cells go beyond every address, or there are less than none.
    """
    if start < 0 or count < 0 or cell < 1 or start + count * cell >= _ADDRESSES:
        raise ValueError(f"{count} cells of {cell} bytes at {start:#x}")
    return between(space, np.arange(count + 1, dtype=np.int64) * cell + start)


def between(space: AddressSpace, edges: NDArray[np.int64]) -> Cells:
    """As ``cells``, for cells that reach from each edge to the next.

    Args:
        space: What is known.
        edges: Ascending addresses below 2**63, shape (count + 1,), at least one.
    """
    start, end = int(edges[0]), int(edges[-1])
    vmas = space.vmas
    vmas = vmas[overlap(vmas, start, end)]
    runs = space.runs_of(start, end)
    within_runs = _Ranges(runs, edges)
    zero = within_runs.spread(runs_.table_bytes(runs, "zero"))
    return Cells(
        start=edges[:-1],
        end=edges[1:],
        mapped=_Ranges(vmas, edges).covered(np.ones(len(vmas), dtype=np.bool_)),
        bytes_4k=within_runs.spread(runs_.table_bytes(runs, "present")),
        bytes_2m=within_runs.covered(runs_.range_mask(runs, Backing.PMD_2M)),
        bytes_1g=within_runs.covered(runs_.range_mask(runs, Backing.PUD_1G)),
        bytes_swap=within_runs.spread(runs_.table_bytes(runs, "swapped")),
        bytes_zero=zero + within_runs.covered(runs_.range_mask(runs, Backing.ZERO)),
        unknown=within_runs.covered(runs_.range_mask(runs, Backing.UNKNOWN)),
    )


class _Ranges:
    """Sorted, disjoint ranges, and where the edges of cells fall among them.

    Cells are differences of F(edge), the bytes below an edge: so none is lost or
    counted twice, whatever rounding there is inside a slot.
    """

    def __init__(self, ranges: Records, edges: NDArray[np.int64]) -> None:
        # Ends are below 2**63 (segment.parse refuses others), so int64 holds them.
        self._start = ranges["start"].astype(np.int64)
        self._end = ranges["end"].astype(np.int64)
        self._cells = len(edges) - 1
        self._slots = ((self._end - 1) >> _SLOT_SHIFT) - (self._start >> _SLOT_SHIFT) + 1
        self._at = np.searchsorted(self._start, edges, "right") - 1
        if not len(ranges):
            return
        at = np.maximum(self._at, 0)
        start, end = self._start[at], self._end[at]
        edge = np.clip(edges, start, end)
        self._reach = edge - start
        slot = edge >> _SLOT_SHIFT
        first = np.maximum(start, slot << _SLOT_SHIFT)
        last = np.minimum(end, (slot + 1) << _SLOT_SHIFT)
        self._full_slots = slot - (start >> _SLOT_SHIFT)
        self._into_slot = edge - first
        self._slot_size = np.maximum(last - first, 1)

    def covered(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Bytes of each cell that lie in the ranges selected, shape (count,)."""
        if not mask.any():
            return np.zeros(self._cells, dtype=np.int64)
        lengths = np.where(mask, self._end - self._start, 0)
        return self._differences(lengths, np.where(mask[self._at], self._reach, 0))

    def spread(self, per_slot: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bytes of each cell when each slot of a range has so many, shape (count,)."""
        if not per_slot.any():
            return np.zeros(self._cells, dtype=np.int64)
        here = per_slot[self._at]
        part = here * self._full_slots + here * self._into_slot // self._slot_size
        return self._differences(per_slot * self._slots, part)

    def _differences(self, wholes: NDArray[np.int64], part: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cells from the bytes of each range and those of the range at each edge below it."""
        before = np.cumsum(wholes) - wholes
        below = np.where(self._at < 0, 0, before[self._at] + part)
        return np.diff(below)


def classify(cells: Cells) -> NDArray[np.uint8]:
    """Choose what each cell is drawn as, ``CellClass``, shape (count,).

    The backing with most bytes wins, the larger page first among equals; swap counts as
    one. Without any: UNKNOWN if some could not be read, ZERO if there are zero pages,
    else EMPTY. 4k is graded by its bytes in the mapped part of the cell.
    """
    amounts = np.stack((cells.bytes_1g, cells.bytes_2m, cells.bytes_4k, cells.bytes_swap))
    out: NDArray[np.uint8] = _BY_AMOUNT[amounts.argmax(axis=0)]
    small = out == CellClass.PART_4K
    out[small & (cells.bytes_4k * 8 >= cells.mapped * 7)] = CellClass.FULL_4K
    out[small & (cells.bytes_4k * 8 < cells.mapped)] = CellClass.SPARSE_4K
    none = ~amounts.any(axis=0)
    out[none] = CellClass.EMPTY
    out[none & (cells.bytes_zero > 0)] = CellClass.ZERO
    out[none & (cells.unknown > 0)] = CellClass.UNKNOWN
    out[cells.mapped == 0] = CellClass.UNMAPPED
    return out
