"""How long tasks waited for memory: the types, and what stands in where nothing tells.

``host.taskstats`` reads them; importing it takes pyroute2, which is slow to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.host.unread import Unread
from hpview.kernelfs.files import PROC

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SYSCTL: Final = "/proc/sys/kernel/task_delayacct"
REMEDY: Final = "sysctl kernel.task_delayacct=1; what tasks waited before is not counted"


class Wait(NamedTuple):
    """How often and how long in all.

    Attributes:
        times: How often.
        total: Nanoseconds.
    """

    times: int
    total: int


class TaskDelays(NamedTuple):
    """Of one process, its ended threads included; None where this kernel does not tell.

    Attributes:
        pid: tgid.
        compaction: Waited while it compacted memory itself, for a huge page mostly.
        thrashing: Waited for pages that it had lost and wanted again.
        reclaim: Waited while it freed memory itself.
        swapin: Waited for pages from swap.
    """

    pid: int
    compaction: Wait | None
    thrashing: Wait | None
    reclaim: Wait | None
    swapin: Wait | None


@dataclass(frozen=True, slots=True)
class Delays:
    """What tasks waited since they were started.

    Attributes:
        accounting: Whether the kernel counts; else all of it is 0 and means nothing. None where
            that is not known.
        tasks: By pid, those that could be asked.
        seconds: What asking took.
    """

    accounting: bool | None
    tasks: tuple[TaskDelays, ...]
    seconds: float


def accounting(root: Path = PROC) -> bool | None:
    """kernel.task_delayacct: whether waits are counted; None where there is no such file.

    Before Linux 5.14 they are, unless the kernel was started with ``nodelayacct``.
    """
    try:
        return (root / "sys/kernel/task_delayacct").read_text("ascii").strip() != "0"
    except OSError:
        return None


def unasked(_pids: Sequence[int]) -> Delays | Unread:
    """Where nothing can ask."""
    return Unread("taskstats", "not asked")
