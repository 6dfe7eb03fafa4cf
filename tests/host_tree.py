"""A /proc and /sys of a machine with two nodes, whose numbers all differ."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

from hpview.host.counters import GROUPS, IN_USE
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THP = "kernel/mm/transparent_hugepage"
SETTINGS = {
    "enabled": "always [madvise] never",
    "defrag": "always defer [defer+madvise] madvise never",
    "shmem_enabled": "always within_size [advise] never deny force",
    "use_zero_page": "1",
    "shrink_underused": "0",
    "of_this_kernel_only": "77",
    "khugepaged/alloc_sleep_millisecs": "60001",
    "khugepaged/max_ptes_none": "510",
    "khugepaged/max_ptes_swap": "63",
    "khugepaged/pages_to_scan": "4095",
    "khugepaged/scan_sleep_millisecs": "10002",
    "hugepages-8kB/shmem_enabled": "always inherit within_size [advise] never",
    "hugepages-64kB/enabled": "always inherit [madvise] never",
    "hugepages-64kB/shmem_enabled": "always inherit [within_size] advise never",
    "hugepages-2048kB/enabled": "[always] inherit madvise never",
    "hugepages-2048kB/shmem_enabled": "always [inherit] within_size advise never",
}
STATS = {
    "8kB": ("shmem_alloc", "swpout"),
    "64kB": ("anon_fault_alloc", "anon_fault_fallback", "nr_anon", "shmem_alloc", "swpout"),
    "2048kB": (
        "anon_fault_alloc",
        "anon_fault_fallback",
        "nr_anon",
        "nr_anon_partially_mapped",
        "shmem_alloc",
        "swpout",
    ),
}
VMSTAT = (
    "nr_free_pages",
    *IN_USE,
    "thp_of_a_later_kernel",
    "compact_isolated",
    *(member.name for group in GROUPS for member in group.members if "/" not in member.name),
)
BUDDYINFO = """\
Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3
Node 0, zone   Normal    146    447    443    357    163     57     18     14     22     15    204
Node 1, zone   Normal     11     12     13     14     16     17     19     24     25     26     21
"""
PAGETYPEINFO = """\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10
Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      0      0      0      1      0      0
Node    0, zone      DMA, type      Movable      0      0      0      0      0      0      0      0      0      1      3
Node    0, zone   Normal, type    Unmovable     46     47     43     57     63      7      8      4      2      3      4
Node    0, zone   Normal, type      Movable    100    400    400    300    100     50     10     10     20      9    198
Node    0, zone   Normal, type   HighAtomic      0      0      0      0      0      0      0      0      0      3      2
Node    1, zone   Normal, type      Movable >100000     12     13     14     16     17     19     24     25     26     21

Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate
Node 0, zone      DMA            1            7            0            0            0
Node 0, zone   Normal          222         5973           77            0            0
"""  # noqa: E501 - as the kernel prints it
POOLS = {
    # nr, free, resv, surplus, overcommit
    "2048kB": (520, 131, 17, 8, 24),
    "1048576kB": (3, 2, 1, 0, 5),
}
NODE_POOLS = {
    # nr, free, surplus of each node
    "2048kB": ((301, 91, 6), (219, 40, 2)),
    "1048576kB": ((2, 1, 0), (1, 1, 0)),
}
MOUNTINFO = """\
26 22 0:30 / /dev/hugepages rw,relatime - hugetlbfs hugetlbfs rw,pagesize=2M
27 22 0:31 / /mnt/huge\\040one rw - hugetlbfs none rw,gid=5,pagesize=1024M,size=4294967296,min_size=1073741824
28 22 0:32 /pod /CGROUPS rw - cgroup2 cgroup2 rw,nsdelegate
"""  # noqa: E501


def build(top: Path) -> FakeProc:
    """The tree below ``top``."""
    tree = FakeProc(top)
    for name, words in SETTINGS.items():
        tree.write_sys(f"{THP}/{name}", words + "\n")
    tree.write_sys(f"{THP}/hpage_pmd_size", "2097152\n")
    tick(tree)
    tree.write_proc("buddyinfo", BUDDYINFO)
    tree.write_proc("pagetypeinfo", PAGETYPEINFO)
    for size, pools in POOLS.items():
        folder = f"kernel/mm/hugepages/hugepages-{size}"
        names = ("nr", "free", "resv", "surplus", "nr_overcommit")
        for name, number in zip(names, pools, strict=True):
            tree.write_sys(f"{folder}/{name}_hugepages", f"{number}\n")
    for size, nodes in NODE_POOLS.items():
        for node, numbers in enumerate(nodes):
            folder = f"devices/system/node/node{node}/hugepages/hugepages-{size}"
            for name, number in zip(("nr", "free", "surplus"), numbers, strict=True):
                tree.write_sys(f"{folder}/{name}_hugepages", f"{number}\n")
    tree.write_sys("devices/system/node/has_memory", "0-1\n")
    cgroups = top / "cgroups"
    tree.write_proc(f"{os.getpid()}/mountinfo", MOUNTINFO.replace("/CGROUPS", str(cgroups)))
    return tree


def counts() -> dict[str, int]:
    """What is counted, by name as in ``Counters``; no two numbers are equal."""
    numbers: Iterator[int] = count(1009, 101)
    names = [
        *VMSTAT,
        "khugepaged/full_scans",
        "khugepaged/pages_collapsed",
        *(f"hugepages-{size}/stats/{name}" for size, found in STATS.items() for name in found),
    ]
    return {name: next(numbers) for name in names}


def tick(tree: FakeProc, seconds: int = 0) -> None:
    """Write what is counted; in each second the nth of them goes up by n, all but gauges too."""
    now = {name: value + n * seconds for n, (name, value) in enumerate(counts().items())}
    lines = (f"{name} {now[name]}\n" for name in VMSTAT)
    tree.write_proc("vmstat", "".join(lines))
    for name, value in now.items():
        if "/" in name:
            tree.write_sys(f"{THP}/{name}", f"{value}\n")
