"""What a process is beside its memory: user, parent, cgroup, command line."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview import text
from hpview.errors import NoSuchProcess
from hpview.kernelfs.files import PROC

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

TURNS: Final = 8
"""In so many snapshots what was remembered of every process is read again once."""

_SIZE: Final = 1 << 16


class Particulars(NamedTuple):
    """Facts of one process.

    Attributes:
        user: Name of the effective user, or the number.
        ppid: Its parent.
        cgroup: Untrusted path; "" where it could not be read.
    """

    user: str
    ppid: int
    cgroup: str


class Register:
    """Reads the particulars of processes and remembers them.

    User, parent and cgroup rarely change but nothing in a snapshot tells when they do
    (setuid(), a dead parent, a move). Reading them anew would cost 10,000 processes 70 ms of
    every snapshot, so each is read again in its turn, and at once when its parent is gone.

    Args:
        root: Where procfs is mounted.
    """

    def __init__(self, root: Path = PROC) -> None:
        self._root = str(root)
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
        status = self._file(pid, "status")
        cgroup = self._file(pid, "cgroup")
        if not status:
            raise NoSuchProcess(pid)
        uid = int(_field(status, b"\nUid:").split()[1])
        return Particulars(self._name(uid), int(_field(status, b"\nPPid:")), _path(cgroup))

    def cmdline(self, pid: int) -> str:
        """The command line, never remembered: servers rewrite theirs (setproctitle).

        Arguments are joined by spaces; "" when it has none or is gone.
        """
        raw = self._file(pid, "cmdline")
        return text.decode(raw.rstrip(b"\0").replace(b"\0", b" "))

    def _file(self, pid: int, name: str) -> bytes:
        """A small file, b"" if it cannot be read: by descriptor, a third of the time of open()."""
        try:
            fd = os.open(f"{self._root}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(fd, _SIZE)
        except OSError:
            return b""
        finally:
            os.close(fd)

    def _name(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]


def _field(status: bytes, key: bytes) -> bytes:
    return status.partition(key)[2].partition(b"\n")[0]


def _path(cgroup: bytes) -> str:
    """The path in the hierarchy that accounts memory: cgroup v2's, unless v1 has that controller.

    Lines are ``ID:controllers:path`` (cgroups(7)); the path may hold colons.
    """
    found = b""
    for line in cgroup.splitlines():
        _, controllers, path = (*line.split(b":", 2), b"", b"")[:3]
        if b"memory" in controllers.split(b","):
            return text.decode(path)
        if not controllers:
            found = path
    return text.decode(found)
