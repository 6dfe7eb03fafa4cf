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
    some = bool(counted)
    changes = [p.change for p in processes if p.change is not None]
    return Process(
        pid=min(p.pid for p in processes),
        user=key,
        comm=key,
        cmdline=key,
        resident=sum(p.resident for p in processes),
        bytes_2m=sum(p.bytes_2m or 0 for p in counted) if some else None,
        bytes_1g=sum(p.bytes_1g or 0 for p in counted) if some else None,
        bytes_4k=sum(p.bytes_4k or 0 for p in counted) if some else None,
        bytes_swap=sum(p.bytes_swap for p in processes),
        vmas=sum(p.vmas or 0 for p in counted) if some else None,
        source=Source.NONE,
        start_time=0,
        partial=some and (len(counted) < len(processes) or any(p.partial for p in counted)),
        ppid=min(p.ppid for p in processes),
        cgroup=key,
        change=sum(changes) if changes else None,
    )
