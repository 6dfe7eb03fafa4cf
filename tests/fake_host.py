"""A machine of two nodes whose numbers all differ, so that a swapped label is seen."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from hpview.host.counters import GROUPS, IN_USE, Counters
from hpview.host.delays import Delays, TaskDelays, Wait
from hpview.host.held import HeldFile
from hpview.host.ledger import Entry, Holder, Ledger
from hpview.host.nodes import ByNode, NodeShare
from hpview.host.sample import Sample
from hpview.kernelfs.buddyinfo import Zone
from hpview.kernelfs.hugetlb import NodePool, Pool
from hpview.kernelfs.hugetlb_cgroup import HugetlbCgroup
from hpview.kernelfs.hugetlbfs import HugetlbMount
from hpview.kernelfs.pagetypeinfo import TypedFree
from hpview.kernelfs.thp import Knob, SizeSetting
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIB = 1024
_DEFRAG = ("always", "defer", "defer+madvise", "madvise", "never")
_SHMEM = ("always", "within_size", "advise", "never", "deny", "force")

KNOBS = (
    Knob("enabled", "madvise", ("always", "madvise", "never")),
    Knob("defrag", "defer+madvise", _DEFRAG),
    Knob("shmem_enabled", "advise", _SHMEM),
    Knob("use_zero_page", "1"),
    Knob("shrink_underused", "0"),
    Knob("khugepaged/alloc_sleep_millisecs", "60000"),
    Knob("khugepaged/max_ptes_none", "511"),
    Knob("khugepaged/max_ptes_swap", "64"),
    Knob("khugepaged/pages_to_scan", "4096"),
    Knob("khugepaged/scan_sleep_millisecs", "10000"),
)

SIZES = (
    SizeSetting(8 * _KIB, None, "never"),
    SizeSetting(64 * _KIB, "madvise", "within_size"),
    SizeSetting(2 * MIB, "inherit", "advise"),
)

_STATS = ("anon_fault_alloc", "anon_fault_fallback", "nr_anon", "nr_anon_partially_mapped", "split")


def _counts() -> dict[str, int]:
    names = [member.name for group in GROUPS for member in group.members]
    names += [*IN_USE, "compact_isolated", "thp_new_in_this_kernel"]
    names += ["hugepages-8kB/stats/swpout"]
    names += [f"hugepages-{size}/stats/{name}" for size in ("64kB", "2048kB") for name in _STATS]
    numbers = count(1009, 101)
    return {name: next(numbers) for name in names}


COUNTS = _counts()
RATES = {
    "thp_fault_alloc": 12,
    "thp_fault_fallback": 3,
    "compact_stall": 5,
    "compact_fail": 4,
    "compact_success": 1,
    "khugepaged/pages_collapsed": 7,
    "hugepages-64kB/stats/anon_fault_alloc": 250,
}
"""By how much counters go up in each second of ``SAMPLES``; ``thp_swpout`` goes back instead."""

ZONES = (
    Zone(0, "DMA", (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3)),
    Zone(0, "Normal", (146, 447, 443, 357, 163, 57, 18, 14, 22, 14, 204)),
    Zone(1, "Normal", (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)),
)
TYPES = (
    TypedFree(0, "DMA", "Movable", (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3)),
    TypedFree(0, "Normal", "Unmovable", (46, 47, 43, 57, 63, 7, 8, 4, 2, 2, 4)),
    TypedFree(0, "Normal", "Movable", (100, 400, 400, 300, 100, 50, 10, 10, 20, 9, 198)),
    TypedFree(0, "Normal", "HighAtomic", (0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2)),
    TypedFree(1, "Normal", "Movable", (11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)),
)
POOLS = (Pool(2 * MIB, 520, 131, 17, 8, 24), Pool(GIB, 3, 1, 0, 0, 0))
NODE_POOLS = (
    NodePool(0, 2 * MIB, 300, 91, 5),
    NodePool(1, 2 * MIB, 220, 40, 3),
    NodePool(0, GIB, 2, 1, 0),
    NodePool(1, GIB, 1, 0, 0),
)
MOUNTS = (
    HugetlbMount("/dev/hugepages", 26, 2 * MIB, None, None),
    HugetlbMount("/mnt/huge\x1b[31m", 27, GIB, 4 * GIB, GIB),
)


def sample(seconds: int = 0, counts: Mapping[str, int] = COUNTS, **changes: object) -> Sample:
    """The machine some seconds after the first sample."""
    values = {name: value + seconds * RATES.get(name, 0) for name, value in counts.items()}
    values["thp_swpout"] -= seconds
    parts: dict[str, object] = {
        "seconds": 0.011,
        "knobs": KNOBS,
        "sizes": SIZES,
        "pmd_size": 2 * MIB,
        "counters": Counters(1000.0 + seconds, values),
        "zones": ZONES,
        "types": TYPES,
        "types_age": 0.0,
        "pools": POOLS,
        "node_pools": NODE_POOLS,
        "mounts": MOUNTS,
    }
    return Sample(**{**parts, **changes})  # type: ignore[arg-type]


SAMPLES = tuple(sample(seconds) for seconds in range(30))

LEDGER = Ledger(
    entries=(
        Entry(POOLS[0], NODE_POOLS[:2], 320),
        Entry(POOLS[1], NODE_POOLS[2:], 2),
    ),
    holders=(
        Holder(5000, "java", 2 * GIB + 200 * MIB, {2 * MIB: 200 * MIB, GIB: 2 * GIB}),
        Holder(880, "redis-server", 600 * MIB, {2 * MIB: 600 * MIB}),
        Holder(1, "init\x1b[31m", 40 * MIB, None),
    ),
    exact=True,
    unread=1,
    cut=False,
    mounts=MOUNTS,
    files=(
        HeldFile("/mnt/huge\x1b[31m/left", 2 * MIB, 41, 0, None),
        HeldFile("/memfd:pool (deleted)", 2 * MIB, 12, 3, 880),
    ),
    cgroups=(
        HugetlbCgroup(
            "/user.slice/app", 2 * MIB, 512 * MIB, 200 * MIB, None, 222 * MIB, 9,
            "/sys/fs/cgroup/user.slice/app/hugetlb.2MB.max",
        ),
        HugetlbCgroup(
            "/user.slice/app", GIB, None, 2 * GIB, 6 * GIB, 3 * GIB, 0,
            "/sys/fs/cgroup/user.slice/app/hugetlb.1GB.max",
        ),
    ),
    pages=77,
    seconds=0.019,
)  # fmt: skip

DELAYS = Delays(
    accounting=True,
    tasks=(
        TaskDelays(880, Wait(13, 5_100_000), Wait(0, 0), Wait(2, 900_000), Wait(1, 40_000)),
        TaskDelays(4127, Wait(31, 2_500_000_000), Wait(4, 61_000_000), Wait(0, 0), Wait(0, 0)),
        TaskDelays(5000, Wait(0, 0), Wait(0, 0), Wait(0, 0), Wait(0, 0)),
    ),
    seconds=0.008,
)

BY_NODE = ByNode(
    pid=4127,
    shares=(
        NodeShare(0, 3 * GIB, GIB, None),
        NodeShare(1, GIB + 512 * MIB, 0, None),
        NodeShare(2, 0, 0, None),
    ),
    unknown=6 * MIB,
    asked=2308,
    seconds=0.004,
)
