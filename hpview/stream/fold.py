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
    RUN,
    SLOT_PAGES,
    SLOT_SIZE,
    Backing,
    Kind,
    Records,
    RunFlag,
    blank,
)

GUESSED: Final = 1 << 16
"""A category of hpview's own: HUGE was concluded, not read."""

U64 = NDArray[np.uint64]
_SLOT_SHIFT: Final = np.uint64(21)
_PAGE_SHIFT: Final = np.uint64(12)
_KEYS: Final = ("backing", "flags", "present", "swapped", "zero", "guard")


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
    pages = (
        (np.minimum(hi[piece], begin + np.uint64(SLOT_SIZE)) - np.maximum(lo[piece], begin))
        >> _PAGE_SHIFT
    ).astype(np.int64)
    new = np.empty(len(slot), bool)
    new[0] = True
    new[1:] = (slot[1:] != slot[:-1]) | (vma[1:] != vma[:-1])
    heads = np.flatnonzero(new)
    vma = vma[heads]
    runs = _classify(heads, category, pages, page_sizes[vma] >= PUD_SIZE)
    runs["start"] = np.maximum(begin[heads], starts[vma])
    runs["end"] = np.minimum(begin[heads] + np.uint64(SLOT_SIZE), ends[vma])
    keep = (runs["present"] | runs["swapped"] | runs["zero"] | runs["guard"]) != 0
    runs, vma = _join(runs[keep], vma[keep])
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
    wrong = (category & np.uint64(GUESSED)) != 0
    wrong &= (begin < starts) | (begin + np.uint64(SLOT_SIZE) > ends)
    return np.where(wrong, category & ~np.uint64(Category.HUGE | GUESSED), category)


def _classify(
    heads: NDArray[np.intp],
    category: NDArray[np.uint64],
    pages: NDArray[np.int64],
    gigantic: NDArray[np.bool_],
) -> Records:
    """One RUN record a slot, without its range; ``heads`` begin the slots' fragments."""

    def count(mask: int, wanted: int) -> NDArray[np.int64]:
        hit = (category & np.uint64(mask)) == np.uint64(wanted)
        total: NDArray[np.int64] = np.add.reduceat(np.where(hit, pages, 0), heads)
        return total

    c = Category
    huge = count(c.HUGE | c.PRESENT | c.PFNZERO, c.HUGE | c.PRESENT) > 0
    migrating = count(c.HUGE | c.PRESENT | c.SWAPPED, c.HUGE | c.SWAPPED) > 0
    guessed = count(GUESSED, GUESSED) > 0
    leaf = huge | migrating
    # A slot may change between two scans that each saw a part of it: the leaf wins.
    huge_zero = count(c.HUGE | c.PRESENT | c.PFNZERO, c.HUGE | c.PRESENT | c.PFNZERO) > 0
    huge_zero &= ~leaf
    small = ~(leaf | huge_zero)

    out = blank(Kind.RUN, len(heads))
    out["present"] = np.where(
        leaf, SLOT_PAGES, small * count(c.HUGE | c.PRESENT | c.PFNZERO, c.PRESENT)
    )
    out["zero"] = np.where(
        huge_zero,
        SLOT_PAGES,
        small * count(c.HUGE | c.PRESENT | c.PFNZERO, c.PRESENT | c.PFNZERO),
    )
    out["swapped"] = small * count(c.HUGE | c.SWAPPED | c.GUARD, c.SWAPPED)
    out["guard"] = small * count(c.GUARD, c.GUARD)
    out["backing"] = np.select(
        [leaf & gigantic, leaf, out["present"] > 0, out["swapped"] > 0, out["zero"] > 0],
        [Backing.PUD_1G, Backing.PMD_2M, Backing.PTE_4K, Backing.SWAP, Backing.ZERO],
        Backing.NONE,
    )
    out["flags"] = (
        huge_zero * RunFlag.PMD_ZERO
        | (migrating & ~huge) * RunFlag.MIGRATING
        | guessed * RunFlag.ESTIMATE
    )
    return out


def _join(runs: Records, vma: NDArray[np.intp]) -> tuple[Records, NDArray[np.intp]]:
    """Merge adjacent slots of one VMA that are equal in all but their range."""
    if len(runs) < 2:
        return runs, vma
    new = np.empty(len(runs), bool)
    new[0] = True
    new[1:] = (vma[1:] != vma[:-1]) | (runs["start"][1:] != runs["end"][:-1])
    for key in _KEYS:
        new[1:] |= runs[key][1:] != runs[key][:-1]
    heads = np.flatnonzero(new)
    out = runs[heads]
    out["end"] = runs["end"][np.append(heads[1:], len(runs)) - 1]
    return out, vma[heads]


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
