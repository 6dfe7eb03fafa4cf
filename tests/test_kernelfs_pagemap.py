"""PAGEMAP_SCAN against smaps and against the raw entries of real processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.demo import Demo
from hpview.errors import BackendUnavailable, NoMemoryMap, NoSuchProcess
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.pagemap import (
    REGION,
    Category,
    Entry,
    Pagemap,
    Regions,
    guard_supported,
    supported,
)
from hpview.kernelfs.smaps import read_smaps
from hpview.wire import VmFlag
from tests.children import child
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096
FRAGMENTS = 1600

needs_scan = pytest.mark.skipif(not supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo.spawn() as demo:
        yield demo


@pytest.fixture(scope="module")
def fragmented() -> Iterator[tuple[int, int, int]]:
    """A pid and a range whose every other page is present, and where that ends."""
    code = f"""
import mmap
m = mmap.mmap(-1, {2 * FRAGMENTS * PAGE}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
m.madvise(15)
for at in range(0, len(m), {2 * PAGE}):
    m[at] = 1
"""
    with child(code) as process:
        vma = next(
            m for m in read_maps(process.pid) if m.end - m.start >= 2 * FRAGMENTS * PAGE
            and m.vm_flags == VmFlag.READ | VmFlag.WRITE and not m.ino
        )  # fmt: skip
        with Pagemap(process.pid) as pagemap:
            # the allocator of the kernel may have joined it with a neighbour
            entries = pagemap.read_entries(vma.start, (vma.end - vma.start) // PAGE)
        present = np.flatnonzero(entries & np.uint64(Entry.PRESENT))
        steps = np.flatnonzero(np.convolve(np.diff(present) == 2, np.ones(64), "valid") == 64)
        start = vma.start + int(present[steps[0]]) * PAGE
        yield process.pid, start, start + 2 * FRAGMENTS * PAGE


def swept(
    pagemap: Pagemap, start: int, end: int, *, max_pages: int = 0, vec_len: int = 2048
) -> Regions:
    """All regions, by as many scans as it takes."""
    pieces = []
    while start < end:
        found, walk_end = pagemap.scan(start, end, max_pages=max_pages, vec_len=vec_len)
        assert len(found) <= vec_len
        assert walk_end > start
        assert (found["start"] < found["end"]).all()
        if len(found):
            assert start <= int(found["start"][0])
            assert int(found["end"][-1]) <= walk_end
        if max_pages:
            assert int((found["end"] - found["start"]).sum()) <= max_pages * PAGE
        pieces.append(found)
        start = walk_end
    return np.concatenate(pieces) if pieces else np.zeros(0, REGION)


def pages(regions: Regions) -> dict[int, int]:
    """Categories by page address."""
    return {
        at: int(region["categories"])
        for region in regions
        for at in range(int(region["start"]), int(region["end"]), PAGE)
    }


@needs_scan
@pytest.mark.parametrize("vec_len", [1, 2, 7, 511, 512, 513, 1024, 1025, 1599, 1600, 1601, 5000])
def test_however_long_the_vector_nothing_is_lost_or_doubled(
    fragmented: tuple[int, int, int], vec_len: int
) -> None:
    pid, start, end = fragmented
    with Pagemap(pid) as pagemap:
        found = swept(pagemap, start, end, vec_len=vec_len)
    assert len(found) == FRAGMENTS
    assert (np.diff(found["start"].astype(np.int64)) == 2 * PAGE).all()


@needs_scan
@pytest.mark.parametrize("max_pages", [1, 3, 511, 512, 513, 1024, 1100, 1599, 1600, 1601])
@pytest.mark.parametrize("vec_len", [1, 512, 600, 1024, 2048])
def test_nor_by_a_limit_of_pages(
    fragmented: tuple[int, int, int], max_pages: int, vec_len: int
) -> None:
    pid, start, end = fragmented
    with Pagemap(pid) as pagemap:
        found = swept(pagemap, start, end, max_pages=max_pages, vec_len=vec_len)
    assert len(found) == FRAGMENTS
    assert (np.diff(found["start"].astype(np.int64)) == 2 * PAGE).all()


@needs_scan
@pytest.mark.parametrize("slack", [0, PAGE, 64 * PAGE])
def test_a_finished_scan_says_so_in_spite_of_a_stale_walk_end(
    fragmented: tuple[int, int, int], slack: int
) -> None:
    pid, start, end = fragmented
    with Pagemap(pid) as pagemap:
        for count in (511, 512, 513, 1025, FRAGMENTS):
            stop = min(start + 2 * count * PAGE + slack, end)
            found, walk_end = pagemap.scan(start, stop)
            assert walk_end == stop
            found, walk_end = pagemap.scan(start, stop, max_pages=len(found) + 1)
            assert walk_end == stop


@needs_scan
@pytest.mark.parametrize("max_pages", [0, 100, 512, 5000])
@pytest.mark.parametrize("vec_len", [1, 3, 2048])
def test_every_region_of_the_demo_agrees_with_the_raw_entries(
    demo: Demo, max_pages: int, vec_len: int
) -> None:
    with Pagemap(demo.pid) as pagemap:
        for region in demo.regions:
            if region.end - region.start > 1 << 30:
                continue
            found = pages(
                swept(pagemap, region.start, region.end, max_pages=max_pages, vec_len=vec_len)
            )
            entries = pagemap.read_entries(region.start, (region.end - region.start) // PAGE)
            populated = np.uint64(Entry.PRESENT | Entry.SWAPPED | Entry.GUARD)
            present = region.start + np.flatnonzero(entries & populated) * PAGE
            assert sorted(found) == present.tolist(), region.name


@needs_scan
def test_every_vma_of_the_demo_agrees_with_smaps(demo: Demo) -> None:
    smaps = read_smaps(demo.pid)
    with Pagemap(demo.pid) as pagemap:
        for row, pmd_mapped, codes in zip(
            smaps.table, smaps.pmd_mapped, smaps.vm_flags, strict=True
        ):
            found = swept(pagemap, int(row["start"]), int(row["end"]))
            sizes = (found["end"] - found["start"]).astype(np.int64)
            memory = (found["categories"] & np.uint64(Category.PRESENT)) != 0
            memory &= (found["categories"] & np.uint64(Category.PFNZERO)) == 0
            huge = memory & ((found["categories"] & np.uint64(Category.HUGE)) != 0)
            assert sizes[huge].sum() == pmd_mapped + row["hugetlb"], codes
            if "io" not in codes.split() and "pf" not in codes.split():
                assert sizes[memory].sum() == row["rss"] + row["hugetlb"], (
                    hex(row["start"]),
                    codes,
                )


@needs_scan
def test_the_categories_of_each_state(demo: Demo) -> None:
    expected = {
        "THP, all 2 MB": {Category.PRESENT | Category.HUGE},
        "THP with holes": {Category.PRESENT | Category.HUGE, Category.PRESENT},
        "THP without access": {Category.PRESENT | Category.HUGE},
        "THP, only read: huge zero page": {Category.PRESENT | Category.HUGE | Category.PFNZERO},
        "4 kB, only read: zero page": {Category.PRESENT | Category.PFNZERO},
        "guard pages": {Category.PRESENT, Category.SWAPPED | Category.GUARD},
        "shared memory, collapsed": {Category.PRESENT | Category.HUGE},
        "hugetlb 2 MB": {Category.PRESENT | Category.HUGE},
    }
    seen = 0
    with Pagemap(demo.pid) as pagemap:
        for name, categories in expected.items():
            region = demo.region(name)
            if region is None or (name == "guard pages" and not guard_supported()):
                continue
            found, _ = pagemap.scan(region.start, region.end)
            assert set(found["categories"].tolist()) == categories, name
            seen += 1
    assert seen


@needs_scan
def test_a_limit_cuts_inside_a_huge_page(demo: Demo) -> None:
    region = demo.region("THP, all 2 MB")
    if region is None:
        pytest.skip("no THP")
    with Pagemap(demo.pid) as pagemap:
        found, walk_end = pagemap.scan(region.start, region.end, max_pages=100)
    assert found.tolist() == [(region.start, region.start + 100 * PAGE, 0x48)]
    assert walk_end == region.start + 100 * PAGE


@needs_scan
def test_the_terabyte_costs_next_to_nothing(demo: Demo) -> None:
    region = demo.region("1 TiB reserved, a few pages")
    assert region is not None
    with Pagemap(demo.pid) as pagemap:
        found, walk_end = pagemap.scan(region.start, region.end)
    assert len(found) == 8
    assert walk_end == region.end


@needs_scan
def test_bad_arguments_and_empty_ranges() -> None:
    with Pagemap(os.getpid()) as pagemap:
        with pytest.raises(ValueError, match="0x1"):
            pagemap.scan(1, PAGE)
        with pytest.raises(ValueError, match="0 regions"):
            pagemap.scan(0, PAGE, vec_len=0)
        found, walk_end = pagemap.scan(PAGE, PAGE)
        assert (len(found), walk_end) == (0, PAGE)
        found, walk_end = pagemap.scan(0, PAGE)
        assert (len(found), walk_end) == (0, PAGE)
        assert pagemap.guard_known == guard_supported()


@needs_scan
def test_a_process_that_is_gone() -> None:
    with child("") as process, Pagemap(process.pid) as pagemap:
        process.kill()
        process.wait()
        with pytest.raises(NoSuchProcess):
            pagemap.scan(0, 1 << 47)
        with pytest.raises(NoSuchProcess):
            Pagemap(process.pid)


def test_a_file_of_a_dead_leader_that_can_be_opened_and_holds_nothing(tmp_path: Path) -> None:
    """Before Linux 6.16. Taken for an mm that is gone, it was looked for again for ever."""
    fake = FakeProc(tmp_path)
    fake.add_process(7, state="Z", pagemap=b"")
    fake.add_process(8, pagemap=b"")
    with pytest.raises(NoMemoryMap, match="a zombie"):
        Pagemap(7, fake.proc)
    with pytest.raises(NoSuchProcess):
        Pagemap(8, fake.proc)


def test_a_kernel_without_it(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(os.getpid(), pagemap=(1 << 63 | 5).to_bytes(8, "little") * 3)
    assert not supported(fake.proc)
    assert not guard_supported(fake.proc)
    with Pagemap(os.getpid(), fake.proc) as pagemap:
        with pytest.raises(BackendUnavailable) as caught:
            pagemap.scan(0, PAGE)
        assert "6.7" in caught.value.remedy
        # the file ends early
        assert pagemap.read_entries(PAGE, 10).tolist() == [1 << 63 | 5] * 2
