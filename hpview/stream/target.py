"""Whether a pid names something with an address space, told before a stream is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import AccessDenied, NoSuchProcess
from hpview.kernelfs.files import PROC
from hpview.kernelfs.namespaces import exists, hidden
from hpview.kernelfs.status import read_stat
from hpview.kernelfs.task import has_mm, readable_task, threads

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
        AccessDenied: It is there, but /proc does not show it.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        try:
            readable_task(pid, root)
        except (NoSuchProcess, AccessDenied) as err:
            if hidden(root) and exists(pid):
                raise AccessDenied(pid, "hidepid hides it; run as its user or as root") from err
            raise
        self._start_time = read_stat(pid, root).start_time
        self.pid = pid
        self._root = root

    def gone(self) -> bool:
        """Whether it has exited since, or given up its memory in order to."""
        try:
            stat = read_stat(self.pid, self._root)
        except NoSuchProcess:
            return True
        if stat.start_time != self._start_time:
            return True
        return not stat.has_mm and not any(
            has_mm(self.pid, tid, self._root) for tid in threads(self.pid, self._root)
        )
