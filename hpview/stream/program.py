"""The BPF program of bpfprog/task_vma.bpf.c, in user space.

It turns one VMA into records, in pieces where a VMA is too large for one call,
and keeps the same state between calls: the task it has shown, the cursor inside
a VMA, and the piece that waits to be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.stream.seq_file import BUFFER_SIZE
from hpview.wire import RECORD_SIZE, Kind, VmaFlag, blank

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.stream.seq_file import Buffer
    from hpview.stream.task_vma import Mm, Position, Task, Vma
    from hpview.wire import Source, Status

PIECE_RUNS: Final = 1022
"""Most runs of one piece: the spill holds 1024 records, two are TASK and VMA."""

_FIT: Final = (BUFFER_SIZE - 1) // RECORD_SIZE
"""Records that fit an empty buffer."""


@dataclass(slots=True)
class _Cursor:
    """The place inside a VMA at which the next call goes on."""

    mm: int
    vma: Vma
    address: int | None

    def matches(self, mm: int, vma: Vma) -> bool:
        return (self.mm, self.vma.start, self.vma.end, self.vma.vm_flags) == (
            mm,
            vma.start,
            vma.end,
            vma.vm_flags,
        )


class WalkProgram:
    """Writes TASK, VMA, RUN and END records as the BPF program does.

    Args:
        source: Written into TASK records.
        status: Asked when the trailer is written.
        runs: False leaves out the RUN records.
    """

    def __init__(self, source: Source, status: Callable[[], Status], *, runs: bool) -> None:
        self._source = source
        self._status = status
        self._runs = runs
        self._task: tuple[int, int, int] | None = None
        self._cursor: _Cursor | None = None
        self._spill = b""
        self._tasks_written = 0
        self._vmas_written = 0
        self._runs_written = 0
        self._read_errors = 0

    def take_spill(self) -> bytes:
        """The piece that did not go through the buffer, once."""
        out, self._spill = self._spill, b""
        return out

    def show(self, buffer: Buffer, at: Position) -> bool:
        """Write one VMA, or leave a piece of it in the spill and ask to be called again."""
        mm = at.mm
        key = (at.task.tgid, at.task.tid, mm.identity)
        if self._spill:
            return False
        if not at.task.lends:
            return True
        cursor = self._resume(mm.identity, at.vma)
        if cursor is not None and cursor.address is None:
            self._cursor = None
            return True
        start = at.vma.start if cursor is None or cursor.address is None else cursor.address
        piece = mm.walk(at.vma, start)
        records = piece.records
        flags = VmaFlag(0)
        if cursor is not None:
            flags |= VmaFlag.CONT
        if piece.resume is not None:
            flags |= VmaFlag.MORE
        if flags:
            records = _with_flags(records, flags)
        if not self._runs:
            records = records[:RECORD_SIZE]
        task = b"" if key == self._task else self._task_record(at.task, mm)
        count = (len(task) + len(records)) // RECORD_SIZE
        if piece.resume is None and count <= _FIT:
            if buffer.write(task + records):
                self._cursor = None
                self._written(key, task, records)
            return True
        self._spill = task + records
        self._cursor = _Cursor(mm.identity, at.vma, piece.resume)
        self._written(key, task, records)
        return False

    def end(self, buffer: Buffer) -> None:
        """Write the trailer."""
        out = blank(Kind.END, 1)
        out["status"] = self._status()
        out["tasks"] = self._tasks_written
        out["vmas"] = self._vmas_written
        out["runs"] = self._runs_written
        out["read_errors"] = self._read_errors
        buffer.write(out.tobytes())

    def _resume(self, mm: int, vma: Vma) -> _Cursor | None:
        """The cursor, if it still stands in this very VMA; a stale one is dropped."""
        if self._cursor is not None and not self._cursor.matches(mm, vma):
            self._cursor = None
        return self._cursor

    def _written(self, key: tuple[int, int, int], task: bytes, records: bytes) -> None:
        self._task = key
        self._tasks_written += bool(task)
        self._vmas_written += 1
        self._runs_written += len(records) // RECORD_SIZE - 1
        self._read_errors += bool(_flags(records) & VmaFlag.READ_ERROR)

    def _task_record(self, task: Task, mm: Mm) -> bytes:
        out = blank(Kind.TASK, 1)
        out["source"] = self._source
        out["tgid"] = task.tgid
        out["tid"] = task.tid
        out["mm"] = mm.identity
        out["start_time"] = task.start_time()
        out["comm"] = task.comm()[:15]
        return out.tobytes()


def _flags(records: bytes) -> int:
    """The flags of the VMA record at the head of ``records``."""
    return int.from_bytes(records[2:4], "little")


def _with_flags(records: bytes, flags: VmaFlag) -> bytes:
    """Set flags in the VMA record at the head of ``records``."""
    return records[:2] + (_flags(records) | flags).to_bytes(2, "little") + records[4:]
