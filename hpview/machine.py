"""The processes of the machine, with what backs them: one pass of one stream."""

from __future__ import annotations

import pwd
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import psutil

from hpview import text
from hpview.errors import CorruptStream, HpviewError
from hpview.kernelfs.files import PROC
from hpview.kernelfs.status import read_stat, read_status
from hpview.stream.base import CHUNK_SIZE
from hpview.wire import RECORD_SIZE, Kind, RollupFlag, Source, decode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hpview.stream.base import Backend, Stream
    from hpview.wire import Records


_RESIDENT: Final = ("bytes_2m", "bytes_1g", "bytes_4k")
_PARTIAL: Final = RollupFlag.PARTIAL | RollupFlag.READ_ERROR


class Stopped(HpviewError):
    """Whoever asked for a snapshot no longer wants it."""


class Process(NamedTuple):
    """One process. Sizes are in bytes, None where they could not be read.

    Attributes:
        pid: tgid.
        user: Name of the effective user, or the number.
        comm: Untrusted, at most 15 bytes.
        cmdline: Untrusted, arguments joined by spaces; "" where it has none.
        resident: Memory mapped by it, hugetlb included.
        bytes_2m: By PMD leaves.
        bytes_1g: By PUD leaves.
        bytes_4k: By PTEs, without zero pages.
        bytes_swap: Swapped out.
        vmas: Number of VMAs.
        source: Where the backing was read from; ``NONE`` if it was not.
        start_time: Clock ticks since boot: tells reused pids apart.
        partial: It has more than was counted: it changed while it was read, or some of it
            could not be read.
    """

    pid: int
    user: str
    comm: str
    cmdline: str
    resident: int
    bytes_2m: int | None
    bytes_1g: int | None
    bytes_4k: int | None
    bytes_swap: int
    vmas: int | None
    source: Source
    start_time: int
    partial: bool = False

    @property
    def huge(self) -> int | None:
        """Bytes mapped by leaves of 2 MiB and above."""
        if self.bytes_2m is None or self.bytes_1g is None:
            return None
        return self.bytes_2m + self.bytes_1g

    @property
    def shown_command(self) -> str:
        """The command line, or comm in brackets where it has none, as ps prints it."""
        return self.cmdline or f"[{self.comm}]"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All processes at one time.

    Attributes:
        processes: By ascending pid, kernel threads left out.
        source: Where the backing comes from.
        seconds: What reading it took.
        unreadable: How many of them could not be read.
    """

    processes: tuple[Process, ...]
    source: Source
    seconds: float
    unreadable: int


class Machine:
    """Takes snapshots; remembers the names of users between them.

    Args:
        backend: Opens the stream over all tasks.
        root: Where procfs is mounted.
    """

    def __init__(self, backend: Backend, root: Path = PROC) -> None:
        self._backend = backend
        self._root = root
        self._users: dict[int, str] = {}

    def snapshot(self, stop: Callable[[], bool] = lambda: False) -> Snapshot:
        """Read every process once.

        Args:
            stop: Asked between two reads; True gives up.

        Raises:
            HpviewError: The stream could not be opened or read.
            Stopped: ``stop`` said so.
        """
        began = time.perf_counter()
        before = psutil.pids()  # those born later are for the next snapshot
        with self._backend.open_all() as stream:
            source = stream.source
            tasks, rollups = aggregate(_drain(stream, stop))
        rows = {}
        for task, rollup in zip(tasks, rollups, strict=True):
            pid = int(task["tgid"])
            process = self._readable(task, rollup)
            if process is not None:
                rows[pid] = process
        unreadable = 0
        for pid in before:
            if pid not in rows and (process := self._unreadable(pid)) is not None:
                rows[pid] = process
                unreadable += 1
        processes = tuple(rows[pid] for pid in sorted(rows))
        return Snapshot(processes, source, time.perf_counter() - began, unreadable)

    def _readable(self, task: np.void, rollup: np.void) -> Process | None:
        bytes_2m, bytes_1g, bytes_4k = (int(rollup[name]) for name in _RESIDENT)
        pid, start_time = int(task["tgid"]), int(task["start_time"])
        user = self._user(pid)
        if user is None:
            return None
        return Process(
            pid=pid,
            user=user,
            comm=text.decode(bytes(task["comm"]).split(b"\0")[0]),
            cmdline=_cmdline(pid),
            resident=bytes_2m + bytes_1g + bytes_4k,
            bytes_2m=bytes_2m,
            bytes_1g=bytes_1g,
            bytes_4k=bytes_4k,
            bytes_swap=int(rollup["bytes_swap"]),
            vmas=int(rollup["vmas"]),
            source=Source(int(task["source"])),
            start_time=start_time,
            partial=bool(rollup["flags"] & _PARTIAL),
        )

    def _unreadable(self, pid: int) -> Process | None:
        """What anybody may know; None for kernel threads, zombies and the vanished."""
        try:
            stat = read_stat(pid, self._root)
            if stat.is_kernel_thread or stat.is_zombie:
                return None
            status = read_status(pid, self._root)
        except HpviewError:
            return None
        user = self._user(pid)
        if user is None or not status.has_mm:
            return None
        return Process(
            pid=pid,
            user=user,
            comm=text.decode(stat.comm),
            cmdline=_cmdline(pid),
            resident=status.rss + status.hugetlb,
            bytes_2m=None,
            bytes_1g=None,
            bytes_4k=None,
            bytes_swap=status.swap,
            vmas=None,
            source=Source.NONE,
            start_time=stat.start_time,
        )

    def _user(self, pid: int) -> str | None:
        """The name of the effective user; None when the process is gone."""
        try:
            uid = read_status(pid, self._root).uid
        except HpviewError:
            return None
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]


def _cmdline(pid: int) -> str:
    # Servers rewrite it while they run (setproctitle): it is never remembered.
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _drain(stream: Stream, stop: Callable[[], bool]) -> bytes:
    """All records of a stream."""
    chunks: list[bytes] = []
    while True:
        if stop():
            raise Stopped
        try:
            chunk = stream.read(CHUNK_SIZE)
        except BlockingIOError:
            continue
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
