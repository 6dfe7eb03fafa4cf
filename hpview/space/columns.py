"""Sorted rows that grow at the end, and the arithmetic of address ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

_FIRST_CAPACITY: Final = 512
_ROOM: Final = 8 << 20
"""Bytes a column gets when the first rows are full: more than any process has VMAs for
(vm.max_map_count). The kernel gives memory only for what is written, and by 2 MB pages:
numpy asks for them from 4 MiB on."""
_END_OF_ALL: Final = np.array([2**64 - 1], dtype=np.uint64)
_ZERO: Final = np.zeros(1, dtype=np.uint64)


class Column:
    """Structured rows in one buffer with amortised growth.

    Attributes:
        count: Rows in use.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._buffer: Records = np.zeros(0, dtype=dtype)
        self.count = 0

    @property
    def rows(self) -> Records:
        """The rows in use, writable; stale after the next change of their number."""
        return self._buffer[: self.count]

    @property
    def frozen(self) -> Records:
        """The rows in use, read-only."""
        view = self._buffer[: self.count]
        view.flags.writeable = False
        return view

    def splice(self, lo: int, hi: int, rows: Records) -> None:
        """Put ``rows`` in the place of rows ``lo`` to ``hi`` (exclusive)."""
        count = self.count - (hi - lo) + len(rows)
        self._reserve(count)
        moved = lo + len(rows)
        if hi < self.count and moved != hi:
            self._copy(moved, self._buffer[hi : self.count].copy())
        self._copy(lo, rows)
        self.count = count

    def clear(self) -> None:
        """Drop all rows and their memory."""
        self._buffer = np.zeros(0, dtype=self._dtype)
        self.count = 0

    def _reserve(self, count: int) -> None:
        capacity = len(self._buffer)
        if count <= capacity:
            return
        wanted = _ROOM // self._dtype.itemsize if capacity else _FIRST_CAPACITY
        grown = np.empty(max(count, 2 * capacity if capacity >= wanted else wanted), self._dtype)
        known, self._buffer = self.rows, grown
        self._copy(0, known)

    def _copy(self, at: int, rows: Records) -> None:
        # As bytes: numpy copies structured rows field by field, ten times slower.
        size = self._dtype.itemsize
        to = self._buffer.view(np.uint8)[at * size : (at + len(rows)) * size]
        to[:] = np.ascontiguousarray(rows).view(np.uint8)


def overlap(rows: Records, start: int, end: int) -> slice:
    """The slice of sorted, disjoint rows that have an address in ``[start, end)``."""
    ends = rows["end"]
    if not len(rows) or int(ends[-1]) <= start:
        return slice(len(rows), len(rows))
    # uint64 on purpose: with a Python int numpy would compare as float64, which is
    # wrong from 2**53 on, and copy the whole column to do so.
    lo = int(np.searchsorted(ends, np.uint64(start), "right"))
    hi = int(np.searchsorted(rows["start"], np.uint64(end), "left"))
    return slice(lo, max(lo, hi))


def subtract(
    starts: NDArray[np.uint64],
    ends: NDArray[np.uint64],
    hole_starts: NDArray[np.uint64],
    hole_ends: NDArray[np.uint64],
) -> tuple[NDArray[np.intp], NDArray[np.uint64], NDArray[np.uint64]]:
    """What is left of ranges when holes are taken out of them.

    Args:
        starts: First addresses of sorted, disjoint ranges, shape (n,).
        ends: Their ends, exclusive, shape (n,).
        hole_starts: First addresses of sorted, disjoint holes, shape (m,).
        hole_ends: Their ends, exclusive, shape (m,).

    Returns:
        For each piece left, ascending: the index of the range it was cut from, its
        start and its end. A range without a hole is one piece, a covered one none.
    """
    first = np.searchsorted(hole_ends, starts, "right")
    last = np.searchsorted(hole_starts, ends, "left")
    gaps = last - first + 1
    index = np.repeat(np.arange(len(starts)), gaps)
    gap = np.arange(len(index)) + np.repeat(first - (np.cumsum(gaps) - gaps), gaps)
    lo = np.maximum(starts[index], np.concatenate((_ZERO, hole_ends))[gap])
    hi = np.minimum(ends[index], np.concatenate((hole_starts, _END_OF_ALL))[gap])
    left = lo < hi
    return index[left], lo[left], hi[left]


def numbers_in(first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every number of ranges of integers, one range after the other.

    Args:
        first: First numbers, shape (n,).
        count: How many each has, shape (n,).
    """
    before = np.cumsum(count) - count
    numbers: NDArray[np.int64] = np.arange(int(count.sum())) + np.repeat(first - before, count)
    return numbers


def found_at(
    keys: NDArray[np.uint64], wanted: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Look values up.

    Args:
        keys: Sorted, distinct, shape (n,).
        wanted: Shape (m,).

    Returns:
        Where each would stand among the keys, which may be behind the last, and which of
        them are there, shape (m,) each.
    """
    at = np.searchsorted(keys, wanted)
    there: NDArray[np.bool_] = at < len(keys)
    there[there] = keys[at[there]] == wanted[there]
    return at, there


def by_start(some: Records, more: Records) -> Records:
    """Rows of two arrays in the order of their ``start``."""
    both = np.concatenate((some, more))
    return both.take(np.argsort(both["start"], kind="stable"))
