"""Cutting pages into folios, against the naive model, however the batches fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.errors import BackendUnavailable
from hpview.export.thpmaps import stats
from hpview.kernelfs.pagemap import Entry
from hpview.pages.count import Counter
from hpview.pages.folios import PLACES, Kind, Place
from hpview.pages.populated import Batch
from tests import naive_folios
from tests.naive_folios import ANON, HEAD, HUGETLB, TAIL, THP, ZERO, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRAMES = 4096
LEAVES = 2048
"""From this frame on all folios are of 512 pages."""

Vma = tuple[int, int, list[Page]]


def physical(orders: list[tuple[int, bool]]) -> NDArray[np.uint64]:
    """Flags of frames: folios one behind the other, then some for leaves."""
    flags = np.zeros(FRAMES, np.uint64)
    at = 1  # there is no frame 0
    for order, anon in orders:
        count = 1 << order
        at = -(-at // count) * count
        kind = ANON if anon else 0
        if count == 1:
            flags[at] = kind
        else:
            flags[at] = kind | HEAD | THP
            flags[at + 1 : at + count] = kind | TAIL | THP
        at += count
    for i, kind in enumerate((ANON | THP, THP, ZERO | THP, HUGETLB)):
        block = LEAVES + 512 * i
        flags[block] = kind | HEAD
        flags[block + 1 : block + 512] = kind | TAIL
    return flags


piece = st.tuples(st.integers(0, 3), st.integers(1, 150), st.integers(1, 40))
leaf = st.integers(0, 3)
vma = st.lists(st.one_of(piece, leaf), max_size=6)
folios = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


def layout(flags: NDArray[np.uint64], drawn: list[list[tuple[int, int, int] | int]]) -> list[Vma]:
    vmas = []
    at = 1000
    for pieces in drawn:
        start = at
        pages: list[Page] = []
        for one in pieces:
            if isinstance(one, int):
                at = -(-at // 512) * 512
                first = LEAVES + 512 * one
                pages += [Page(at + k, first + k, int(flags[first + k]), True) for k in range(512)]
                at += 512
            else:
                gap, pfn, count = one
                at += gap
                pages += [Page(at + k, pfn + k, int(flags[pfn + k])) for k in range(count)]
                at += count
        at += 1
        vmas.append((start, at, pages))
    return vmas


def entries_of(pages: list[Page]) -> NDArray[np.uint64]:
    """As pagemap has them; the huge zero page has the FILE bit, too."""
    return np.array(
        [
            int(Entry.PRESENT) | page.pfn | (0 if page.flags & ANON else int(Entry.FILE))
            for page in pages
        ],
        np.uint64,
    )


def counted(
    flags: NDArray[np.uint64], vmas: list[Vma], batches: list[int]
) -> tuple[NDArray[np.int64], Counter]:
    """Pages by VMA, kind and place, fed in batches of so many pages."""

    def flags_of(pfns: NDArray[np.int64]) -> NDArray[np.uint64]:
        taken: NDArray[np.uint64] = flags[pfns]
        return taken

    counter = Counter(
        np.array([start for start, _, _ in vmas], np.int64),
        np.array([end for _, end, _ in vmas], np.int64),
        flags_of,
    )
    every = [page for _, _, pages in vmas for page in pages]
    small = [page for page in every if not page.leaf]
    heads = [page for page in every if page.leaf and not page.vfn % 512]
    # as a scan hands them over: leaves may come long before the pages below them
    sent = 0
    sizes = [*batches, len(small)]
    while small or sent < len(heads):
        count = sizes.pop(0) if sizes else len(small)
        part, small = small[:count], small[count:]
        until = part[-1].vfn + 600 if small else 1 << 40
        ready = [page for page in heads[sent:] if page.vfn < until]
        sent += len(ready)
        counter.feed(
            Batch(
                np.array([page.vfn for page in part], np.int64),
                entries_of(part),
                np.array([page.vfn for page in ready], np.int64),
                entries_of(ready),
            )
        )
    out = np.zeros((len(vmas), 2 * PLACES), np.int64)
    rows = counter.finish()
    out[rows["vma"], rows["column"]] = rows["pages"]
    return out.reshape(-1, 2, PLACES), counter


def labelled(pages: NDArray[np.int64]) -> dict[str, int]:
    return {label: value for label, (_, value) in stats(pages).items() if value}


def flags_at(flags: NDArray[np.uint64]) -> Callable[[int], int]:
    return lambda pfn: int(flags[pfn])


@given(folios, st.lists(vma, min_size=1, max_size=5), st.lists(st.integers(1, 60), max_size=12))
def test_any_layout_is_counted_as_page_by_page(
    orders: list[tuple[int, bool]],
    drawn: list[list[tuple[int, int, int] | int]],
    batches: list[int],
) -> None:
    flags = physical(orders)
    vmas = layout(flags, drawn)
    found, counter = counted(flags, vmas, batches)
    for i, (_, _, pages) in enumerate(vmas):
        expected = naive_folios.totals(pages, flags_at(flags))
        assert labelled(found[i]) == naive_folios.labelled(expected)
        small = sum(count for name, count in expected.items() if name.endswith("-8"))
        order_1 = found[i][:, [Place.ALIGNED + 1, Place.UNALIGNED + 1]]
        assert order_1.sum() == small
        normal = [page for page in pages if not page.flags & (ZERO | HUGETLB)]
        assert counter.rss[i] == len(normal)
        assert counter.anon[i] == sum(1 for page in normal if page.flags & ANON)


def test_what_is_not_in_any_vma_is_passed_over() -> None:
    flags = physical([(4, True)])
    folio = [Page(110 + k, 16 + k, int(flags[16 + k])) for k in range(16)]
    stray = [Page(vfn, 1, 0) for vfn in (98, 101, 107)]
    vmas = [(100, 104, stray), (110, 126, [*folio, Page(130, 1, 0)])]
    found, counter = counted(flags, vmas, [])
    assert counter.rss.tolist() == [1, 16]
    assert found[1, Kind.ANON, Place.UNALIGNED + 4] == 16


def test_a_folio_across_two_vmas_is_partial_in_both() -> None:
    flags = physical([(4, True)])
    folio = [Page(112 + k, 16 + k, int(flags[16 + k])) for k in range(16)]
    found, _ = counted(flags, [(112, 115, folio[:3]), (115, 130, folio[3:])], [])
    assert found[:, Kind.ANON, Place.PARTIAL].tolist() == [3, 13]
    assert found.sum() == 16


def test_thpmaps_looks_back_from_the_first_page_to_the_last() -> None:
    flags = physical([(4, True)])
    cut = [Page(112 + k, 16 + k, int(flags[16 + k])) for k in range(7)]
    zero = LEAVES + 1024
    leaf = [Page(512 + k, zero + k, int(flags[zero + k]), True) for k in range(512)]
    for batches in ([], [3, 2]):
        found, _ = counted(flags, [(112, 1024, [*cut, *leaf])], batches)
        assert found[0, Kind.ANON, Place.PARTIAL] == found[0, Kind.ANON, Place.MISTOLD] == 7
        assert labelled(found[0]) == {
            "file-thp-pte-aligned-2048kB": 2048,
            "file-thp-pte-partial": 28,
        }


def test_a_folio_of_two_pages_is_no_matter_of_thpmaps_but_is_counted() -> None:
    flags = physical([(1, True)])
    found, _ = counted(
        flags, [(4, 8, [Page(4 + k, 2 + k, int(flags[2 + k])) for k in range(2)])], []
    )
    assert found[0, Kind.ANON, Place.ALIGNED + 1] == 2
    assert labelled(found[0]) == {}


def test_hidden_frames_are_told() -> None:
    counter = Counter(np.array([0]), np.array([9]), lambda pfns: pfns.astype(np.uint64))
    nothing = np.zeros(0, np.int64)
    present = np.full(2, int(Entry.PRESENT), np.uint64)
    with pytest.raises(BackendUnavailable, match="hides frame numbers; folio sizes need root"):
        counter.feed(Batch(np.array([1, 2]), present, nothing, nothing.astype(np.uint64)))
