"""Which threads the iterator would visit, and their address spaces, from /proc."""

from __future__ import annotations

import ctypes
import os
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Protocol

from hpview.errors import NoSuchProcess, ReadFailed
from hpview.kernelfs.namespaces import foreign
from hpview.kernelfs.status import read_stat, read_status
from hpview.kernelfs.task import is_zombie, threads
from hpview.wire import MmFlag

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.kernelfs.status import Stat
    from hpview.stream.target import Target
    from hpview.stream.task_vma import Mm

_SYS_KCMP: Final = {"x86_64": 312, "aarch64": 272}
_KCMP_FILES: Final = 2


class MmOpener(Protocol):
    """Gives the mm of a thread, the same identity while it is the same mm."""

    def open(self, tgid: int, tid: int) -> Mm | None:
        """None when it has none."""
        ...

    def lost(self, tgid: int) -> bool:
        """Whether the mm opened last was this process's and went while it was read; said once.

        The kernel would have held it: whoever called exec() is to be visited again.
        """
        ...


class ProcTask:
    """A thread by its number."""

    def __init__(
        self, tgid: int, tid: int, opener: MmOpener, root: Path, *, lends: bool = True
    ) -> None:
        self.tgid = tgid
        self.tid = tid
        self.lends = lends
        self._opener = opener
        self._root = root
        self._leader: Stat | None = None

    def comm(self) -> bytes:
        """The thread's name, b"" once it is gone."""
        stat = self._stat(self._folder, self.tid)
        if self.tid == self.tgid:
            self._leader = stat
        return stat.comm if stat else b""

    def start_time(self) -> int:
        """Start of the group leader in clock ticks since boot, 0 once it is gone."""
        stat = self._leader or self._stat(self._root, self.tgid)
        return stat.start_time if stat else 0

    def mm_flags(self) -> MmFlag:
        """Only that huge pages are disabled altogether can be known: see proc_pid_status(5)."""
        try:
            status = read_status(self.tid, self._folder)
        except NoSuchProcess:
            return MmFlag(0)
        if status.thp_enabled is False:
            return MmFlag.KNOWN | MmFlag.THP_DISABLED
        return MmFlag(0)

    def mm(self) -> Mm | None:
        """Its address space, as get_task_mm() would find it now."""
        return self._opener.open(self.tgid, self.tid)

    @property
    def _folder(self) -> Path:
        """Where the folder of the thread lies."""
        return self._root if self.tid == self.tgid else self._root / str(self.tgid) / "task"

    @staticmethod
    def _stat(root: Path, pid: int) -> Stat | None:
        try:
            return read_stat(pid, root)
        except NoSuchProcess:
            return None


class AnyThread(ProcTask):
    """A process by whichever of its threads still has the mm, one among all of them."""

    def mm(self) -> Mm | None:
        """That of the leader, or, once it has exited, of the first thread that lives on."""
        found = super().mm()
        if found is not None or not is_zombie(self.tgid, self.tgid, self._root):
            return found
        for tid in threads(self.tgid, self._root):
            if not is_zombie(self.tgid, tid, self._root):
                return self._opener.open(self.tgid, tid)
        return None

    def mm_flags(self) -> MmFlag:
        """Not told: it would be one file more to read of each process."""
        return MmFlag(0)


class OneProcess:
    """``Tasks`` of one tgid: the leader, then threads with a files table of their own.

    task_group_seq_get_next() skips a thread that shares the leader's files. A
    dead leader has none, so then every thread is visited.
    """

    def __init__(self, target: Target, opener: MmOpener, root: Path) -> None:
        self._target = target
        self._tgid = target.pid
        self._opener = opener
        self._root = root

    def find(self, tid: int) -> ProcTask | None:
        """The thread ``tid``, if it still exists and the number was not given away since."""
        if self._target.gone():
            return None
        if not (self._root / str(self._tgid) / "task" / str(tid)).exists():
            return None
        return self._task(tid)

    def after(self, tid: int) -> ProcTask | None:
        """The next thread to visit, in order of creation."""
        if tid == 0:
            return self.find(self._tgid)
        if self._opener.lost(self._tgid):
            return self.find(tid)
        others = threads(self._tgid, self._root)
        if tid not in others:
            return None
        for other in others[others.index(tid) + 1 :]:
            if not self._shares_files(other):
                return self._task(other)
        return None

    def _task(self, tid: int) -> ProcTask:
        return ProcTask(self._tgid, tid, self._opener, self._root, lends=self._lends(tid))

    def _lends(self, tid: int) -> bool:
        """Whether no thread before this one has an mm; the leader is the first."""
        others = threads(self._tgid, self._root)
        before = others[: others.index(tid)] if tid in others else []
        return all(is_zombie(self._tgid, other, self._root) for other in before)

    def _shares_files(self, tid: int) -> bool:
        if is_zombie(self._tgid, self._tgid, self._root):
            return False
        # kcmp() takes pids
        return bool(foreign(self._root)) or same_files(self._tgid, tid)


class AllProcesses:
    """``Tasks`` of everybody, by ascending pid.

    They are listed at the beginning and again behind the last one: of those born
    meanwhile the ones with a higher pid than all others are visited.
    """

    def __init__(self, opener: MmOpener, root: Path) -> None:
        self._opener = opener
        self._root = root
        self._pids: list[int] = []

    def find(self, tid: int) -> ProcTask | None:
        """The process visited last, or the next one when it is gone (find_ge_pid())."""
        return self._at_least(tid) or self._at_least_listed(tid)

    def after(self, tid: int) -> ProcTask | None:
        """The next process."""
        return self.find(tid if self._opener.lost(tid) else tid + 1)

    def _at_least_listed(self, pid: int) -> ProcTask | None:
        try:
            names = os.listdir(self._root)
        except OSError as err:
            raise ReadFailed(str(self._root), err) from err
        self._pids = sorted(int(name) for name in names if name.isdecimal())
        return self._at_least(pid)

    def _at_least(self, pid: int) -> ProcTask | None:
        i = bisect_left(self._pids, pid)
        if i == len(self._pids):
            return None
        return AnyThread(self._pids[i], self._pids[i], self._opener, self._root)


def same_files(one: int, other: int) -> bool:
    """Whether two threads share their files table; True when the kernel will not tell.

    kcmp(2) needs CONFIG_KCMP and ptrace access, and is what the iterator's own
    test (``task->files``) comes to.
    """
    number = _SYS_KCMP.get(os.uname().machine)
    if number is None:
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(number, one, other, _KCMP_FILES, 0, 0) in (0, -1))
