"""Page ranges with categories become runs of slots: a whole batch of VMAs at once.

Pure arithmetic. The rules are those of bpfprog/page_walk.h, so that for equal
page tables both yield equal records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs.pagemap import Category
from hpview.wire import (
    PUD_SIZE,
    RECORD_SIZE,
    RUN,
    SLOT_PAGES,
    SLOT_SIZE,
    VERSION,
    Backing,
    Kind,
    Records,
    RunFlag,
)

GUESSED: Final = 1 << 16
"""A category of hpview's own: the others were concluded, not read."""

U64 = NDArray[np.uint64]

_SLOT_SHIFT: Final = np.uint64(21)
_PAGE_SHIFT: Final = np.uint64(12)

# Words of a RUN record: kind, version, flags and backing; the range; the four counts.
_HEAD, _START, _END, _COUNTS = range(4)
_FLAGS_SHIFT: Final = np.uint64(16)
_BACKING_SHIFT: Final = np.uint64(32)

# Pages of one slot as the word of the counts has them.
_PRESENT: Final = np.uint64(0xFFFF)
_SWAPPED: Final = np.uint64(0xFFFF << 16)
_ZERO: Final = np.uint64(0xFFFF << 32)
_LEAF_COUNTS: Final = np.uint64(SLOT_PAGES)
_HUGE_ZERO_COUNTS: Final = np.uint64(SLOT_PAGES << 32)

# What a slot is if any page of it says so.
_HUGE, _MIGRATING, _HUGE_ZERO, _GUESSED = (np.uint64(1 << i) for i in range(4))

_LOW: Final = np.uint64(0x1FF)
"""All categories of the kernel's."""
_GUESSED_SHIFT: Final = np.uint64(7)
"""From ``GUESSED`` to the bit behind them."""


def _tables() -> tuple[U64, U64]:
    """By categories: what a page adds to the counts of its slot, and what it makes the slot."""
    c = Category
    leaf, small = c.HUGE | c.PRESENT | c.PFNZERO, c.HUGE | c.SWAPPED | c.GUARD
    category = np.arange(1024)
    counts, kind = np.zeros((2, 1024), np.uint64)
    for table, mask, wanted, value in (
        (counts, leaf, c.PRESENT, 1),
        (counts, small, c.SWAPPED, 1 << 16),
        (counts, leaf, c.PRESENT | c.PFNZERO, 1 << 32),
        (counts, c.GUARD, c.GUARD, 1 << 48),
        (kind, leaf, c.HUGE | c.PRESENT, _HUGE),
        (kind, c.HUGE | c.PRESENT | c.SWAPPED, c.HUGE | c.SWAPPED, _MIGRATING),
        (kind, leaf, leaf, _HUGE_ZERO),
        (kind, GUESSED >> 7, GUESSED >> 7, _GUESSED),
    ):
        table[(category & mask) == wanted] |= np.uint64(value)
    return counts, kind


_ADDS, _MAKES = _tables()


@dataclass(frozen=True, slots=True)
class Folded:
    """Runs of a batch of n VMAs.

    Attributes:
        runs: RUN records ordered by VMA, then by address, shape (m,).
        first: Index of each VMA's first run, and m at the end, shape (n + 1,).
    """

    runs: Records
    first: NDArray[np.intp]


