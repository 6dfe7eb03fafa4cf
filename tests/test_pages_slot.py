"""The pages of one slot: what is known of them, and where their folios begin and end."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.errors import BackendUnavailable
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.pagemap import Pagemap, guard_supported, supported
from hpview.kernelfs.smaps import read_smaps
from hpview.pages import slot as slot_module
from hpview.pages.extent import extents
from hpview.pages.page import NO_PTE_BITS, PAGE, FolioBit, PageBit, SlotPages
from hpview.pages.slot import read_slot
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests.children import child, hugetlb_pool
from tests.folio_targets import ANON, FOLIO_PRELUDE, THP, folio_sizes
from tests.kernel_targets import AREA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PRESENT, HUGE, ZERO = PageBit.PRESENT, PageBit.HUGE, PageBit.ZERO
HEAD, TAIL, ALIGNED, PARTIAL = (
    FolioBit.HEAD,
    FolioBit.TAIL,
    FolioBit.ALIGNED,
    FolioBit.PARTIAL,
)

root = pytest.mark.root
needs_scan = pytest.mark.skipif(not supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")
needs_thp = pytest.mark.skipif(not (THP / "enabled").exists(), reason="a kernel without THP")


def slot_of(pid: int, number: int) -> SlotPages:
    return read_slot(pid, AREA + number * SLOT_SIZE, AREA + (number + 1) * SLOT_SIZE)


def rows(slot: SlotPages) -> list[tuple[PageBit, FolioBit, int, int]]:
    """Runs of equal pages as (bits, folio bits, pages of the folio, how many)."""
    columns = [slot.pages[name].tolist() for name in ("bits", "folio", "folio_pages")]
    out: list[tuple[PageBit, FolioBit, int, int]] = []
    for bits, folio, pages in zip(*columns, strict=True):
        # exclusive or not is no matter here
        key = PageBit(bits) & ~PageBit.EXCLUSIVE, FolioBit(folio), pages
        if out and out[-1][:3] == key:
            out[-1] = (*key, out[-1][3] + 1)
        else:
            out.append((*key, 1))
    return out


@pytest.fixture(scope="module")
def anon() -> Iterator[int]:
    with child(ANON) as started:
        yield started.pid


@root
@needs_scan
@needs_thp
def test_a_leaf(anon: int) -> None:
    slot = slot_of(anon, 0)
    anon_folio = ALIGNED | FolioBit.ANON
    assert rows(slot) == [
        (PRESENT | HUGE, HEAD | anon_folio, 512, 1),
        (PRESENT | HUGE, TAIL | anon_folio, 512, 511),
    ]
    assert slot.pages["index"].tolist() == list(range(512))
    assert slot.folio_known
    assert slot.having(PageBit.EXCLUSIVE).all()


@root
@needs_scan
@needs_thp
def test_a_hole(anon: int) -> None:
    folio = ALIGNED | PARTIAL | FolioBit.ANON
    assert rows(slot_of(anon, 9)) == [
        (PRESENT, HEAD | folio, 512, 1),
        (PRESENT, TAIL | folio, 512, 99),
        (PageBit(0), FolioBit(0), 0, 3),
        (PRESENT, TAIL | folio, 512, 409),
    ]


@root
@needs_scan
@needs_thp
def test_cut_by_its_vma(anon: int) -> None:
    slot = slot_of(anon, 24)
    assert (slot.start, slot.end) == (AREA + 24 * SLOT_SIZE, AREA + 24 * SLOT_SIZE + 64 * PAGE_SIZE)
    assert len(slot) == len(slot.pages) == 64
    assert (slot.pages["folio"] & PARTIAL != 0).all()
    behind = read_slot(anon, slot.end, slot.start + SLOT_SIZE)
    assert (behind.pages["folio"] & PARTIAL != 0).all()
    assert behind.pages["index"].tolist() == list(range(64, 512))


@root
@needs_scan
@needs_thp
def test_whole_but_across_two_slots(anon: int) -> None:
    one, other = slot_of(anon, 32), slot_of(anon, 33)
    assert one.start == AREA + 32 * SLOT_SIZE + 5 * PAGE_SIZE
    folios = np.concatenate((one.pages, other.pages))
    assert folios["index"].tolist() == list(range(512))
    assert not (folios["folio"] & (PARTIAL | ALIGNED)).any()
    assert not (folios["bits"] & int(HUGE)).any()


@root
@needs_scan
@needs_thp
def test_zero_pages_are_no_file(anon: int) -> None:
    huge = slot_of(anon, 44)
    assert huge.having(ZERO).all()
    assert huge.having(HUGE).all()
    assert not huge.having(PageBit.FILE).any()
    small = slot_of(anon, 52)
    assert np.flatnonzero(small.having(ZERO)).tolist() == [200]
    assert np.flatnonzero(small.having(PRESENT)).tolist() == [*range(100), 200]


@root
@needs_thp
def test_nothing_mapped(anon: int) -> None:
    slot = slot_of(anon, 60)
    assert (slot.start, slot.end, len(slot.pages)) == (AREA + 60 * SLOT_SIZE,) * 2 + (0,)


@root
@pytest.mark.skipif(not guard_supported(), reason="no guard category (Linux 6.16)")
def test_guard_pages_are_not_swapped() -> None:
    code = (
        FOLIO_PRELUDE + "put(0, M, NOHUGEPAGE); fill(0, 9 * K); check(libc.madvise(A + K, K, 102))"
    )
    with child(code) as started:
        slot = slot_of(started.pid, 0)
    assert np.flatnonzero(slot.having(PageBit.GUARD)).tolist() == [1]
    assert not slot.having(PageBit.SWAPPED).any()


@root
@pytest.mark.skipif(not (THP / "hugepages-16kB").exists(), reason="no small folios (Linux 6.8)")
def test_small_folios() -> None:
    code = FOLIO_PRELUDE + (
        "put(M // 2, M, HUGEPAGE)\n"
        "with open('/sys/kernel/mm/transparent_hugepage/hugepages-16kB/enabled', 'w') as f:\n"
        "    f.write('madvise')\n"
        "fill(M // 2, 16 * K)\n"
        "check(libc.madvise(A + M // 2 + 5 * K, K, DONTNEED))\n"
        "move(M // 2 + 8 * K, 4 * K, 8 * M + K)\n"
    )
    with folio_sizes(), child(code) as started:
        slot, moved = slot_of(started.pid, 0), slot_of(started.pid, 8)
    partial = ALIGNED | PARTIAL | FolioBit.ANON
    assert rows(slot) == [
        (PRESENT, HEAD | ALIGNED | FolioBit.ANON, 4, 1),
        (PRESENT, TAIL | ALIGNED | FolioBit.ANON, 4, 3),
        (PRESENT, HEAD | partial, 4, 1),
        (PageBit(0), FolioBit(0), 0, 1),
        (PRESENT, TAIL | partial, 4, 2),
    ]
    assert rows(moved) == [
        (PRESENT, HEAD | FolioBit.ANON, 4, 1),
        (PRESENT, TAIL | FolioBit.ANON, 4, 3),
    ]


@root
def test_hugetlb() -> None:
    code = FOLIO_PRELUDE + "put(0, 2 * M, flags=0x40000); fill(M, K)"
    with hugetlb_pool(2), child(code) as started:
        untouched, touched = slot_of(started.pid, 0), slot_of(started.pid, 1)
    assert not untouched.pages["bits"].any()
    assert (touched.pages["folio"] & FolioBit.HUGETLB != 0).all()
    assert not (touched.pages["folio"] & PARTIAL).any()
    assert (touched.pages["folio_pages"] == 512).all()


def test_of_oneself_without_frames_or_scan() -> None:
    """What an ordinary user sees, in a process of its own."""
    code = (
        "import mmap, os, numpy as np\n"
        "from hpview.pages.slot import read_slot\n"
        "m = mmap.mmap(-1, 1 << 22)\nm.madvise(15)\n"
        "at = np.frombuffer(m, np.uint8).ctypes.data + (1 << 21) - 1 & -1 << 21\n"
        "base = at - np.frombuffer(m, np.uint8).ctypes.data\n"
        "m[base] = m[base + 3 * 4096] = 1\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setuid(65534)\n"
        "    import ctypes; ctypes.CDLL(None).prctl(4, 1)\n"
        "slot = read_slot(os.getpid(), at, at + (1 << 21))\n"
        "print(slot.folio_known, np.flatnonzero(slot.pages['bits'] & 1).tolist(),\n"
        "      slot.pages['folio_pages'].any(), slot.reasons[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "False [0, 3] False /proc/kpageflags is not available: "
        "Permission denied; folio sizes need root\n"
    )


@root
@needs_thp
def test_without_a_scan_flags_tell_zero_and_nothing_tells_huge(
    anon: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise BackendUnavailable("PAGEMAP_SCAN", "it was refused")

    monkeypatch.setattr(slot_module, "_categories", refused)
    slot = slot_of(anon, 44)
    assert slot.having(ZERO).all()
    assert not slot.having(PageBit.FILE).any()
    assert "huge, zero and guard: PAGEMAP_SCAN is not available: it was refused" in slot.reasons
    with pytest.raises(ValueError, match="not known"):
        slot.having(HUGE)


@root
def test_soft_dirty_is_known_where_the_kernel_tracks_it() -> None:
    """Its smaps then has the flag sd for every fresh mapping."""
    tracked = any("sd" in codes.split() for codes in read_smaps(os.getpid()).vm_flags)
    with child(FOLIO_PRELUDE + "put(0, M, NOHUGEPAGE); fill(0, 3 * K)") as started:
        slot = slot_of(started.pid, 0)
    assert (PageBit.SOFT_DIRTY in slot.known) == tracked


@root
def test_entries_and_pages_agree_over_libraries() -> None:
    with child("import numpy") as started, Pagemap(started.pid) as pagemap:
        table = read_smaps(started.pid).table
        for start, end in table[table["rss"] > 0][["start", "end"]].tolist()[:40]:
            slot = read_slot(started.pid, start, min(end, start + SLOT_SIZE))
            entries = pagemap.read_entries(start, len(slot))
            assert (slot.having(PRESENT) == (entries >> np.uint64(63) != 0)).all()
            assert (slot.pages["folio_pages"][slot.having(PRESENT)] > 0).all()


@pytest.mark.parametrize(("start", "end"), [(1, 4096), (4096, 4096), (0, SLOT_SIZE + PAGE_SIZE)])
def test_no_slot(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no pages of one slot"):
        read_slot(os.getpid(), start, end)


def some_pages() -> SlotPages:
    pages = np.zeros(4, PAGE)
    pages["bits"] = [PRESENT, 0, PRESENT | HUGE, PageBit.SWAPPED]
    known = PRESENT | HUGE | PageBit.SWAPPED
    return SlotPages(0, 4 * PAGE_SIZE, pages, known, False, (NO_PTE_BITS, "other"))


def test_bits_of_a_walk_are_merged() -> None:
    slot = some_pages().merged(
        dirty=np.array([True, True, False, True]), accessed=np.array([False, True, True, True])
    )
    assert slot.having(PageBit.DIRTY).tolist() == [True, False, False, False]
    assert slot.having(PageBit.ACCESSED).tolist() == [False, False, True, False]
    assert slot.reasons == ("other",)
    again = slot.merged(dirty=np.array([False, True, True, True]))
    assert again.having(PageBit.DIRTY).tolist() == [False, False, True, False]
    assert again.having(PageBit.ACCESSED).tolist() == [False, False, True, False]
    with pytest.raises(ValueError, match="4"):
        slot.merged(dirty=np.zeros(5, np.bool_))
    assert some_pages().merged(accessed=np.zeros(4, np.bool_)).reasons == (NO_PTE_BITS, "other")


def test_extents_of_all_sizes() -> None:
    sizes = {100: 1, 512: 512, 1024: 4, 1028: 2, 1030: 1, 1 << 18: 1 << 18, 1 << 19: 1024}
    head, tail = int(PageFlag.COMPOUND_HEAD), int(PageFlag.COMPOUND_TAIL)
    flags = np.zeros(1 << 20, np.uint64)
    for pfn, count in sizes.items():
        if count > 1:
            flags[pfn] = head
            flags[pfn + 1 : pfn + count] = tail

    def flags_of(pfns: NDArray[np.int64]) -> NDArray[np.uint64]:
        taken: NDArray[np.uint64] = flags[pfns]
        return taken

    pfns = np.array([(1 << 19) + 700, 100, 1023, 1027, 1030, 1029, 1 << 18, (1 << 19) - 1, 512])
    first, counts = extents(pfns, flags_of(pfns), flags_of)
    assert first.tolist() == [1 << 19, 100, 512, 1024, 1030, 1028, 1 << 18, 1 << 18, 512]
    assert counts.tolist() == [1024, 1, 512, 4, 1, 2, 1 << 18, 1 << 18, 512]
