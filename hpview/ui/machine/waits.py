"""Who pays: how long processes waited for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.export.machine_tasks import duration
from hpview.host.delays import REMEDY, SYSCTL
from hpview.host.unread import Unread
from hpview.text import printable
from hpview.ui.machine import counters, numbers
from hpview.ui.machine.table import Cell, Column, Detail, Part, Row, Table, cell, note
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hpview.host.delays import Delays, TaskDelays, Wait
    from hpview.ui.machine.seen import Seen

_KINDS: Final = ("compaction", "thrashing", "reclaim", "swapin")
_NAME_MOST: Final = 48
_OFF: Final = "the kernel does not count them: kernel.task_delayacct is 0"


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: who waited longest for a huge page, and what for else."""
    delays = seen.delays
    if delays is None:
        return [[Part("not asked yet", "dim")]]
    if isinstance(delays, Unread):
        return [[Part(printable(delays.reason), "warn")], [Part(printable(delays.remedy), "dim")]]
    if delays.accounting is False:
        return [[Part("not counted: kernel.task_delayacct is 0", "warn")]]
    names = _names(seen)
    facts = []
    for kind in ("compaction", "thrashing"):
        longest = max(delays.tasks, key=lambda task: _total(task, kind), default=None)
        total = sum(_total(task, kind) for task in delays.tasks)
        if longest is None or not total:
            facts.append([Part(f"no {kind}", "dim")])
            continue
        name = names.get(longest.pid, str(longest.pid))
        facts.append([Part(f"{kind} ", "dim"), Part(duration(total), "strong")])
        facts[-1].append(Part(f", most by {name}"))
    return facts


def tables(seen: Seen) -> tuple[Table, ...]:
    """The processes that waited, those for compaction first; then what compaction does."""
    delays = seen.delays
    if delays is None:
        return ()
    columns = (
        Column("PROCESS", right=False, least=12),
        Column("PID"),
        Column("COMPACTION"),
        Column("NOW", rank=1),
        Column("THRASHING"),
        Column("NOW", rank=1),
        Column("RECLAIM", rank=2),
        Column("SWAP-IN", rank=3),
    )
    rows = (counters.unread_row(delays),) if isinstance(delays, Unread) else _rows(seen, delays)
    return (
        Table(columns, rows),
        counters.table(seen, "COMPACTION", ("compaction",)),
    )


def _rows(seen: Seen, delays: Delays) -> list[Row]:
    if delays.accounting is False:
        detail = Detail("task_delayacct", "0", SYSCTL, f"Run {REMEDY}.")
        return [note("off", _OFF, detail)]
    names = _names(seen)
    waited = [task for task in delays.tasks if any(_total(task, kind) for kind in _KINDS)]
    waited.sort(key=lambda task: (*(-_total(task, kind) for kind in _KINDS), task.pid))
    rows = [_task(task, seen, names.get(task.pid, "")) for task in waited]
    others = len(delays.tasks) - len(waited)
    if others:
        words = f"{thousands(others)} {'other ' * bool(rows)}process{'es' * (others != 1)}"
        detail = Detail(
            "no waits", words, "taskstats", "Since they were started, threads included."
        )
        rows.append(note("others", f"{words} waited for nothing", detail, "dim"))
    return rows


def _task(task: TaskDelays, seen: Seen, name: str) -> Row:
    now = seen.waits.get(task.pid)
    compacting, thrashing = now if now is not None else (None, None)
    return Row(
        f"task {task.pid}",
        (
            cell(name or "?"),
            cell(str(task.pid)),
            _wait(task.compaction),
            _now(compacting),
            _wait(task.thrashing),
            _now(thrashing),
            _wait(task.reclaim),
            _wait(task.swapin),
        ),
        Detail(
            f"{task.pid} {name}",
            " · ".join(_told(task, kind) for kind in _KINDS),
            "taskstats",
            "Time it stood still since it was started, all threads together; Enter opens it.",
        ),
        pid=task.pid,
    )


def _wait(wait: Wait | None) -> Cell:
    if wait is None:
        return cell(numbers.UNKNOWN, "dim")
    return cell(duration(wait.total), "strong" if wait.total else "dim")


def _now(share: float | None) -> Cell:
    """Of each second: ``12 ms/s``."""
    if share is None:
        return cell(numbers.UNKNOWN, "dim")
    words = f"{duration(round(share))}/s" if share else "0"
    return cell(words, "warn" if share else "dim")


def _told(task: TaskDelays, kind: str) -> str:
    wait: Wait | None = getattr(task, kind)
    if wait is None:
        return f"{kind} not told"
    return f"{kind} {thousands(wait.times)} times, {duration(wait.total)}"


def _total(task: TaskDelays, kind: str) -> int:
    wait: Wait | None = getattr(task, kind)
    return wait.total if wait is not None else 0


def _names(seen: Seen) -> Mapping[int, str]:
    return {
        process.pid: printable(process.shown_command)[:_NAME_MOST] for process in seen.processes
    }
