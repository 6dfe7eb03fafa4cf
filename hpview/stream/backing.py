"""What is behind a range of addresses, from the best file this kernel offers.

All three hand over regions with the categories of PAGEMAP_SCAN. Only it reads
the level of the leaf; the other two conclude it and mark what they concluded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs import pagemap
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.pagemap import PFN_MASK, REGION, Category, Entry
from hpview.stream.fold import GUESSED
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, Records

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.kernelfs.pagemap import Pagemap
    from hpview.kernelfs.smaps import Smaps

SCAN_PAGES: Final = 1 << 15
"""Populated pages of one PAGEMAP_SCAN: 128 MiB, so that mmap_lock is held for about 0.5 ms."""

PIECE_PAGES: Final = 1 << 18
"""Populated pages of one piece: 1 GiB of them, in a few scans."""

U64 = NDArray[np.uint64]

_BITS: Final = (
    (Entry.PRESENT, Category.PRESENT),
    (Entry.SWAPPED, Category.SWAPPED),
    (Entry.GUARD, Category.GUARD),
)
_KPF_HUGE: Final = np.uint64(PageFlag.HUGE)
_KPF_THP: Final = np.uint64(PageFlag.THP)
_KPF_ZERO: Final = np.uint64(PageFlag.ZERO_PAGE)
_POPULATED: Final = np.uint64(Entry.PRESENT | Entry.SWAPPED | Entry.GUARD)
_NOTHING: Final = np.zeros(0, REGION)
_EMPTY_PIECES: Final = 8
"""Pieces without an entry that are passed over at once: programs reserve terabytes."""

_SCAN_REGIONS: Final = 2048
_PIECE_REGIONS: Final = 8192


class ScanRegions:
    """PAGEMAP_SCAN (6.7): levels as the page tables have them."""

    widest_gap = (1 << 64) - 1
    """A gap costs next to nothing: there are no page tables below it."""

    def __init__(self, file: Pagemap) -> None:
        self._pagemap = file

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        """Scan in windows until ``end``, or until a piece is full."""
        parts = []
        pages = regions = 0
        position = start
        while position < end and pages < PIECE_PAGES and regions < _PIECE_REGIONS:
            part, position = self._pagemap.scan(
                position, end, max_pages=SCAN_PAGES, vec_len=_SCAN_REGIONS
            )
            parts.append(part)
            regions += len(part)
            pages += int((part["end"] - part["start"]).sum()) // PAGE_SIZE
        return (np.concatenate(parts) if parts else _NOTHING), position


class Levels(Protocol):
    """Concludes from other files what raw entries do not tell."""

    def conclude(self, start: int, entries: U64, categories: U64) -> None:
        """Add HUGE, PFNZERO and ``GUESSED`` to ``categories``, one a page from ``start`` on."""
        ...


class EntryRegions:
    """Raw pagemap entries (before 6.7): pages exactly, the level of the leaf concluded.

    Attributes:
        levels: What concludes it.
    """

    widest_gap = SLOT_SIZE
    """An entry is written for every page of a gap, too."""

    def __init__(self, file: Pagemap, levels: Levels) -> None:
        self._pagemap = file
        self.levels = levels

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        """Read the entries of one piece; here the kernel writes one for an empty page, too."""
        for _ in range(_EMPTY_PIECES):
            until = min(end, (start & -SLOT_SIZE) + PIECE_PAGES * PAGE_SIZE)
            entries = self._pagemap.read_entries(start, (until - start) // PAGE_SIZE)
            if len(entries) < (until - start) // PAGE_SIZE:
                raise self._pagemap.lost()  # else what has gone would be told as empty
            # Of a new VMA each entry says soft-dirty, also where there is no page.
            if np.bitwise_or.reduce(entries) & _POPULATED:
                break
            start = until
            if start == end:
                return _NOTHING, end
        else:
            return _NOTHING, start
        categories = np.zeros(len(entries), np.uint64)
        for bit, category in _BITS:
            categories[(entries & np.uint64(bit)) != 0] |= np.uint64(category)
        self.levels.conclude(start, entries, categories)
        return _regions(start, categories), until


class KpageflagsLevels:
    """By the folio behind the pages (root): a whole aligned 2 MiB folio counts as a PMD leaf.

    That is a guess for THP, since the folio may as well be mapped by 512 PTEs;
    hugetlb pages and zero pages are certain.

    Args:
        read: Flags of an array of PFNs (``kernelfs.kpageflags.read``).
    """

    def __init__(self, read: Callable[[U64], U64]) -> None:
        self._read = read

    def conclude(self, start: int, entries: U64, categories: U64) -> None:
        """See ``Levels``.

        Raises:
            BackendUnavailable: Frames are hidden, or their flags cannot be read any more.
        """
        present = np.flatnonzero(categories & np.uint64(Category.PRESENT))
        if not len(present):
            return
        pfns = entries & np.uint64(PFN_MASK)
        if len(present) > 1 and not pfns[present].any():
            # frame 0 for every page is what a reader without CAP_SYS_ADMIN is shown
            raise pagemap.hidden()
        flags = np.zeros(len(entries), np.uint64)
        flags[present] = self._read(pfns[present])
        categories[(flags & _KPF_ZERO) != 0] |= np.uint64(Category.PFNZERO)
        head = whole_slots(start, categories)
        if not len(head):
            return
        pages = head[:, None] + np.arange(SLOT_PAGES)
        folio = (flags[head] & (_KPF_THP | _KPF_HUGE)) != 0
        folio &= (pfns[head] % np.uint64(SLOT_PAGES)) == 0
        folio &= (np.diff(pfns[pages].astype(np.int64), axis=1) == 1).all(axis=1)
        hugetlb = (flags[head] & _KPF_HUGE) != 0
        categories[pages[folio & hugetlb].ravel()] |= np.uint64(Category.HUGE)
        categories[pages[folio & ~hugetlb].ravel()] |= np.uint64(Category.HUGE | GUESSED)


class SmapsLevels:
    """By the totals of smaps: so many of a VMA's full slots are huge, the first ones at a guess.

    What is present beyond its Rss are zero pages, which Rss leaves out (smaps_account()).
    What is scanned again, because a piece ended before it, is concluded again.

    Args:
        smaps: Totals of the whole process, read once.
    """

    def __init__(self, smaps: Smaps) -> None:
        self._starts: U64 = smaps.table["start"]
        self._ends: U64 = smaps.table["end"]
        self._huge: NDArray[np.int64] = (smaps.pmd_mapped + smaps.table["hugetlb"]) // SLOT_SIZE
        counted = smaps.table["rss"] + smaps.table["hugetlb"]
        self._counted: NDArray[np.int64] = counted // PAGE_SIZE
        self._chosen: dict[int, U64] = {}

    def conclude(self, start: int, entries: U64, categories: U64) -> None:
        """See ``Levels``. Certain where as many slots are full as are huge."""
        until = start + len(entries) * PAGE_SIZE
        head = whole_slots(start, categories)
        addresses = np.uint64(start) + head.astype(np.uint64) * np.uint64(PAGE_SIZE)
        owner = np.searchsorted(self._starts, addresses, side="right") - 1
        for vma in np.unique(owner[owner >= 0]).tolist():
            mine = (owner == vma) & (addresses + np.uint64(SLOT_SIZE) <= self._ends[vma])
            before = self._chosen.get(vma, addresses[:0])
            before = before[before < start]
            left = max(int(self._huge[vma]) - len(before), 0)
            chosen = np.flatnonzero(mine)[:left]
            self._chosen[vma] = np.concatenate((before, addresses[chosen]))
            seen_whole = start <= self._starts[vma] and self._ends[vma] <= until
            guess = 0 if seen_whole and left == np.count_nonzero(mine) else GUESSED
            pages = (head[chosen][:, None] + np.arange(SLOT_PAGES)).ravel()
            categories[pages] |= np.uint64(Category.HUGE | guess)
        self._find_zeros(start, entries, categories)

    def _find_zeros(self, start: int, entries: U64, categories: U64) -> None:
        """Add PFNZERO, and HUGE of the huge zero page."""
        present = np.flatnonzero(categories & np.uint64(Category.PRESENT))
        addresses = np.uint64(start) + present.astype(np.uint64) * np.uint64(PAGE_SIZE)
        until = start + len(entries) * PAGE_SIZE
        here = slice(
            int(np.searchsorted(self._ends, np.uint64(start), side="right")),
            int(np.searchsorted(self._starts, np.uint64(until))),
        )
        starts, ends = self._starts[here], self._ends[here]
        first, behind = np.searchsorted(addresses, starts), np.searchsorted(addresses, ends)
        seen_whole = (starts >= start) & (ends <= until)
        surplus = behind - first - self._counted[here]
        for vma in np.flatnonzero((behind > first) & ((surplus > 0) | ~seen_whole)).tolist():
            pages = present[first[vma] : behind[vma]]
            pages = pages[(categories[pages] & np.uint64(Category.HUGE)) == 0]
            if not len(pages):
                continue
            if seen_whole[vma]:
                span = slice(int(pages[0]), int(pages[-1]) + 1)
                at = start + span.start * PAGE_SIZE
                count = int(surplus[vma])
                _mark_zeros(pages - span.start, count, at, entries[span], categories[span])
            else:
                # How many of them lie in this part of the VMA is not known.
                categories[pages[_like_zero(entries[pages])]] |= np.uint64(GUESSED)


def _like_zero(entries: U64) -> NDArray[np.bool_]:
    """Which entries may be of the zero page: it has no owner and no file; shape (n,).

    Pages that a fork shares look alike.
    """
    alike: NDArray[np.bool_] = (entries & np.uint64(Entry.FILE | Entry.EXCLUSIVE)) == 0
    return alike


def _mark_zeros(
    pages: NDArray[np.intp], count: int, start: int, entries: U64, categories: U64
) -> None:
    """Have so many of a VMA's present pages be zero pages, the first ones at a guess.

    Args:
        pages: Indexes of its pages that are in no leaf.
        count: So many are not in its Rss.
        start: Address of page 0.
        entries: Of all pages from the first to the last.
        categories: The same; changed.
    """
    alike = pages[_like_zero(entries[pages])]
    if len(alike) >= count:
        categories[alike] |= np.uint64(0 if len(alike) == count else GUESSED)
        categories[alike[:count]] |= np.uint64(Category.PFNZERO)
        return
    categories[alike] |= np.uint64(Category.PFNZERO)
    # The entries of the huge zero page have the bit of a file, and no owner either.
    owned = (entries[pages] & np.uint64(Entry.EXCLUSIVE)) != 0
    left = (count - len(alike)) // SLOT_PAGES
    zeros = _slots_of(np.setdiff1d(pages[~owned], alike), start, len(entries))
    _mark_leaves(zeros, left, Category.PFNZERO, categories)
    # From 6.0 to 6.5 smaps also leaves out huge pages without access, or with a NUMA hint
    # (474098edac26 until 8b9c1cc0418a): what has an owner is no zero page.
    _mark_leaves(_slots_of(pages[owned], start, len(entries)), left - len(zeros), 0, categories)


def _slots_of(pages: NDArray[np.intp], start: int, count: int) -> NDArray[np.intp]:
    """At which of ``count`` pages slots begin that are all among some pages."""
    among = np.zeros(count, np.uint64)
    among[pages] = np.uint64(Category.PRESENT)
    return whole_slots(start, among)


def _mark_leaves(heads: NDArray[np.intp], wanted: int, more: int, categories: U64) -> None:
    """Have so many slots be huge, the first ones at a guess."""
    if wanted <= 0:
        return
    leaves = (heads[:wanted][:, None] + np.arange(SLOT_PAGES)).ravel()
    guess = 0 if len(heads) == wanted else GUESSED
    categories[leaves] |= np.uint64(Category.HUGE | more | guess)


def whole_slots(start: int, categories: U64) -> NDArray[np.intp]:
    """Page indexes at which slots begin whose 512 pages are all present."""
    skip = (-start // PAGE_SIZE) % SLOT_PAGES
    count = (len(categories) - skip) // SLOT_PAGES
    if count <= 0:
        return np.zeros(0, np.intp)
    present = (categories[skip : skip + count * SLOT_PAGES] & np.uint64(Category.PRESENT)) != 0
    full = present.reshape(count, SLOT_PAGES).all(axis=1)
    return np.flatnonzero(full) * SLOT_PAGES + skip


def _regions(start: int, categories: U64) -> Records:
    """Run-length encode the pages that have any category."""
    edges = np.flatnonzero(np.diff(categories)) + 1
    first = np.concatenate(([0], edges)).astype(np.intp)
    last = np.append(edges, len(categories))
    out = np.zeros(len(first), REGION)
    out["start"] = start + first * PAGE_SIZE
    out["end"] = start + last * PAGE_SIZE
    out["categories"] = categories[first] if len(categories) else 0
    populated: Records = out[out["categories"] != 0]
    return populated
