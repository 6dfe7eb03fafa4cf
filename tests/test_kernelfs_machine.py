"""Settings, pools, zones and page flags of the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpview.demo import Demo
from hpview.errors import BackendUnavailable
from hpview.kernelfs import kpageflags
from hpview.kernelfs.buddyinfo import free_huge
from hpview.kernelfs.hugetlb import Pool, read_pools
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.pagemap import PFN_MASK, Entry, Pagemap
from hpview.kernelfs.thp import SizeSetting, ThpSettings, read_thp
from hpview.kernelfs.zoneinfo import ram_top
from hpview.machine_state import MachineState, read_state
from hpview.wire import SLOT_SIZE
from tests.children import hugetlb_pool
from tests.fakeproc import FakeProc

THP = "kernel/mm/transparent_hugepage/"
ZONEINFO = """\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 1459
  pages free     3840
        spanned  4095
        present  3998
  start_pfn:           1
Node 0, zone   Normal
        spanned  5505024
  start_pfn:           1048576
Node 1, zone   Normal
        spanned  1000
  start_pfn:           6000000
Node 1, zone  Movable
        spanned  0
"""


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def test_settings(fake: FakeProc) -> None:
    for name, content in {
        "enabled": "always [madvise] never\n",
        "defrag": "always defer defer+madvise madvise [never]\n",
        "shmem_enabled": "always within_size advise [never] deny force\n",
        "use_zero_page": "0\n",
        "hpage_pmd_size": "2097152\n",
        "khugepaged/max_ptes_none": "511\n",
        "khugepaged/odd": "word\n",
        "hugepages-2048kB/enabled": "always [inherit] madvise never\n",
        "hugepages-64kB/enabled": "[always] inherit madvise never\n",
        "hugepages-8kB/shmem_enabled": "always inherit within_size advise [never]\n",
    }.items():
        fake.write_sys(THP + name, content)
    assert read_thp(fake.sys) == ThpSettings(
        enabled="madvise",
        defrag="never",
        shmem_enabled="never",
        use_zero_page=False,
        pmd_size=2 << 20,
        khugepaged={"max_ptes_none": 511},
        sizes=(
            SizeSetting(8 << 10, None, "never"),
            SizeSetting(64 << 10, "always", None),
            SizeSetting(2 << 20, "inherit", None),
        ),
    )


def test_a_kernel_without_huge_pages(fake: FakeProc) -> None:
    assert read_thp(fake.sys) == ThpSettings(None, None, None, None, None, {}, ())
    assert read_pools(fake.sys) == ()


def test_the_real_settings_are_known_words() -> None:
    settings = read_thp()
    assert settings.enabled in ("always", "madvise", "never", None)
    assert settings.pmd_size in (2 << 20, None)


def test_pools(fake: FakeProc) -> None:
    for size, numbers in (("1048576kB", (1, 1, 0, 0)), ("2048kB", (10, 4, 3, 2))):
        names = ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")
        for name, number in zip(names, numbers, strict=True):
            fake.write_sys(f"kernel/mm/hugepages/hugepages-{size}/{name}", f"{number}\n")
    small, large = read_pools(fake.sys)
    assert small == Pool(2 << 20, 10, 4, 3, 2)
    assert small.available == 1
    assert large == Pool(1 << 30, 1, 1, 0, 0)


BUDDYINFO = """\
Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3
Node 0, zone   Normal    146    447    443    357    163     57     18     14     22     14    204
Node 1, zone  Movable      0      0      0      0      0      0      0      0      0      5      0
"""


def test_free_blocks_that_a_huge_page_fits_into(fake: FakeProc) -> None:
    fake.write_proc("buddyinfo", BUDDYINFO)
    assert free_huge(fake.proc) == 1 + 14 + 5 + 2 * (3 + 204)


def test_free_blocks_of_a_kernel_with_larger_orders(fake: FakeProc) -> None:
    fake.write_proc("buddyinfo", "Node 0, zone   Normal " + "1 " * 13)
    assert free_huge(fake.proc) == 1 + 2 + 4 + 8


@pytest.mark.parametrize("content", [None, "Node 0, zone Normal many few"])
def test_free_blocks_that_cannot_be_read(fake: FakeProc, content: str | None) -> None:
    if content is not None:
        fake.write_proc("buddyinfo", content + " none" * 9)
    assert free_huge(fake.proc) is None


def test_the_real_free_blocks() -> None:
    found = free_huge()
    assert found is not None
    assert 0 <= found * SLOT_SIZE <= ram_top()


def test_the_state_of_the_machine(fake: FakeProc) -> None:
    assert read_state(fake.proc, fake.sys) == MachineState()
    fake.write_proc("buddyinfo", BUDDYINFO)
    fake.write_sys(THP + "enabled", "always [madvise] never\n")
    fake.write_sys(THP + "khugepaged/pages_to_scan", "4096\n")
    fake.write_sys(THP + "khugepaged/scan_sleep_millisecs", "10000\n")
    for name in ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"):
        fake.write_sys(f"kernel/mm/hugepages/hugepages-2048kB/{name}", "3\n")
    assert read_state(fake.proc, fake.sys) == MachineState(
        thp="madvise",
        scan_pages=4096,
        scan_sleep=10_000,
        free_huge=434,
        pools=(Pool(2 << 20, 3, 3, 3, 3),),
    )


@pytest.mark.root
def test_a_real_pool() -> None:
    with hugetlb_pool(2):
        pool = next(pool for pool in read_pools() if pool.page_size == 2 << 20)
        assert pool.total >= 2


def test_the_top_of_memory(fake: FakeProc) -> None:
    with pytest.raises(BackendUnavailable, match="zoneinfo"):
        ram_top(fake.proc)
    fake.write_proc("zoneinfo", "Node 0, zone DMA\n        spanned  0\n")
    with pytest.raises(BackendUnavailable, match="no populated zone"):
        ram_top(fake.proc)
    fake.write_proc("zoneinfo", ZONEINFO)
    assert ram_top(fake.proc) == max(1048576 + 5505024, 6000000 + 1000) * 4096


def test_the_real_top_is_above_all_memory() -> None:
    total = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal:")
    )
    assert ram_top() >= total


def test_flags_come_in_the_order_asked_for(fake: FakeProc) -> None:
    flags = np.arange(1000, dtype="<u8") * 10
    (fake.proc / "kpageflags").write_bytes(flags.tobytes())
    pfns = np.array([999, 3, 3, 500, 4, 5000, 0, 130, 1000], dtype=np.uint64)
    nopage = int(PageFlag.NOPAGE)
    assert kpageflags.read(pfns, fake.proc).tolist() == [
        9990, 30, 30, 5000, 40, nopage, 0, 1300, nopage,
    ]  # fmt: skip
    assert len(kpageflags.read(pfns[:0], fake.proc)) == 0


def test_flags_that_may_not_be_read(fake: FakeProc) -> None:
    with pytest.raises(BackendUnavailable, match="No such file"):
        kpageflags.read(np.zeros(1, dtype=np.uint64), fake.proc)


@pytest.mark.root
def test_flags_of_real_pages() -> None:
    expected = {
        "THP, all 2 MB": PageFlag.THP | PageFlag.ANON,
        "THP, only read: huge zero page": PageFlag.ZERO_PAGE,
        "MADV_NOHUGEPAGE, full": PageFlag.ANON | PageFlag.SWAPBACKED | PageFlag.MMAP,
        "shared memory, 4 kB": PageFlag.SWAPBACKED | PageFlag.MMAP,
        "hugetlb 2 MB": PageFlag.HUGE,
    }
    with hugetlb_pool(4), Demo.spawn() as demo, Pagemap(demo.pid) as pagemap:
        for name, wanted in expected.items():
            region = demo.region(name)
            if region is None:
                continue
            entries = pagemap.read_entries(region.start, 1024)
            assert (entries & np.uint64(Entry.PRESENT)).all(), name
            flags = kpageflags.read(entries & np.uint64(PFN_MASK))
            assert (flags & np.uint64(wanted) == wanted).all(), name
        region = demo.region("MADV_NOHUGEPAGE, full")
        assert region is not None
        entries = pagemap.read_entries(region.start, 4096)
        assert not (kpageflags.read(entries & np.uint64(PFN_MASK)) & np.uint64(PageFlag.THP)).any()
