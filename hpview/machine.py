"""The processes of the machine, with what backs them: one pass of one stream."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil

from hpview import text
from hpview.errors import CorruptStream, HpviewError
from hpview.kernelfs.namespaces import hidden
from hpview.kernelfs.status import read_stat, read_status
from hpview.machine_state import UNREAD, MachineState, read_state
from hpview.particulars import Register
from hpview.process import Process
from hpview.stream.base import CHUNK_SIZE
from hpview.stream.patience import Patience
from hpview.wire import RECORD_SIZE, Kind, RollupFlag, Source, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from hpview.stream.base import Backend, Stream
    from hpview.wire import Records


__all__ = ["Machine", "Process", "Snapshot", "Stopped", "aggregate"]

_SUMS: Final = (
    "bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap", "vmas", "bytes_gap", "bytes_hugetlb",
)  # fmt: skip
_PARTIAL: Final = RollupFlag.PARTIAL | RollupFlag.READ_ERROR


class Stopped(HpviewError):
    """Whoever asked for a snapshot no longer wants it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All processes at one time.

    Attributes:
        processes: By ascending pid, kernel threads left out.
        source: Where the backing comes from.
        seconds: What reading it took.
        unreadable: How many of them could not be read.
        state: Settings and free memory of the machine.
    """

    processes: tuple[Process, ...]
    source: Source
    seconds: float
    unreadable: int
    state: MachineState = UNREAD


class Machine:
    """Takes snapshots; remembers between them what rarely changes.

    Args:
        backend: Opens the stream over all tasks.
        tell: Takes a sentence if not all processes are shown.
    """

    def __init__(self, backend: Backend, tell: Callable[[str], None] = lambda _: None) -> None:
        self._backend = backend
        self._tell = tell
        self._register = Register()
        self._before: dict[tuple[int, int], int] = {}
        self._looked = False

    def snapshot(self, stop: Callable[[], bool] = lambda: False) -> Snapshot:
        """Read every process once.

        Args:
            stop: Asked again and again; True gives up.

        Raises:
            HpviewError: The stream could not be opened or read.
            Stopped: ``stop`` said so.
        """
        began = time.perf_counter()
        if not self._looked:
            self._looked = True
            if why := hidden():
                self._tell(why)
        alive = {*psutil.pids()}  # those born later are for the next snapshot
        with self._backend.open_all() as stream:
            tasks, rollups = aggregate(_drain(stream, stop))
            source = stream.source  # another one, if the first one failed
        self._register.begin()
        rows = {}
        for process in self._readable(tasks, rollups, alive):
            rows[process.pid] = process
            _go_on(stop)
        unreadable = 0
        for pid in alive:
            _go_on(stop)
            if pid not in rows and (glanced := self.glance(pid)) is not None:
                rows[pid] = self._with_change(glanced._replace(pending=False))
                unreadable += 1
        processes = tuple(rows[pid] for pid in sorted(rows))
        self._before = {process.identity: process.resident for process in processes}
        seconds = time.perf_counter() - began
        return Snapshot(processes, source, seconds, unreadable, read_state())

    def glance(self, pid: int) -> Process | None:
        """What anybody may know of a process, at once; may be called in any thread.

        Returns:
            A process whose backing is pending; None for kernel threads, zombies and the vanished.
        """
        try:
            stat = read_stat(pid)
            if stat.is_kernel_thread or stat.is_zombie:
                return None
            status = read_status(pid)
            particulars = self._register.read(pid)
        except HpviewError:
            return None
        if not status.has_mm:
            return None
        return Process(
            pid=pid,
            user=particulars.user,
            comm=text.decode(stat.comm),
            cmdline=particulars.cmdline(),
            resident=status.rss + status.hugetlb,
            bytes_2m=None,
            bytes_1g=None,
            bytes_4k=None,
            bytes_swap=status.swap,
            vmas=None,
            source=Source.NONE,
            start_time=stat.start_time,
            ppid=particulars.ppid,
            cgroup=particulars.cgroup,
            pending=True,
        )

    def _readable(
        self, tasks: Records, rollups: Records, alive: Container[int]
    ) -> Iterator[Process]:
        """Those that the stream told of and that still exist."""
        names = ("tgid", "start_time", "comm", "source")
        told = zip(*(tasks[name].tolist() for name in names), strict=True)
        sums = zip(*(rollups[name].tolist() for name in (*_SUMS, "flags")), strict=True)
        for (pid, start_time, comm, source), counted in zip(told, sums, strict=True):
            bytes_2m, bytes_1g, bytes_4k, swap, vmas, gap, hugetlb, flags = counted
            try:
                particulars = self._register.of(pid, start_time, alive)
            except HpviewError:
                continue
            resident = bytes_2m + bytes_1g + bytes_4k
            before = self._before.get((pid, start_time))
            yield Process(
                pid=pid,
                user=particulars.user,
                comm=text.decode(comm.split(b"\0")[0]),
                cmdline=particulars.cmdline(),
                resident=resident,
                bytes_2m=bytes_2m,
                bytes_1g=bytes_1g,
                bytes_4k=bytes_4k,
                bytes_swap=swap,
                vmas=vmas,
                source=Source(source),
                start_time=start_time,
                partial=bool(flags & _PARTIAL),
                estimate=bool(flags & RollupFlag.ESTIMATE),
                ppid=particulars.ppid,
                cgroup=particulars.cgroup,
                change=None if before is None else resident - before,
                bytes_gap=gap if flags & RollupFlag.GAP else None,
                bytes_hugetlb=hugetlb if flags & RollupFlag.GAP else None,
            )

    def _with_change(self, process: Process) -> Process:
        before = self._before.get(process.identity)
        return process._replace(change=None if before is None else process.resident - before)


def _go_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise Stopped


def _drain(stream: Stream, stop: Callable[[], bool]) -> bytes:
    """All records of a stream."""
    chunks: list[bytes] = []
    patience = Patience()
    while True:
        _go_on(stop)
        try:
            chunk = stream.read(CHUNK_SIZE)
        except BlockingIOError:
            patience.again()
            continue
        patience.progress()
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)


def aggregate(data: bytes) -> tuple[Records, Records]:
    """The sums of each process.

    A process that calls exec() meanwhile is reported twice: the last report counts.

    Args:
        data: Whole records of a walk over all tasks.

    Returns:
        TASK and ROLLUP records, one a process, shape (n,) each.

    Raises:
        CorruptStream: A TASK without its ROLLUP, or the other way round.
    """
    chunk = decode(data[: len(data) // RECORD_SIZE * RECORD_SIZE])
    at, sums_at = chunk.positions(Kind.TASK), chunk.positions(Kind.ROLLUP)
    if not np.array_equal(at + 1, sums_at):
        raise CorruptStream(len(data), "TASK and ROLLUP records do not come in pairs")
    tasks = chunk.of(Kind.TASK)
    _, from_end = np.unique(tasks["tgid"][::-1], return_index=True)
    last = np.sort(len(tasks) - 1 - from_end)
    return tasks[last], chunk.of(Kind.ROLLUP)[last]
