"""Which namespaces this process lives in, and whether /proc is of the same ones."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from hpview.errors import BackendUnavailable
from hpview.kernelfs.files import PROC, own_pid
from hpview.kernelfs.status import read_status

if TYPE_CHECKING:
    from pathlib import Path

REMEDY: Final = "mount -t proc proc /proc, or run it in the pid namespace of /proc"

_EVERY_UID: Final = ["0", "0", "4294967295"]
"""The uid_map of the first user namespace."""

_SHOWN: Final = ("", "0", "off")
"""Values of hidepid= that hide nothing."""


@cache
def foreign(root: Path = PROC) -> str:
    """Why numbers of a procfs must not be given to a system call; "" where they may be.

    Where /proc was mounted for another pid namespace, a pid of it names another process to the
    kernel, or none: by ``unshare --pid`` without ``--mount-proc``, in a container that is shown
    the host's /proc, by nsenter(1) into a mount namespace alone.

    NSpid (4.1) lists a process's numbers from the namespace of the procfs down to the one
    it lives in (fs/proc/array.c, task_state()). Remembered: neither can change.
    """
    try:
        pid = own_pid(root)
    except BackendUnavailable as err:
        return f"{root}: {err.reason}"
    numbers = read_status(pid, root).nspid or (pid,)
    if numbers == (os.getpid(),):
        return ""
    return f"{root} is of another pid namespace: its numbers mean other processes"


def require_own(what: str, root: Path = PROC) -> None:
    """Refuse what takes pids where those of /proc are not its own.

    Raises:
        BackendUnavailable: ``what`` would act on another process.
    """
    if why := foreign(root):
        raise BackendUnavailable(what, why, remedy=REMEDY)


def in_first_user_namespace(root: Path = PROC) -> bool:
    """Whether capabilities are good for all of the machine; True where that is not known."""
    try:
        return (root / "self/uid_map").read_text("ascii").split() == _EVERY_UID
    except OSError:
        return True


def hidepid(root: Path = PROC) -> str:
    """The mode in which /proc hides processes of other users; "" where it shows them.

    Raises:
        OSError: That cannot be read.
    """
    options = ""
    for line in (root / "self/mounts").read_text("utf-8", "surrogateescape").splitlines():
        fields = line.split()
        if fields[1] == "/proc" and fields[2] == "proc":
            options = fields[3]
    mode = options.partition("hidepid=")[2].partition(",")[0]
    return "" if mode in _SHOWN else mode


def sees_others(root: Path = PROC) -> bool:
    """Whether process 1, which is rarely of the same user, is shown with its files."""
    try:
        (root / "1/stat").read_bytes()
    except OSError:
        return False
    return True


def hidden(root: Path = PROC) -> str:
    """Why a list of processes is not all of them, a sentence, or ""."""
    try:
        mode = hidepid(root)
    except OSError:
        return ""
    if not mode or sees_others(root):
        return ""
    return f"not all processes are shown: {root} is mounted with hidepid={mode}"


def exists(pid: int) -> bool:
    """Whether there is such a process or thread, shown in /proc or not."""
    if foreign():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
