"""The records that frame the others: TASK before them, END behind, with its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.wire import Kind, blank

if TYPE_CHECKING:
    from hpview.stream.task_vma import Mm, Task
    from hpview.wire import Source, Status


class Counts:
    """What was written so far.

    Attributes:
        tasks: TASK records.
        vmas: VMA records.
        runs: RUN records.
        read_errors: VMAs, or pieces, of which some could not be read.
    """

    def __init__(self) -> None:
        self.tasks = 0
        self.vmas = 0
        self.runs = 0
        self.read_errors = 0

    def trailer(self, status: Status) -> bytes:
        """An END record."""
        out = blank(Kind.END, 1)
        out["status"] = status
        out["tasks"] = self.tasks
        out["vmas"] = self.vmas
        out["runs"] = self.runs
        out["read_errors"] = self.read_errors
        return out.tobytes()


def task_record(source: Source, task: Task, mm: Mm) -> bytes:
    """A TASK record."""
    out = blank(Kind.TASK, 1)
    out["source"] = source
    out["tgid"] = task.tgid
    out["tid"] = task.tid
    out["mm"] = mm.identity
    out["comm"] = task.comm()[:15]
    out["start_time"] = task.start_time()
    out["mm_flags"] = task.mm_flags()
    return out.tobytes()
