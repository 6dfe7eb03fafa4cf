"""Which processes there are: the last snapshot, and what happened since it was begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hpview.events import What

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hpview.events import Event
    from hpview.machine import Process


class Changes(NamedTuple):
    """What some events did, each pid in one place only.

    Attributes:
        gone: Pids whose process ended, and what has their pid now was not there before.
        renewed: Processes that were born or called exec(), as a glance showed them.
        renamed: Processes that only have a new name.
        lost: Some events were lost: only a snapshot tells what there is.
    """

    gone: frozenset[int]
    renewed: tuple[Process, ...]
    renamed: tuple[Process, ...]
    lost: bool = False


def summed_up(events: Iterable[Event], glance: Callable[[int], Process | None]) -> Changes:
    """What a burst of events comes to; most of it is born and dead by then.

    Args:
        events: Oldest first.
        glance: ``Machine.glance``; asked only about those that still live.
    """
    last: dict[int, What] = {}
    ended: set[int] = set()
    for what, pid in events:
        if what is What.EXIT:
            ended.add(pid)
        if what is not What.COMM or last.get(pid) in (None, What.EXIT):
            last[pid] = what
    renewed, renamed = [], []
    for pid, what in last.items():
        if what in (What.EXIT, What.LOST):
            continue
        process = glance(pid)
        if process is None:
            ended.add(pid)
        elif what is What.COMM:
            renamed.append(process)
        else:
            renewed.append(process)
    return Changes(frozenset(ended), tuple(renewed), tuple(renamed), What.LOST in last.values())


class Census:
    """Keeps snapshots and events together.

    A snapshot takes time: whoever ends after it was begun may still be in it, and whoever is born
    may not. What happened meanwhile is therefore done to it again once it arrives.

    Attributes:
        processes: By ascending pid.
    """

    def __init__(self) -> None:
        self.processes: tuple[Process, ...] = ()
        self._meanwhile: list[Changes] = []
        self._reading = False

    def begin(self) -> None:
        """A snapshot is begun."""
        self._meanwhile.clear()
        self._reading = True

    def give_up(self) -> None:
        """The snapshot that was begun will not arrive."""
        self._meanwhile.clear()
        self._reading = False

    def take(self, processes: Sequence[Process]) -> None:
        """The snapshot that was begun is there.

        Args:
            processes: By ascending pid.
        """
        self._reading = False
        rows = {process.pid: process for process in processes}
        for changes in self._meanwhile:
            _apply(rows, changes)
        self._meanwhile.clear()
        self.processes = tuple(rows[pid] for pid in sorted(rows))

    def apply(self, changes: Changes) -> bool:
        """Do what events tell.

        Returns:
            Whether anything is different now.
        """
        if self._reading:
            self._meanwhile.append(changes)
        rows = {process.pid: process for process in self.processes}
        if not _apply(rows, changes):
            return False
        self.processes = tuple(rows[pid] for pid in sorted(rows))
        return True


def _apply(rows: dict[int, Process], changes: Changes) -> bool:
    """Change rows; returns whether anything is different.

    A snapshot may have counted what a process was before exec(): it is pending all the same.
    """
    changed = False
    renewed = {process.pid: process for process in (*changes.renewed, *changes.renamed)}
    for pid in changes.gone:
        row, after = rows.get(pid), renewed.get(pid)
        if row is not None and (after is None or after.start_time != row.start_time):
            del rows[pid]
            changed = True
    for process in changes.renewed:
        rows[process.pid] = process
        changed = True
    for process in changes.renamed:
        row = rows.get(process.pid)
        if row is None or row.identity != process.identity:
            rows[process.pid] = process
        else:
            rows[process.pid] = row._replace(comm=process.comm, cmdline=process.cmdline)
        changed = True
    return changed
