"""Processes of one user or one cgroup, and what they come to."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from hpview.process import Process
from hpview.wire import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Group(NamedTuple):
    """Some processes.

    Attributes:
        key: What they have in common: a user or a path.
        members: Their places in the table, in the order to show them.
        total: Their sums, as if they were one process; ``partial`` when some of them could
            not be read wholly, ``pid`` and ``ppid`` the smallest of all.
    """

    key: str
    members: list[int]
    total: Process


def grouped(processes: Sequence[Process], order: Iterable[int], attribute: str) -> list[Group]:
    """The groups in the order in which their first members come.

    Args:
        processes: The table.
        order: Places of those that are shown, sorted.
        attribute: ``user`` or ``cgroup``.
    """
    members: dict[str, list[int]] = {}
    key_of = attrgetter(attribute)
    for i in order:
        members.setdefault(key_of(processes[i]), []).append(i)
    return [
        Group(key, found, _total(key, [processes[i] for i in found]))
        for key, found in members.items()
    ]


def _total(key: str, processes: list[Process]) -> Process:
    counted = [p for p in processes if p.bytes_2m is not None]
    return Process(
        pid=min(p.pid for p in processes),
        user=key,
        comm=key,
        cmdline=key,
        resident=sum(p.resident for p in processes),
        bytes_2m=_sum(p.bytes_2m for p in processes),
        bytes_1g=_sum(p.bytes_1g for p in processes),
        bytes_4k=_sum(p.bytes_4k for p in processes),
        bytes_swap=sum(p.bytes_swap for p in processes),
        vmas=_sum(p.vmas for p in processes),
        source=Source.NONE,
        start_time=0,
        partial=bool(counted)
        and (len(counted) < len(processes) or any(p.partial for p in counted)),
        estimate=any(p.estimate for p in counted),
        ppid=min(p.ppid for p in processes),
        cgroup=key,
        change=_sum(p.change for p in processes),
        bytes_gap=_sum(p.bytes_gap for p in processes),
        bytes_hugetlb=_sum(p.bytes_hugetlb for p in processes),
    )


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Of those that are known; None when none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
