"""Which parts of the VMAs the map draws: long stretches with nothing in them are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpview.space.vma import VMA, Mark
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_UNSEEN = int(VmaFlag.SKIPPED | VmaFlag.READ_ERROR)


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
    vmas = space.vmas
    if not len(vmas):
        return vmas
    sizes = vmas["end"] - vmas["start"]
    large = np.flatnonzero((sizes >= np.uint64(fold)) & ((vmas["flags"] & _UNSEEN) == 0))
    pieces = []
    for index in large.tolist():
        start, end = int(vmas["start"][index]), int(vmas["end"][index])
        runs = space.runs_of(start, end)
        lo = np.concatenate(([start], runs["start"], [end - cell])).astype(np.uint64)
        hi = np.concatenate(([start + cell], runs["end"], [end])).astype(np.uint64)
        lo, hi = np.minimum.accumulate(lo[::-1])[::-1], np.maximum.accumulate(hi)
        apart = np.flatnonzero(lo[1:].astype(np.int64) - hi[:-1].astype(np.int64) >= fold)
        piece = np.zeros(len(apart) + 1, dtype=VMA)
        piece["start"] = np.concatenate((lo[:1], lo[apart + 1]))
        piece["end"] = np.concatenate((hi[apart], hi[-1:]))
        pieces.append(piece)
    if not pieces:
        return vmas
    rest = np.delete(vmas, large)
    out = np.concatenate((rest, *pieces))
    return out[np.argsort(out["start"], kind="stable")]


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
