"""Folios out of pages: which of them are mapped whole, at what alignment, and by what.

The meaning of every number is that of the kernel's tools/mm/thpmaps: pages whose
addresses and frames both go up by one are a run; a folio that begins and ends
within a run is mapped whole, and aligned when its address is a multiple of its
size. Pages of all other folios are partial.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs.kpageflags import PageFlag
from hpview.wire import SLOT_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

ORDERS: Final = 20
"""Folios of 2**0 to 2**19 pages have places of their own."""


class Kind(IntEnum):
    """Whose memory a folio is."""

    ANON = 0
    FILE = 1


class Place(IntEnum):
    """Where pages of one kind are counted.

    ``ALIGNED + order`` and ``UNALIGNED + order`` are folios of 2**order pages,
    whole and mapped by PTEs. ``MISTOLD`` repeats pages of ``PARTIAL`` that thpmaps
    tells as the other kind: it takes the kind of a folio cut off behind from the
    page before it. ``ZERO`` is the huge zero page, which thpmaps tells as a file's
    aligned folio. ``HUGETLB`` pages are no matter of thpmaps.
    """

    ALIGNED = 0
    UNALIGNED = ORDERS
    PARTIAL = 2 * ORDERS
    PMD = 2 * ORDERS + 1
    MISTOLD = 2 * ORDERS + 2
    ZERO = 2 * ORDERS + 3
    HUGETLB = 2 * ORDERS + 4


PLACES: Final = 2 * ORDERS + 5

SEGMENT: Final = np.dtype(
    [
        ("vma", "<i8"),
        ("vfn", "<i8"),
        ("pages", "<i8"),
        ("kind", "u1"),
        ("place", "u1"),
        ("cut_behind", "?"),
    ]
)
"""What is mapped of one folio by consecutive pages of one VMA: index of the VMA, first page
number, pages, ``Kind``, ``Place``, whether the folio goes on behind its mapped head."""

Segments = NDArray[np.void]
"""Structured records of ``SEGMENT``, ascending by ``vfn``."""

TALLY: Final = np.dtype([("vma", "<i8"), ("column", "<i8"), ("pages", "<i8")])
"""Pages of one VMA in one column, which is ``kind * PLACES + place``; none of them 0."""

_THP: Final = np.uint64(PageFlag.THP)
_HEAD: Final = np.uint64(PageFlag.COMPOUND_HEAD)
_TAIL: Final = np.uint64(PageFlag.COMPOUND_TAIL)
_ANON: Final = np.uint64(PageFlag.ANON)
_HUGETLB: Final = np.uint64(PageFlag.HUGE)
_ZERO: Final = np.uint64(PageFlag.ZERO_PAGE)


@dataclass(frozen=True, slots=True)
class Pages:
    """Present pages of one or more VMAs, ascending by address.

    Attributes:
        vfns: Page numbers, int64, shape (n,).
        pfns: Their frames, int64, shape (n,).
        flags: ``PageFlag`` bits of these, uint64, shape (n,).
        first: Index of the first page of each VMA that has any, int64, ascending,
            shape (v,), beginning with 0.
        vmas: Indexes of these VMAs, int64, shape (v,).
    """

    vfns: I64
    pfns: I64
    flags: U64
    first: I64
    vmas: I64


def split(pages: Pages, flags_of: Callable[[I64], U64]) -> Segments:
    """Cut the large folios' pages into segments, by PTEs throughout.

    Args:
        pages: Any pages; those of no large folio are passed over.
        flags_of: Flags of further frames: those behind a run, to see whether a
            folio goes on there.
    """
    large = np.flatnonzero((pages.flags & _THP) != 0)
    if not len(large):
        return np.zeros(0, SEGMENT)
    vfns, pfns, flags = pages.vfns[large], pages.pfns[large], pages.flags[large]
    first = np.searchsorted(large, pages.first)
    broken = np.ones(len(large), np.bool_)
    broken[1:] = (np.diff(vfns) != 1) | (np.diff(pfns) != 1)
    broken[first[first < len(large)]] = True
    heads = (flags & _HEAD) != 0
    begins = np.flatnonzero(broken | heads)
    counts = np.diff(begins, append=len(large))
    run_ends = np.append(broken[begins[1:]], True)
    headed = heads[begins]
    cut_behind = np.zeros(len(begins), np.bool_)
    asked = np.flatnonzero(headed & run_ends)
    behind = pfns[begins[asked] + counts[asked] - 1] + 1
    cut_behind[asked] = (flags_of(behind) & _TAIL) != 0
    out = np.zeros(len(begins), SEGMENT)
    out["vma"] = pages.vmas[np.searchsorted(pages.first, large[begins], side="right") - 1]
    out["vfn"] = vfns[begins]
    out["pages"] = counts
    out["kind"] = _kinds(flags[begins])
    out["cut_behind"] = cut_behind
    out["place"] = _places(out, headed & ~cut_behind)
    out["place"][(flags[begins] & _ZERO) != 0] = Place.ZERO
    return out


def _places(segments: Segments, whole: Bools) -> I64:
    counts = segments["pages"]
    # frexp is exact: 2**k is 0.5 * 2**(k + 1)
    orders = np.frexp(counts.astype(np.float64))[1].astype(np.int64) - 1
    aligned = segments["vfn"] & (counts - 1) == 0
    places: I64 = np.where(aligned, int(Place.ALIGNED), int(Place.UNALIGNED)) + orders
    # a size that is no folio's is the trace of a change while reading
    whole = whole & (counts & (counts - 1) == 0) & (orders < ORDERS)
    return np.where(whole, places, int(Place.PARTIAL))


def leaves(vfns: I64, flags: U64, vmas: I64) -> Segments:
    """Segments of slots mapped by a PMD or PUD leaf.

    Args:
        vfns: First page number of each slot, ascending.
        flags: Flags of its first frame.
        vmas: Index of its VMA.
    """
    out = np.zeros(len(vfns), SEGMENT)
    out["vma"] = vmas
    out["vfn"] = vfns
    out["pages"] = SLOT_PAGES
    out["kind"] = _kinds(flags)
    out["place"] = Place.PMD
    out["place"][(flags & _ZERO) != 0] = Place.ZERO
    out["place"][(flags & _HUGETLB) != 0] = Place.HUGETLB
    return out


def _kinds(flags: U64) -> NDArray[np.uint8]:
    return np.where((flags & _ANON) != 0, int(Kind.ANON), int(Kind.FILE)).astype(np.uint8)


def tally(vma: I64, column: I64, pages: I64) -> NDArray[np.void]:
    """Add up pages by VMA and column; dtype ``TALLY``, ascending."""
    keys, where = np.unique(vma * (2 * PLACES) + column, return_inverse=True)
    sums = np.bincount(where, pages.astype(np.float64), minlength=len(keys)).astype(np.int64)
    out = np.zeros(len(keys), TALLY)
    out["vma"], out["column"] = np.divmod(keys, 2 * PLACES)
    out["pages"] = sums
    summed: NDArray[np.void] = out[sums != 0]
    return summed


class Tallier:
    """Adds up segments that come in ascending order.

    Keeps one row per VMA and column that has any pages, and what thpmaps's view of
    folios cut off behind depends on.
    """

    def __init__(self) -> None:
        self._parts = [np.zeros(0, TALLY)]
        self._rows = 0
        self._compact_at = 1 << 16
        self._last = np.zeros(1, SEGMENT)
        self._last["vma"] = -1
        self._opening = [self._last[:0]]
        self._closing = [self._last[:0]]

    def add(self, segments: Segments) -> None:
        """Add segments behind all that were added before."""
        if not len(segments):
            return
        columns = segments["kind"].astype(np.int64) * PLACES + segments["place"]
        self._append(tally(segments["vma"], columns, segments["pages"]))
        self._mistold(segments[segments["place"] != Place.HUGETLB])

    def _append(self, rows: NDArray[np.void]) -> None:
        self._parts.append(rows)
        self._rows += len(rows)
        if self._rows > self._compact_at:
            self._parts = [self._summed()]
            self._rows = len(self._parts[0])
            self._compact_at = max(self._compact_at, 2 * self._rows)

    def _summed(self) -> NDArray[np.void]:
        rows = np.concatenate(self._parts)
        return tally(rows["vma"], rows["column"], rows["pages"])

    def _mistold(self, segments: Segments) -> None:
        """Find what thpmaps tells as the other kind.

        It looks one page back, and from the first page of a VMA round to the last.
        """
        if not len(segments):
            return
        vma, kind = segments["vma"], segments["kind"]
        before = np.concatenate((self._last, segments[:-1]))
        begins = before["vma"] != vma
        cut = segments["cut_behind"] & (segments["place"] == Place.PARTIAL)
        self._opening.append(segments[cut & begins])
        self._closing.append(segments[np.append(begins[1:], True)])
        self._append_mistold(segments[cut & ~begins & (before["kind"] != kind)])
        self._last = segments[-1:]

    def _append_mistold(self, segments: Segments) -> None:
        columns = segments["kind"].astype(np.int64) * PLACES + int(Place.MISTOLD)
        self._append(tally(segments["vma"], columns, segments["pages"]))

    def finish(self) -> NDArray[np.void]:
        """All that was added; dtype ``TALLY``, ascending by VMA and column."""
        opening, closing = np.concatenate(self._opening), np.concatenate(self._closing)
        last = closing[np.searchsorted(closing["vma"], opening["vma"], side="right") - 1]
        self._append_mistold(opening[last["kind"] != opening["kind"]])
        return self._summed()
