"""Through which thread the address space of a process can be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hpview.errors import NoMemoryMap, NoSuchProcess, NotAProcess
from hpview.kernelfs.files import PROC
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
    folder = root / str(pid) / "task"
    for tid in _threads(pid, folder):
        try:
            if not read_stat(tid, folder).is_zombie:
                return tid, folder
        except NoSuchProcess:
            continue
    raise NoMemoryMap(pid, "a zombie")


def _threads(pid: int, folder: Path) -> list[int]:
    try:
        return [int(name) for name in os.listdir(folder)]
    except (FileNotFoundError, ProcessLookupError) as err:
        raise NoSuchProcess(pid) from err