def fold(starts: U64, ends: U64, page_sizes: U64, regions: Records) -> Folded:
    """Cut regions to VMAs, count pages per slot, join equal neighbours.

    Args:
        starts: VMA starts, ascending and disjoint, shape (n,).
        ends: VMA ends, exclusive, shape (n,).
        page_sizes: Bytes; above 4096 for hugetlb VMAs, shape (n,).
        regions: dtype ``kernelfs.pagemap.REGION``, ascending and disjoint; may
            span several VMAs or lie outside all of them.
    """
    vma, lo, hi, category = _cut(starts, ends, regions)
    if not len(vma):
        return Folded(np.zeros(0, RUN), np.zeros(len(starts) + 1, np.intp))
    piece, slot = _by_slot(lo, hi)
    vma, category = vma[piece], category[piece]
    begin = slot << _SLOT_SHIFT
    category = _without_impossible(category, begin, starts[vma], ends[vma])
    until = begin + np.uint64(SLOT_SIZE)
    pages = (np.minimum(hi[piece], until) - np.maximum(lo[piece], begin)) >> _PAGE_SHIFT
    new = np.empty(len(slot), bool)
    new[0] = True
    new[1:] = (slot[1:] != slot[:-1]) | (vma[1:] != vma[:-1])
    heads = np.flatnonzero(new)
    vma = vma[heads]
    whole = np.zeros((len(heads), RECORD_SIZE // 8), "<u8")
    whole[:, _START] = np.maximum(begin[heads], starts[vma])
    whole[:, _END] = np.minimum(until[heads], ends[vma])
    whole[:, _HEAD], whole[:, _COUNTS] = _classify(
        heads, category, pages, page_sizes[vma] >= PUD_SIZE
    )
    keep = np.flatnonzero(whole[:, _COUNTS])
    runs, vma = _join(whole[keep], vma[keep])
    first = np.searchsorted(vma, np.arange(len(starts) + 1))
    return Folded(runs, first.astype(np.intp))


def _cut(
    starts: U64, ends: U64, regions: Records
) -> tuple[NDArray[np.intp], U64, U64, NDArray[np.uint64]]:
    """Intersect regions with VMAs: (VMA index, start, end, category) of each piece."""
    first = np.searchsorted(regions["end"], starts, side="right")
    last = np.searchsorted(regions["start"], ends, side="left")
    counts = np.maximum(last - first, 0)
    vma = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(vma)) - np.repeat(np.cumsum(counts) - counts, counts)
    region = np.repeat(first, counts) + within
    lo = np.maximum(regions["start"][region], starts[vma])
    hi = np.minimum(regions["end"][region], ends[vma])
    return vma, lo, hi, regions["categories"][region]


def _by_slot(lo: U64, hi: U64) -> tuple[NDArray[np.intp], U64]:
    """Repeat each range once per slot it touches: (index of the range, slot number)."""
    head = lo >> _SLOT_SHIFT
    counts = (((hi - np.uint64(1)) >> _SLOT_SHIFT) - head + np.uint64(1)).astype(np.intp)
    piece = np.repeat(np.arange(len(lo)), counts)
    within = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    return piece, head[piece] + within.astype(np.uint64)


def _without_impossible(
    category: NDArray[np.uint64], begin: U64, starts: U64, ends: U64
) -> NDArray[np.uint64]:
    """Drop guessed leaves that a VMA's border cuts: a PMD leaf lies in one VMA."""
    guessed = np.uint64(GUESSED | Category.HUGE)
    wrong = (category & guessed) == guessed
    if not wrong.any():
        return category
    wrong &= (begin < starts) | (begin + np.uint64(SLOT_SIZE) > ends)
    return np.where(wrong, category & ~np.uint64(Category.HUGE | GUESSED), category)


def _classify(
    heads: NDArray[np.intp], category: U64, pages: U64, gigantic: NDArray[np.bool_]
) -> tuple[U64, U64]:
    """The words of RUN records besides the range, one a slot; ``heads`` begin its fragments."""
    code = ((category & _LOW) | (category >> _GUESSED_SHIFT)).astype(np.intp)
    counts = np.add.reduceat(_ADDS[code] * pages, heads)
    kind = np.bitwise_or.reduceat(_MAKES[code], heads)

    backing = np.where(counts & _ZERO, np.uint64(Backing.ZERO), np.uint64(Backing.NONE))
    backing[(counts & _SWAPPED) != 0] = Backing.SWAP
    backing[(counts & _PRESENT) != 0] = Backing.PTE_4K
    flags = np.zeros(len(heads), np.uint64)
    if kind.any():
        # A slot may change between two scans that each saw a part of it: the leaf wins.
        leaf = (kind & (_HUGE | _MIGRATING)) != 0
        huge_zero = ~leaf & ((kind & _HUGE_ZERO) != 0)
        counts[leaf] = _LEAF_COUNTS
        counts[huge_zero] = _HUGE_ZERO_COUNTS
        backing[leaf] = Backing.PMD_2M
        backing[leaf & gigantic] = Backing.PUD_1G
        backing[huge_zero] = Backing.ZERO
        flags[huge_zero] = RunFlag.PMD_ZERO
        flags[(kind & (_HUGE | _MIGRATING)) == _MIGRATING] |= np.uint64(RunFlag.MIGRATING)
        flags[(kind & _GUESSED) != 0] |= np.uint64(RunFlag.ESTIMATE)
    head = np.uint64(Kind.RUN | VERSION << 8) | flags << _FLAGS_SHIFT | backing << _BACKING_SHIFT
    return head, counts


def _join(runs: U64, vma: NDArray[np.intp]) -> tuple[Records, NDArray[np.intp]]:
    """Merge adjacent slots of one VMA that are equal in all but their range."""
    new = np.ones(len(runs), bool)
    new[1:] = (vma[1:] != vma[:-1]) | (runs[1:, _START] != runs[:-1, _END])
    for key in (_HEAD, _COUNTS):
        new[1:] |= runs[1:, key] != runs[:-1, key]
    if not new.all():
        heads = np.flatnonzero(new)
        last = np.append(heads[1:], len(runs)) - 1
        ends = runs[last, _END]
        runs, vma = runs[heads], vma[heads]
        runs[:, _END] = ends
    return runs.view(RUN).reshape(-1), vma


def only_sums(runs: Records) -> NDArray[np.bool_]:
    """Which runs say no more than their counts of present and swapped pages, shape (n,)."""
    whole = words(runs)
    backing = whole[:, _HEAD] >> _FLAGS_SHIFT  # with the flags below it
    small = (backing == Backing.PTE_4K << 16) | (backing == Backing.SWAP << 16)
    small &= (whole[:, _COUNTS] & ~(_PRESENT | _SWAPPED)) == 0
    only: NDArray[np.bool_] = small
    return only


def words(records: Records) -> U64:
    """The same records as eight numbers each, which numpy handles faster; shape (n, 8)."""
    return records.view("<u8").reshape(-1, RECORD_SIZE // 8)


def pick(records: Records, at: NDArray[np.intp]) -> Records:
    """Some of the records, in the order of their indexes (a copy)."""
    out: Records = words(records)[at].view(records.dtype).reshape(-1)
    return out


def slot_counts(runs: Records) -> NDArray[np.int64]:
    """Number of slots each run touches, shape (n,)."""
    first = runs["start"] >> _SLOT_SHIFT
    last = (runs["end"] - np.uint64(1)) >> _SLOT_SHIFT
    return (last - first + np.uint64(1)).astype(np.int64)


def sums(runs: Records, owner: NDArray[np.intp], count: int) -> dict[str, NDArray[np.int64]]:
    """The sums of a VMA record, per owner.

    Args:
        runs: RUN records.
        owner: Index of the VMA each run belongs to, in ``range(count)``.
        count: Number of VMAs.
    """
    slots = slot_counts(runs)
    backing = runs["backing"]

    def total(weights: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(owner, weights, count).astype(np.int64)

    return {
        "slots_2m": total(slots * (backing == Backing.PMD_2M)),
        "slots_1g": total(slots * (backing == Backing.PUD_1G)),
        "pages_4k": total(slots * runs["present"] * (backing == Backing.PTE_4K)),
        "pages_swap": total(slots * runs["swapped"]),
    }
