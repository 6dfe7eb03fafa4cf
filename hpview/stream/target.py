"""Whether a pid names something with an address space, told before a stream is opened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hpview.errors import NoMemoryMap, NoSuchProcess, NotAProcess
from hpview.kernelfs.files import PROC
from hpview.kernelfs.status import read_stat, read_status

if TYPE_CHECKING:
    from pathlib import Path


class Target:
    """One process, told from a later one of the same number by its start time.

    Refuses what the iterator would answer with an empty stream. A zombie leader
    whose other threads live on has an address space: theirs.

    Raises:
        NoSuchProcess: There is none.
        NotAProcess: It is a thread.
        NoMemoryMap: It is a kernel thread or a zombie.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        tgid = read_status(pid, root).tgid
        if tgid != pid:
            raise NotAProcess(pid, tgid)
        stat = read_stat(pid, root)
        if stat.is_kernel_thread:
            raise NoMemoryMap(pid, "a kernel thread")
        if stat.is_zombie and _is_dead(pid, root):
            raise NoMemoryMap(pid, "a zombie")
        self.pid = pid
        self._root = root
        self._start_time = stat.start_time

    def gone(self) -> bool:
        """Whether it has exited since."""
        try:
            stat = read_stat(self.pid, self._root)
        except NoSuchProcess:
            return True
        if stat.start_time != self._start_time:
            return True
        return stat.is_zombie and _is_dead(self.pid, self._root)


def threads(pid: int, root: Path = PROC) -> list[int]:
    """The threads of a process in order of creation; [] once it is gone.

    proc_task_readdir() lists the group as next_thread() walks it.
    """
    try:
        return [int(name) for name in os.listdir(root / str(pid) / "task")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _is_dead(pid: int, root: Path) -> bool:
    return all(is_zombie(pid, tid, root) for tid in threads(pid, root))


def is_zombie(pid: int, tid: int, root: Path = PROC) -> bool:
    """Whether a thread of a process has ended."""
    try:
        return read_stat(tid, root / str(pid) / "task").is_zombie
    except NoSuchProcess:
        return True
