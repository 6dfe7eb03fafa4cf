"""Who pays and who has: the sections of ``hpview machine`` about processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import text, units
from hpview.export.columns import aligned
from hpview.host.delays import REMEDY, SYSCTL
from hpview.host.unread import Unread
from hpview.roster.groups import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.host.delays import Delays, TaskDelays, Wait
    from hpview.machine import Snapshot
    from hpview.process import Process

_NAMELESS: Final = "-"
READING_TAKES: Final = "that takes its user, or root with the capabilities it has"
_WAITS: Final = ("compaction", "thrashing", "reclaim", "swapin")


def delays(found: Delays | Unread, snapshot: Snapshot | Unread) -> Iterator[str]:
    """Processes that waited, the longest for compaction first."""
    if isinstance(found, Unread):
        yield str(found)
        return
    if found.accounting is False:
        yield f"not counted: {SYSCTL} is 0; {REMEDY}"
        return
    waited = sorted(filter(has_waited, found.tasks), key=lambda t: (-_total(t.compaction), t.pid))
    if not waited:
        yield "no process has waited"
        return
    processes = () if isinstance(snapshot, Unread) else snapshot.processes
    names = {p.pid: text.printable(p.shown_command) for p in processes}
    rows = [
        (
            str(task.pid),
            *(cell for name in _WAITS for cell in _cells(getattr(task, name))),
            names.get(task.pid, "?"),
        )
        for task in waited
    ]
    head = ("PID", *(word for name in _WAITS for word in (name.upper(), "TIMES")), "COMMAND")
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset({"COMMAND"}))


def groups(snapshot: Snapshot | Unread, attribute: str) -> Iterator[str]:
    """The processes of each user or cgroup, the largest first.

    The gap is what could be huge and is not, coverage what is huge of all that could be. Memory
    that several processes share counts in each.
    """
    if isinstance(snapshot, Unread):
        yield str(snapshot)
        return
    processes = snapshot.processes
    found = sorted(
        grouped(processes, range(len(processes)), attribute), key=lambda g: -g.total.resident
    )
    rows = [
        (
            text.printable(group.key) or _NAMELESS,
            str(len(group.members)),
            units.short(group.total.resident) + ("+" if group.total.partial else ""),
            *(
                "~" * group.total.estimate + words
                for words in (
                    _bytes(group.total.bytes_2m),
                    _bytes(group.total.bytes_1g),
                    _coverage(group.total),
                    _bytes(group.total.bytes_gap),
                )
            ),
        )
        for group in found
    ]
    head = (attribute.upper(), "PROCESSES", "RESIDENT", "2M", "1G", "COVERAGE", "GAP")
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset({attribute.upper()}))
    if snapshot.unreadable:
        many = "es" if snapshot.unreadable > 1 else ""
        yield f"{snapshot.unreadable} process{many} may not be read: {READING_TAKES}"


def has_waited(task: TaskDelays) -> bool:
    """Whether it waited at all."""
    return any(wait is not None and wait.times for wait in task[1:])


def duration(nanoseconds: int) -> str:
    """``0``, ``52 us``, ``5.1 ms``, ``2.5 s``, ``1 210 s``."""
    if nanoseconds < 1000:
        return "0" if not nanoseconds else "<1 us"
    for limit, unit in ((10**6, "us"), (10**9, "ms")):
        if nanoseconds < limit:
            return f"{_short(nanoseconds / (limit // 1000))} {unit}"
    return f"{_short(nanoseconds / 10**9)} s"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else units.thousands(round(value))


def _total(wait: Wait | None) -> int:
    return 0 if wait is None else wait.total


def _cells(wait: Wait | None) -> tuple[str, str]:
    return ("-", "-") if wait is None else (duration(wait.total), units.thousands(wait.times))


def _bytes(count: int | None) -> str:
    return "?" if count is None else units.short(count)


def _coverage(total: Process) -> str:
    """Huge bytes of all that are or could be huge; ``-`` where there are none."""
    if total.huge is None or total.bytes_gap is None:
        return "?"
    return units.percent(total.huge, total.huge + total.bytes_gap)
