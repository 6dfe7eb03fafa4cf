"""Whether the numbers in /proc are those that system calls take.

They are not where /proc was mounted for another pid namespace: by ``unshare --pid`` without
``--mount-proc``, in a container that is shown the host's /proc, by nsenter(1) into a mount
namespace alone. There a pid of /proc names another process to the kernel, or none.
"""

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


@cache
def foreign(root: Path = PROC) -> str:
    """Why numbers of a procfs must not be given to a system call; "" where they may be.

    NSpid (4.1) lists a process's numbers from the namespace of the procfs down to the one
    it lives in (fs/proc/array.c, task_state()). Remembered: neither can change.
    """
    try:
        pid = own_pid(root)
    except BackendUnavailable as err:
        return err.reason
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
