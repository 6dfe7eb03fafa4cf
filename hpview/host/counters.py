"""What the kernel counts of huge pages, and how fast it goes up between two samples."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.thp import DIRECTORY, read_counts
from hpview.kernelfs.vmstat import read_vmstat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EVENTS: Final = ("thp_", "compact_", "htlb_")
"""What names of vmstat that are wanted begin with."""

IN_USE_WORDS: Final = {
    "nr_anon_transparent_hugepages": "anonymous memory",
    "nr_shmem_hugepages": "shared memory",
    "nr_shmem_pmdmapped": "shared memory, mapped huge",
    "nr_file_hugepages": "files",
    "nr_file_pmdmapped": "files, mapped huge",
}
"""Gauges of vmstat, printed in PMD leaves (vmstat_item_print_in_thp, include/linux/vmstat.h), and
what they are of."""

IN_USE: Final = tuple(IN_USE_WORDS)

_GAUGES: Final = frozenset({*IN_USE, "nr_anon", "nr_anon_partially_mapped"})
"""The last two are in each folio size's stats; nothing else there goes down."""


@dataclass(frozen=True, slots=True)
class Counters:
    """All of them at one time.

    Attributes:
        time: Seconds of a clock that never goes back.
        values: By name, as ``source`` takes it apart: of vmstat as it stands there, others with
            their folder (``khugepaged/full_scans``, ``hugepages-64kB/stats/swpout``). What
            could not be read, or this kernel does not count, is not in it.
    """

    time: float
    values: Mapping[str, int]


class Member(NamedTuple):
    """One counter of a group: its name in ``Counters`` and a word for it."""

    name: str
    label: str


class Group(NamedTuple):
    """Counters that are read together."""

    key: str
    label: str
    members: tuple[Member, ...]


GROUPS: Final = (
    Group(
        "fault",
        "page faults",
        (
            Member("thp_fault_alloc", "got a huge page"),
            Member("thp_fault_fallback", "fell back to small ones"),
            Member("thp_fault_fallback_charge", "of these, over a cgroup's limit"),
        ),
    ),
    Group(
        "shmem",
        "shared memory",
        (
            Member("thp_file_alloc", "got a huge page"),
            Member("thp_file_fallback", "fell back to small ones"),
            Member("thp_file_fallback_charge", "of these, over a cgroup's limit"),
            Member("thp_file_mapped", "mapped a huge page"),
        ),
    ),
    Group(
        "collapse",
        "collapse",
        (
            Member("thp_collapse_alloc", "huge page allocated"),
            Member("thp_collapse_alloc_failed", "allocation failed"),
        ),
    ),
    Group(
        "khugepaged",
        "khugepaged",
        (
            Member("khugepaged/pages_collapsed", "huge pages made"),
            Member("khugepaged/full_scans", "times through all memory"),
            Member("thp_scan_exceed_none_pte", "left: more empty than max_ptes_none"),
            Member("thp_scan_exceed_swap_pte", "left: more swapped than max_ptes_swap"),
            Member("thp_scan_exceed_share_pte", "left: more shared than max_ptes_shared"),
        ),
    ),
    Group(
        "split",
        "split",
        (
            Member("thp_split_page", "huge page split"),
            Member("thp_split_page_failed", "could not be split"),
            Member("thp_split_pmd", "mapping split, page whole"),
            Member("thp_split_pud", "mapping of 1 GB split"),
            Member("thp_deferred_split_page", "put off"),
            Member("thp_underused_split_page", "as mostly zeros"),
        ),
    ),
    Group(
        "swap",
        "swap",
        (
            Member("thp_swpout", "swapped out whole"),
            Member("thp_swpout_fallback", "split to be swapped out"),
        ),
    ),
    Group(
        "compaction",
        "compaction",
        (
            Member("compact_stall", "made a task wait"),
            Member("compact_success", "of these, got a block"),
            Member("compact_fail", "of these, got none"),
            Member("compact_daemon_wake", "kcompactd woken"),
        ),
    ),
    Group(
        "zero",
        "huge zero page",
        (
            Member("thp_zero_page_alloc", "allocated"),
            Member("thp_zero_page_alloc_failed", "allocation failed"),
        ),
    ),
    Group(
        "hugetlb",
        "hugetlb from free memory",
        (
            Member("htlb_buddy_alloc_success", "page allocated"),
            Member("htlb_buddy_alloc_fail", "allocation failed"),
        ),
    ),
    Group(
        "migration",
        "migration",
        (
            Member("thp_migration_success", "huge page moved whole"),
            Member("thp_migration_fail", "not moved"),
            Member("thp_migration_split", "split to be moved"),
        ),
    ),
)

_GROUPED: Final = frozenset(member.name for group in GROUPS for member in group.members)


def read_counters(time: float, root: Path = PROC, sysfs: Path = SYS) -> Counters:
    """Read what there is.

    Args:
        time: Now, for rates.
        root: /proc.
        sysfs: /sys.

    Raises:
        OSError: There is no vmstat.
        ValueError: It is not what the kernel prints.
    """
    wanted = {
        name: value
        for name, value in read_vmstat(root).items()
        if name.startswith(_EVENTS) or name in IN_USE
    }
    return Counters(time, wanted | read_counts(sysfs))


def is_gauge(name: str) -> bool:
    """Whether it goes up and down, so that a rate of it means nothing."""
    return name.rpartition("/")[2] in _GAUGES


def source(name: str) -> str:
    """The file that a counter is read from."""
    return f"/sys/{DIRECTORY}/{name}" if "/" in name else "/proc/vmstat"


def ungrouped(counters: Counters) -> tuple[str, ...]:
    """Counters of vmstat in no group: those that came with a later kernel, and rarer ones."""
    return tuple(
        name
        for name in counters.values
        if "/" not in name and name not in _GROUPED and not is_gauge(name)
    )


def rates(before: Counters, now: Counters) -> dict[str, float | None]:
    """How fast each counter of ``now`` went up, per second.

    Returns:
        By name, gauges left out. None is unknown: it was not there before, it went back
        (a processor taken out, a namespace entered), or no time has passed.
    """
    return {name: rate(name, before, now) for name in now.values if not is_gauge(name)}


def rate(name: str, before: Counters, now: Counters) -> float | None:
    """That of one counter; None as in ``rates``."""
    since, value = before.values.get(name), now.values.get(name)
    seconds = now.time - before.time
    if since is None or value is None or value < since or seconds <= 0:
        return None
    return (value - since) / seconds


class History:
    """The last samples, for lines of rates.

    Args:
        length: How many rates are kept; as many samples and one more.
    """

    def __init__(self, length: int) -> None:
        self._samples: deque[Counters] = deque(maxlen=length + 1)

    def add(self, counters: Counters) -> None:
        """Take a sample; one that is not later than the last starts anew."""
        if self._samples and counters.time <= self._samples[-1].time:
            self._samples.clear()
        self._samples.append(counters)

    def __len__(self) -> int:
        """How many rates there are."""
        return max(len(self._samples) - 1, 0)

    def latest(self) -> dict[str, float | None]:
        """``rates`` of the last two samples; {} before there are two."""
        return rates(self._samples[-2], self._samples[-1]) if len(self) else {}

    def series(self, name: str) -> list[float | None]:
        """The rates of one counter, oldest first; None is unknown, as in ``rates``."""
        samples = list(self._samples)
        return [rate(name, *pair) for pair in pairwise(samples)]
