"""The hugetlb ledger: what was handed out, who has it mapped, and what nobody seen accounts for."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from hpview import text
from hpview.errors import (
    AccessDenied,
    BackendUnavailable,
    HpviewError,
    NoMemoryMap,
    NoSuchProcess,
)
from hpview.host.attribution import Attribution
from hpview.host.held import HeldFile, held_files
from hpview.host.unread import Unread
from hpview.kernelfs.cgroup import read_cgroup
from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.hugetlb import NodePool, Pool, read_node_pools, read_pools
from hpview.kernelfs.hugetlb_cgroup import HugetlbCgroup, find_hierarchy, read_limits
from hpview.kernelfs.hugetlbfs import HugetlbMount, read_hugetlb_mounts
from hpview.kernelfs.status import read_stat, read_status
from hpview.machine import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


class Holder(NamedTuple):
    """A process that has hugetlb pages mapped.

    Attributes:
        pid: tgid.
        comm: Untrusted.
        charged: Bytes that the kernel counts as its own, of all page sizes (HugetlbPages).
        mapped: Bytes by page size; pages that others have mapped too count in full. None where
            its mappings may not be read.
    """

    pid: int
    comm: str
    charged: int
    mapped: Mapping[int, int] | None


class Entry(NamedTuple):
    """The ledger of one page size, in pages.

    Attributes:
        pool: As the kernel has it, read together with the rest.
        nodes: The same by node; () without NUMA.
        mapped: Different pages that the processes seen have mapped.
    """

    pool: Pool
    nodes: tuple[NodePool, ...]
    mapped: int

    @property
    def unattributed(self) -> int:
        """Handed out, and mapped by nobody seen.

        In files or SysV segments that nobody maps, mapped by processes that may not be read or
        live in another pid namespace, or held by a device. Never below 0: pages that were
        freed while the processes were read are not owed.
        """
        return max(self.pool.in_use - self.mapped, 0)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All of hugetlb at one time.

    Attributes:
        entries: By page size; () without hugetlb.
        holders: Who has pages mapped, the largest first.
        exact: Every page was surely counted once. Else frame numbers are hidden, and private
            pages that a fork shares were told apart by file and offset, an estimate.
        unread: How many of the holders may not be read: ``mapped`` of entries is at least,
            ``unattributed`` at most.
        cut: There were more private pages than ``attribution.LIMIT``: the same holds.
        mounts: Hugetlb file systems of this mount namespace.
        files: Files with pages that nobody seen has mapped, the largest first; looked for only
            where something is unattributed.
        cgroups: Limits and use of the cgroups that processes are in, and of those above them.
        pages: Entries of pagemap that were read, one a private page.
        seconds: What reading took.
    """

    entries: tuple[Entry, ...]
    holders: tuple[Holder, ...]
    exact: bool
    unread: int
    cut: bool
    mounts: tuple[HugetlbMount, ...]
    files: tuple[HeldFile, ...]
    cgroups: tuple[HugetlbCgroup, ...] | Unread
    pages: int
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether every holder was read to its end."""
        return not (self.unread or self.cut)


def read_ledger(
    stop: Callable[[], bool] = lambda: False, root: Path = PROC, sysfs: Path = SYS
) -> Ledger:
    """Read every process's status, and the hugetlb mappings of those that have some.

    A process whose hugetlb memory is mapped by page tables of others only (PMD sharing,
    mm/hugetlb.c) is charged nothing and not among the holders; the pages are counted with those.

    Args:
        stop: Asked again and again; True gives up.
        root: /proc.
        sysfs: /sys.

    Raises:
        Stopped: ``stop`` said so.
    """
    began = time.perf_counter()

    def go_on() -> None:
        if stop():
            raise Stopped

    pids = sorted(int(name) for name in os.listdir(root) if name.isdigit())
    attribution = Attribution(root, sysfs)
    holders = []
    for pid in pids:
        go_on()
        if (holder := _holder(pid, attribution, go_on, root)) is not None:
            holders.append(holder)
    cgroups, mounts = _cgroups(pids, go_on, root), read_hugetlb_mounts(root)
    # last, so that little time passes between these and the largest holders
    pools, node_pools = read_pools(sysfs), read_node_pools(sysfs)
    entries = tuple(
        Entry(
            pool,
            tuple(node for node in node_pools if node.page_size == pool.page_size),
            attribution.pages(pool.page_size),
        )
        for pool in pools
    )
    files: tuple[HeldFile, ...] = ()
    if any(entry.unattributed for entry in entries):
        sizes = attribution.page_sizes()
        files = held_files(pids, mounts, sizes, attribution.pages_of_file, go_on, root)
    return Ledger(
        entries=entries,
        holders=tuple(sorted(holders, key=lambda holder: (-holder.charged, holder.pid))),
        exact=attribution.exact,
        unread=sum(holder.mapped is None for holder in holders),
        cut=attribution.cut,
        mounts=mounts,
        files=files,
        cgroups=cgroups,
        pages=attribution.entries,
        seconds=time.perf_counter() - began,
    )


def _holder(
    pid: int, attribution: Attribution, go_on: Callable[[], None], root: Path
) -> Holder | None:
    """A process that is charged for hugetlb pages; None for others and the vanished."""
    try:
        charged = read_status(pid, root).hugetlb
        if not charged:
            return None
        comm = text.decode(read_stat(pid, root).comm)
    except HpviewError:
        return None
    try:
        return Holder(pid, comm, charged, attribution.add(pid, go_on))
    except (AccessDenied, BackendUnavailable, OSError):
        return Holder(pid, comm, charged, None)
    except (NoSuchProcess, NoMemoryMap):
        return None


def _cgroups(
    pids: Iterable[int], go_on: Callable[[], None], root: Path
) -> tuple[HugetlbCgroup, ...] | Unread:
    """Of the cgroups that processes are in, and of those above, by path and page size."""
    hierarchy = find_hierarchy(root)
    if hierarchy is None:
        return Unread("cgroup hugetlb controller", "not mounted", "mount a cgroup2 file system")
    paths: set[str] = set()
    for pid in pids:
        go_on()
        try:
            paths |= _ancestry(read_cgroup(pid, root, b"hugetlb"))
        except (HpviewError, OSError):
            continue
    if found := [row for path in sorted(paths) for row in read_limits(hierarchy, path)]:
        return tuple(found)
    return Unread(
        "cgroup hugetlb controller",
        "no cgroup of a process is subject to it",
        "write +hugetlb to cgroup.subtree_control of those above, or mount it as cgroup v1",
    )


def _ancestry(path: str) -> set[str]:
    """A cgroup and those above it, without the root of all: that one has no limits."""
    names = [name for name in path.split("/") if name]
    return set(accumulate((f"/{name}" for name in names), lambda above, name: above + name))
