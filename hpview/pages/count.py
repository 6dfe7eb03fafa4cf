"""From batches of pages to totals per VMA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.pagemap import PFN_MASK, Entry
from hpview.pages.folios import Pages, Place, Tallier, leaves, split
from hpview.pages.frames import hidden
from hpview.wire import SLOT_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.pages.folios import Segments
    from hpview.pages.populated import Batch

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_PFN_MASK: Final = np.uint64(PFN_MASK)
_FILE: Final = np.uint64(Entry.FILE)
_THP: Final = np.uint64(PageFlag.THP)
_HEAD: Final = np.uint64(PageFlag.COMPOUND_HEAD)
_ANON: Final = np.uint64(PageFlag.ANON)
_NOT_RESIDENT: Final = np.uint64(PageFlag.HUGE | PageFlag.ZERO_PAGE)

_LONGEST: Final = 1 << 10
"""Pages behind which the end of a batch is cut even within a folio: none is that large."""


class Counter:
    """Counts the pages of one process, batch by batch.

    Args:
        first: First page number of each VMA, ascending, shape (n,).
        last: Page number behind its last.
        flags_of: Flags of frames (``Frames.flags``).

    Attributes:
        rss: Pages present per VMA, as smaps counts them, int64, shape (n,).
        anon: Those that are anonymous, int64, shape (n,).
    """

    def __init__(self, first: I64, last: I64, flags_of: Callable[[I64], U64]) -> None:
        self.rss = np.zeros(len(first), np.int64)
        self.anon = np.zeros(len(first), np.int64)
        self._first = first
        self._last = last
        self._flags_of = flags_of
        self._tallier = Tallier()
        nothing, no_bits = np.zeros(0, np.int64), np.zeros(0, np.uint64)
        self._held = (nothing, no_bits, no_bits)
        self._held_leaves = (nothing, no_bits)

    def feed(self, batch: Batch) -> None:
        """Count pages behind all that were counted before.

        Leaves may stand above pages that are yet to come.

        Raises:
            BackendUnavailable: The kernel hides frame numbers.
        """
        if batch.frames_hidden:
            raise hidden()
        flags = self._flags_of(_frames(batch.entries))
        vfns, entries, flags = (
            np.concatenate(pair)
            for pair in zip(self._held, (batch.vfns, batch.entries, flags), strict=True)
        )
        leaf_vfns, leaf_entries = (
            np.concatenate(pair)
            for pair in zip(self._held_leaves, (batch.leaf_vfns, batch.leaf_entries), strict=True)
        )
        cut = _last_folio(vfns, entries, flags)
        until = vfns[cut] if cut < len(vfns) else vfns[-1] if len(vfns) else 0
        leaf_cut = int(np.searchsorted(leaf_vfns, until))
        # copies: a view would keep the whole batch
        self._held = (vfns[cut:].copy(), entries[cut:].copy(), flags[cut:].copy())
        self._held_leaves = (leaf_vfns[leaf_cut:].copy(), leaf_entries[leaf_cut:].copy())
        self._count(
            vfns[:cut], entries[:cut], flags[:cut], leaf_vfns[:leaf_cut], leaf_entries[:leaf_cut]
        )

    def finish(self) -> NDArray[np.void]:
        """Count what was held back; all pages by VMA and column, dtype ``folios.TALLY``."""
        self._count(*self._held, *self._held_leaves)
        return self._tallier.finish()

    def _count(
        self, vfns: I64, entries: U64, flags: U64, leaf_vfns: I64, leaf_entries: U64
    ) -> None:
        small = self._small(vfns, entries, flags)
        large = self._leaves(leaf_vfns, leaf_entries)
        segments = np.concatenate((small, large))
        self._tallier.add(segments[np.argsort(segments["vfn"], kind="stable")])

    def _small(self, vfns: I64, entries: U64, flags: U64) -> Segments:
        found = self._by_vma(vfns, entries, flags)
        if found is None:
            return leaves(vfns[:0], flags[:0], vfns[:0])
        pages, entries = found
        anon = (pages.flags & _ANON) != 0
        resident = ((entries & _FILE) != 0) | anon
        resident &= (pages.flags & _NOT_RESIDENT) == 0
        # no page of a special mapping is either, nor is a zero page
        self.rss[pages.vmas] += np.add.reduceat(resident, pages.first, dtype=np.int64)
        self.anon[pages.vmas] += np.add.reduceat(anon, pages.first, dtype=np.int64)
        return split(pages, self._flags_of)

    def _by_vma(self, vfns: I64, entries: U64, flags: U64) -> tuple[Pages, U64] | None:
        """The pages that lie in a VMA; the layout may have changed since it was read."""
        if not len(vfns):
            return None
        low = int(np.searchsorted(self._last, vfns[0], side="right"))
        high = int(np.searchsorted(self._first, vfns[-1], side="right"))
        begin = np.searchsorted(vfns, self._first[low:high])
        end = np.searchsorted(vfns, self._last[low:high])
        counts = end - begin
        some = np.flatnonzero(counts)
        if not len(some):
            return None
        if counts.sum() != len(vfns):
            change = np.zeros(len(vfns) + 1, np.int64)
            np.add.at(change, begin[some], 1)
            np.add.at(change, end[some], -1)
            inside = np.flatnonzero(np.cumsum(change[:-1]))
            vfns, entries, flags = vfns[inside], entries[inside], flags[inside]
        first = np.cumsum(counts[some]) - counts[some]
        return Pages(vfns, _frames(entries), flags, first, some + low), entries

    def _leaves(self, vfns: I64, entries: U64) -> Segments:
        vmas = np.searchsorted(self._first, vfns, side="right") - 1
        inside = (vmas >= 0) & (vfns < self._last[vmas])
        vfns, vmas = vfns[inside], vmas[inside]
        found = leaves(vfns, self._flags_of(_frames(entries[inside])), vmas)
        normal = found[found["place"] == Place.PMD]
        count = len(self.rss)
        self.rss += SLOT_PAGES * np.bincount(normal["vma"], minlength=count)
        anon = normal["vma"][normal["kind"] == 0]
        self.anon += SLOT_PAGES * np.bincount(anon, minlength=count)
        return found


def _frames(entries: U64) -> I64:
    return (entries & _PFN_MASK).view(np.int64)


def _last_folio(vfns: I64, entries: U64, flags: U64) -> int:
    """Index from which on pages may belong to a folio that goes on in the next batch."""
    count = len(vfns)
    low = max(0, count - _LONGEST)
    if not count or not flags[-1] & _THP:
        return count
    pfns = _frames(entries[low:])
    begins = np.ones(len(pfns), np.bool_)
    begins[1:] = (np.diff(vfns[low:]) != 1) | (np.diff(pfns) != 1)
    begins |= (flags[low:] & _HEAD) != 0
    return low + int(np.flatnonzero(begins)[-1])
