"""The threads of a process, and through which of them its address space can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess, NotAProcess
from hpview.kernelfs.files import PROC, failure
from hpview.kernelfs.status import read_stat, read_status

if TYPE_CHECKING:
    from pathlib import Path


def readable_task(pid: int, root: Path = PROC) -> tuple[int, Path]:
    """The thread whose files to read.

    The leader's, or, once it has exited and others live on, those of the first
    that does: the files of a zombie are empty.

    Returns:
        A thread and the folder that its own lies in.

    Raises:
        NoSuchProcess: There is none.
        NotAProcess: It is a thread.
        NoMemoryMap: It is a kernel thread or a zombie.
    """
    tgid = read_status(pid, root).tgid
    if tgid != pid:
        raise NotAProcess(pid, tgid)
    stat = read_stat(pid, root)
    if stat.is_kernel_thread:
        raise NoMemoryMap(pid, "a kernel thread")
    if not stat.is_zombie:
        return pid, root
    for tid in threads(pid, root):
        if not is_zombie(pid, tid, root):
            return tid, root / str(pid) / "task"
    raise NoMemoryMap(pid, "a zombie")


def threads(pid: int, root: Path = PROC) -> list[int]:
    """The threads of a process in order of creation; [] once it is gone, or hidden (hidepid=1).

    proc_task_readdir() lists the group as next_thread() walks it.
    """
    try:
        return [int(name) for name in os.listdir(root / str(pid) / "task")]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    except OSError as err:
        raise failure(err, pid, "task", root) from err


def is_zombie(pid: int, tid: int, root: Path = PROC) -> bool:
    """Whether a thread of a process has ended."""
    try:
        return read_stat(tid, root / str(pid) / "task").is_zombie
    except NoSuchProcess:
        return True
    except AccessDenied:
        return False  # hidepid=1 shows that it is there


def has_mm(pid: int, tid: int, root: Path = PROC) -> bool:
    """Whether a thread of a process still has an address space."""
    try:
        return read_stat(tid, root / str(pid) / "task").has_mm
    except (NoSuchProcess, AccessDenied):
        return False
