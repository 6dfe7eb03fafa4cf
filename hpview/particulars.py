"""What a process is beside its memory: user, parent, cgroup, command line."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

from hpview.errors import HpviewError, NoSuchProcess
from hpview.kernelfs.cgroup import read_cgroup

if TYPE_CHECKING:
    from collections.abc import Container

TURNS: Final = 8
"""In so many snapshots what was remembered of every process is read again once."""


class Particulars(NamedTuple):
    """Facts of one process, and what reads more of it.

    Attributes:
        user: Name of the effective user, or the number.
        ppid: Its parent.
        cgroup: Untrusted path; "" where it could not be read.
        process: It.
    """

    user: str
    ppid: int
    cgroup: str
    process: psutil.Process

    def cmdline(self) -> str:
        """The command line, never remembered: servers rewrite theirs (setproctitle).

        Untrusted arguments joined by spaces; "" when it has none or is gone.
        """
        try:
            return " ".join(self.process.cmdline()).rstrip()
        except psutil.Error:
            return ""


class Register:
    """Reads the particulars of processes and remembers them.

    User, parent and cgroup rarely change but nothing in a snapshot tells when they do
    (setuid(), a dead parent, a move). Reading them takes 60 us a process, which is 0.6 s of
    every snapshot of 10,000: each is read again in its turn, and at once when its parent is gone.
    """

    def __init__(self) -> None:
        self._users: dict[int, str] = {}
        self._known: dict[tuple[int, int], Particulars] = {}
        self._kept: dict[tuple[int, int], Particulars] = {}
        self._turn = 0

    def begin(self) -> None:
        """Start a snapshot; who was not in the last one is forgotten."""
        self._known, self._kept = self._kept, {}
        self._turn = (self._turn + 1) % TURNS

    def of(self, pid: int, start_time: int, alive: Container[int]) -> Particulars:
        """The particulars of a process.

        Args:
            pid: Process.
            start_time: Clock ticks since boot.
            alive: The pids that exist.

        Raises:
            NoSuchProcess: It is gone, or hidepid hides it.
        """
        key = pid, start_time
        found = self._known.get(key)
        if found is None or pid % TURNS == self._turn or found.ppid not in alive:
            found = self.read(pid)
        self._kept[key] = found
        return found

    def read(self, pid: int) -> Particulars:
        """The same, read now; may be called in any thread.

        Raises:
            NoSuchProcess: It is gone, or hidepid hides it.
        """
        try:
            process = psutil.Process(pid)
            user, ppid = self._name(process.uids().effective), process.ppid()
        except psutil.Error as err:
            raise NoSuchProcess(pid) from err
        try:
            cgroup = read_cgroup(pid, Path(psutil.PROCFS_PATH))
        except (HpviewError, OSError):
            cgroup = ""
        return Particulars(user, ppid, cgroup, process)

    def _name(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]
