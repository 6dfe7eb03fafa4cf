"""Which parts of the VMAs the map draws: long stretches with nothing in them are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpview.space.columns import numbers_in
from hpview.space.vma import VMA, Mark
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_UNSEEN = int(VmaFlag.SKIPPED | VmaFlag.READ_ERROR)
_FAR = 1 << 60
"""Beyond any distance; sums with it stay below 2**63."""


def extents(space: AddressSpace, fold: int, cell: int) -> Records:
    """VMAs, without the stretches of at least ``fold`` bytes in which no run lies.

    A reservation of a terabyte with three pages in it would otherwise be ten thousand
    rows of nothing. The first and the last cell of a VMA are always kept.

    Args:
        space: What is known.
        fold: Bytes.
        cell: Bytes per cell.

    Returns:
        dtype VMA, of which only ``start`` and ``end`` are meant, sorted, disjoint.
    """
    vmas, fold, cell = space.vmas, min(fold, _FAR), min(cell, _FAR)
    # Those too small for such a stretch are most of them: nothing is worked out for them.
    whole = vmas["end"] - vmas["start"] < np.uint64(fold)
    whole |= (vmas["flags"] & _UNSEEN) != 0
    if whole.all():
        return vmas
    large = vmas[~whole]
    start, end = large["start"].astype(np.int64), large["end"].astype(np.int64)
    runs, owner = _inside(space.runs, start, end)
    # What is kept: of each VMA its first cell, its runs, its last cell.
    low = np.concatenate((start, runs["start"].astype(np.int64), np.maximum(end - cell, start)))
    high = np.concatenate((np.minimum(start + cell, end), runs["end"].astype(np.int64), end))
    of = np.concatenate((np.arange(len(large)), owner, np.arange(len(large))))
    order = np.argsort(low, kind="stable")
    low, of = low[order], of[order]
    high = np.maximum.accumulate(high[order])
    begins = np.ones(len(low), dtype=np.bool_)
    begins[1:] = (of[1:] != of[:-1]) | (low[1:] - high[:-1] >= fold)
    at = np.flatnonzero(begins)
    starts = np.concatenate((vmas["start"][whole], low[at].astype(np.uint64)))
    ends = high[np.append(at[1:], len(low)) - 1].astype(np.uint64)
    order = np.argsort(starts, kind="stable")
    out = np.zeros(len(starts), dtype=VMA)
    out["start"] = starts[order]
    out["end"] = np.concatenate((vmas["end"][whole], ends))[order]
    return out


def _inside(
    runs: Records, start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[Records, NDArray[np.intp]]:
    """The runs that begin in some disjoint ranges, and in which of them each does."""
    first = np.searchsorted(runs["start"], start.astype(np.uint64))
    counts = np.searchsorted(runs["start"], end.astype(np.uint64)) - first
    return runs[numbers_in(first, counts)], np.repeat(np.arange(len(start)), counts)


def fold_words(space: AddressSpace, start: int, end: int) -> str:
    """What a folded stretch is: unmapped, mapped with nothing there, or some of each."""
    vmas = space.vmas
    first = int(np.searchsorted(vmas["end"], np.uint64(start), "right"))
    last = int(np.searchsorted(vmas["start"], np.uint64(end)))
    inside = vmas[first:last]
    lo = np.maximum(inside["start"], np.uint64(start))
    hi = np.minimum(inside["end"], np.uint64(end))
    mapped = int((hi - lo).sum())
    unread = bool((inside["marks"] & Mark.PARTIAL).any())
    empty = "mapped, not read yet" if unread else "mapped, nothing there"
    # Cells of a gap are whole, so a VMA's edge may reach a little into it.
    if mapped * 64 < end - start:
        return "unmapped"
    return empty if (end - start - mapped) * 64 < end - start else f"{empty}, and unmapped"
