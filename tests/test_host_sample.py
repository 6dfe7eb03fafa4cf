"""One look at the machine, from a fake tree and from the live one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hpview.host.sample import Sampler, read_sample
from hpview.host.unread import Unread, unread
from hpview.kernelfs.buddyinfo import Zone
from hpview.kernelfs.hugetlb import NodePool, Pool, read_node_pools, read_pools
from hpview.kernelfs.hugetlbfs import HugetlbMount
from hpview.kernelfs.pagetypeinfo import TypedFree, read_types
from hpview.kernelfs.thp import Knob, SizeSetting
from hpview.wire import SLOT_SIZE
from tests import host_tree
from tests.fakeproc import FakeProc
from tests.records import GIB, MIB


@pytest.fixture
def tree(tmp_path: Path) -> FakeProc:
    return host_tree.build(tmp_path)


def test_settings_are_those_that_the_kernel_has(tree: FakeProc) -> None:
    knobs = read_sample(tree.proc, tree.sys).knobs
    assert [knob.name for knob in knobs] == [
        "enabled",
        "defrag",
        "shmem_enabled",
        "use_zero_page",
        "shrink_underused",
        "of_this_kernel_only",
        "khugepaged/alloc_sleep_millisecs",
        "khugepaged/max_ptes_none",
        "khugepaged/max_ptes_swap",
        "khugepaged/pages_to_scan",
        "khugepaged/scan_sleep_millisecs",
    ]
    assert knobs[0] == Knob("enabled", "madvise", ("always", "madvise", "never"))
    assert knobs[1].value == "defer+madvise"
    assert knobs[5] == Knob("of_this_kernel_only", "77")
    assert {knob.name: knob.value for knob in knobs}["khugepaged/pages_to_scan"] == "4095"


def test_folio_sizes(tree: FakeProc) -> None:
    sample = read_sample(tree.proc, tree.sys)
    assert sample.sizes == (
        SizeSetting(8 << 10, None, "advise"),
        SizeSetting(64 << 10, "madvise", "within_size"),
        SizeSetting(2 << 20, "always", "inherit"),
    )
    assert sample.pmd_size == 2 << 20


def test_counters(tree: FakeProc) -> None:
    counters = read_sample(tree.proc, tree.sys).counters
    assert not isinstance(counters, Unread)
    expected = host_tree.counts()
    del expected["nr_free_pages"]
    assert counters.values == expected


def test_a_gauge_that_was_just_below_zero_is_unknown(tree: FakeProc) -> None:
    gauge = "hugepages-64kB/stats/nr_anon"
    tree.write_sys(f"{host_tree.THP}/{gauge}", f"{2**64 - 1}\n")
    counters = read_sample(tree.proc, tree.sys).counters
    assert not isinstance(counters, Unread)
    assert gauge not in counters.values
    assert "hugepages-2048kB/stats/nr_anon" in counters.values


def test_free_memory(tree: FakeProc) -> None:
    sample = read_sample(tree.proc, tree.sys)
    assert not isinstance(sample.zones, Unread)
    assert sample.zones[1] == Zone(0, "Normal", (146, 447, 443, 357, 163, 57, 18, 14, 22, 15, 204))
    assert [zone.huge for zone in sample.zones] == [1 + 6, 15 + 408, 26 + 42]
    assert sample.zones[0].bytes_free == (1 * 256 + 1 * 512 + 3 * 1024) * 4096
    assert sample.free_huge == 7 + 423 + 68


def test_free_memory_by_type(tree: FakeProc) -> None:
    sample = read_sample(tree.proc, tree.sys)
    assert not isinstance(sample.types, Unread)
    kinds = [(found.node, found.zone, found.kind, found.huge) for found in sample.types]
    assert kinds == [
        (0, "DMA", "Unmovable", 0),
        (0, "DMA", "Movable", 7),
        (0, "Normal", "Unmovable", 11),
        (0, "Normal", "Movable", 405),
        (0, "Normal", "HighAtomic", 7),
        (1, "Normal", "Movable", 68),
    ]
    assert sample.types[5].free[0] == 100_000
    assert not sample.types[5].at_least, "small blocks do not matter"
    assert sample.serving == 7 + 11 + 405 + 68
    assert sum(found.huge for found in sample.types) == sample.free_huge


def test_blocks_that_the_kernel_did_not_count_to_the_end(tree: FakeProc) -> None:
    line = "Node    0, zone   Normal, type      Movable" + "      1" * 9 + " >100000      2 \n"
    tree.write_proc("pagetypeinfo", line)
    assert read_types(tree.proc) == (
        TypedFree(0, "Normal", "Movable", (1,) * 9 + (100_000, 2), at_least=True),
    )


def test_types_are_not_read_at_every_tick(tree: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel locks the zone for it."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    sampler = Sampler(tree.proc, tree.sys)
    first = sampler.read()
    (tree.proc / "pagetypeinfo").unlink()
    now = 129.0
    second = sampler.read()
    assert second.types == first.types
    assert (first.types_age, second.types_age) == (0.0, 29.0)
    now = 131.0
    third = sampler.read()
    assert isinstance(third.types, Unread)
    assert third.types_age == 0.0


@pytest.mark.parametrize(
    ("kind", "serves"),
    [
        ("Unmovable", True),
        ("Movable", True),
        ("Reclaimable", True),
        ("CMA", True),
        ("HighAtomic", False),
        ("Isolate", False),
    ],
)
def test_which_blocks_may_serve_a_process(kind: str, serves: bool) -> None:
    assert TypedFree(0, "Normal", kind, ()).serves is serves


def test_pools_and_mounts(tree: FakeProc) -> None:
    sample = read_sample(tree.proc, tree.sys)
    assert sample.pools == (Pool(2 * MIB, 520, 131, 17, 8, 24), Pool(GIB, 3, 2, 1, 0, 5))
    assert [pool.in_use for pool in sample.pools] == [389, 1]
    assert sample.node_pools == (
        NodePool(0, 2 * MIB, 301, 91, 6),
        NodePool(1, 2 * MIB, 219, 40, 2),
        NodePool(0, GIB, 2, 1, 0),
        NodePool(1, GIB, 1, 1, 0),
    )
    assert sample.mounts == (
        HugetlbMount("/dev/hugepages", 30, 2 * MIB, None, None),
        HugetlbMount("/mnt/huge one", 31, GIB, 4 * GIB, GIB),
    )


def test_a_kernel_that_has_nothing(tmp_path: Path) -> None:
    tree = FakeProc(tmp_path)
    sample = read_sample(tree.proc, tree.sys)
    assert sample.knobs == ()
    assert sample.sizes == ()
    assert sample.pmd_size is None
    assert sample.pools == ()
    assert sample.counters == Unread("/proc/vmstat", "this kernel has no such file")
    assert sample.zones == Unread("/proc/buddyinfo", "this kernel has no such file")
    assert sample.free_huge is None
    assert sample.serving is None


@pytest.mark.parametrize(
    ("content", "source"),
    [("vmstat", "thp_fault_alloc many\n"), ("buddyinfo", "Node x\n"), ("pagetypeinfo", "?\n")],
)
def test_files_that_are_not_what_they_were(tree: FakeProc, content: str, source: str) -> None:
    tree.write_proc(content, source)
    sample = read_sample(tree.proc, tree.sys)
    part = {"vmstat": sample.counters, "buddyinfo": sample.zones, "pagetypeinfo": sample.types}
    assert part[content] == Unread(f"/proc/{content}", "not what this kernel's source prints")


def test_what_would_make_it_readable() -> None:
    denied = unread("/proc/pagetypeinfo", PermissionError(13, "Permission denied"))
    assert str(denied) == "/proc/pagetypeinfo: permission denied; run as root"
    assert str(unread("/x", OSError(5, "Input/output error"))) == "/x: input/output error"


def test_the_live_machine() -> None:
    sample = read_sample()
    assert not isinstance(sample.counters, Unread)
    text = Path("/proc/vmstat").read_text()
    for name in sample.counters.values:
        if "/" not in name:
            assert f"\n{name} " in text
    folders = Path("/sys", host_tree.THP).glob("hugepages-*kB/stats/*")
    files = {f"{path.parents[1].name}/stats/{path.name}" for path in folders}
    # a gauge may be below zero for a moment
    assert {name for name in files if "/nr_" not in name} <= sample.counters.values.keys()
    assert {size.size for size in sample.sizes} == {
        int(name.partition("-")[2].partition("kB")[0]) * 1024 for name in files
    }


def test_the_live_free_memory_is_that_of_the_kernel() -> None:
    """buddyinfo counts what meminfo calls free, but for the pages on processors' own lists."""
    sample = read_sample()
    assert not isinstance(sample.zones, Unread)
    free = sum(zone.bytes_free for zone in sample.zones)
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    assert 0 < free <= total
    assert sample.free_huge is not None
    assert sample.free_huge * SLOT_SIZE <= total
    if os.geteuid() == 0:
        assert not isinstance(sample.types, Unread)
        assert {(t.node, t.zone) for t in sample.types} >= {(z.node, z.name) for z in sample.zones}


def test_the_live_pools_come_to_the_sums_of_their_nodes() -> None:
    for pool in read_pools():
        nodes = [node for node in read_node_pools() if node.page_size == pool.page_size]
        if nodes:
            assert sum(node.total for node in nodes) == pool.total
