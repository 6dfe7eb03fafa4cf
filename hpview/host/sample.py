"""One look at the machine: settings, counters, free memory, pools. Cheap enough for every tick."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from hpview.host.counters import Counters, read_counters
from hpview.host.unread import Unread, unread
from hpview.kernelfs.buddyinfo import Zone, read_zones
from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.hugetlb import NodePool, Pool, read_node_pools, read_pools
from hpview.kernelfs.hugetlbfs import HugetlbMount, read_hugetlb_mounts
from hpview.kernelfs.pagetypeinfo import TypedFree, read_types
from hpview.kernelfs.thp import Knob, SizeSetting, read_knobs, read_thp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

TYPES_EVERY: Final = 30.0
"""Seconds between two readings of the types of free blocks, at least."""

TYPES_SHARE: Final = 1000
"""And so many times as long as the last one took."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The machine at one time.

    Attributes:
        seconds: What reading it took.
        knobs: Settings of transparent huge pages; () where the kernel has none.
        sizes: Settings of each folio size, ascending; () before Linux 6.8.
        pmd_size: Bytes of a huge page; None where the kernel has none.
        counters: What was counted, with the time.
        zones: What is free, by node, zone and order.
        types: The same by what page blocks are for.
        types_age: How many seconds before the rest that was read.
        pools: Hugetlb, by page size; () without it.
        node_pools: The same by node.
        mounts: Hugetlb file systems of this mount namespace.
    """

    seconds: float
    knobs: tuple[Knob, ...]
    sizes: tuple[SizeSetting, ...]
    pmd_size: int | None
    counters: Counters | Unread
    zones: tuple[Zone, ...] | Unread
    types: tuple[TypedFree, ...] | Unread
    types_age: float
    pools: tuple[Pool, ...]
    node_pools: tuple[NodePool, ...]
    mounts: tuple[HugetlbMount, ...]

    @property
    def free_huge(self) -> int | None:
        """Free blocks of 2 MiB in all zones, larger ones cut; None where that is unknown."""
        return None if isinstance(self.zones, Unread) else sum(zone.huge for zone in self.zones)

    @property
    def serving(self) -> int | None:
        """How many of those may serve a process, by their page blocks' types; None if unknown."""
        if isinstance(self.types, Unread):
            return None
        return sum(found.huge for found in self.types if found.serves)


def read_sample(root: Path = PROC, sysfs: Path = SYS) -> Sample:
    """Read what there is; may be called in any thread."""
    return Sampler(root, sysfs).read()


class Sampler:
    """Takes samples again and again; may be called in any thread.

    The kernel counts the blocks of each type one by one, with the zone locked and interrupts
    off (mm/vmstat.c, pagetypeinfo_showfree_print: do not constantly read the file). They are
    read once in a while, and what was read last stands in the samples between.
    """

    def __init__(self, root: Path = PROC, sysfs: Path = SYS) -> None:
        self._root = root
        self._sysfs = sysfs
        self._types: tuple[float, tuple[TypedFree, ...] | Unread] | None = None
        self._next = 0.0

    def read(self) -> Sample:
        """Read what there is."""
        root, sysfs = self._root, self._sysfs
        began = time.monotonic()
        read_at, types = self._read_types(began)
        counters = _read("/proc/vmstat", lambda: read_counters(time.monotonic(), root, sysfs))
        zones = _read("/proc/buddyinfo", lambda: read_zones(root))
        thp, knobs = read_thp(sysfs), read_knobs(sysfs)
        pools, node_pools = read_pools(sysfs), read_node_pools(sysfs)
        mounts = read_hugetlb_mounts(root)
        return Sample(
            seconds=time.monotonic() - began,
            knobs=knobs,
            sizes=thp.sizes,
            pmd_size=thp.pmd_size,
            counters=counters,
            zones=zones,
            types=types,
            types_age=began - read_at,
            pools=pools,
            node_pools=node_pools,
            mounts=mounts,
        )

    def _read_types(self, now: float) -> tuple[float, tuple[TypedFree, ...] | Unread]:
        """When they were read, and what."""
        if self._types is None or now >= self._next:
            self._types = now, _read("/proc/pagetypeinfo", lambda: read_types(self._root))
            took = time.monotonic() - now
            self._next = now + max(TYPES_EVERY, TYPES_SHARE * took)
        return self._types


def _read(source: str, reading: Callable[[], T]) -> T | Unread:
    try:
        return reading()
    except (OSError, ValueError) as err:
        return unread(source, err)
