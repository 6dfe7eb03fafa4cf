"""Whether a pid still stands for what was read of it: what is asked later goes by the pid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import HpviewError
from hpview.kernelfs.files import PROC
from hpview.kernelfs.image import read_image
from hpview.kernelfs.status import read_stat
from hpview.kernelfs.task import readable_task

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.space.address_space import AddressSpace


class NotTheSame(HpviewError):
    """What was just read is not of the program that the address space is of."""

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"process {pid} {what}")
        self.pid = pid


def require_same(space: AddressSpace, root: Path = PROC) -> None:
    """Ask this after whatever else was read of the process, which was before, too, then.

    Another process has another start time. Another program has its stack somewhere else:
    without randomised addresses (``setarch -R``) an exec() stays unnoticed.

    Args:
        space: Of a process; the stack is looked for only in one that is known to its end.
        root: Where procfs is mounted.

    Raises:
        NotTheSame: Another process has the pid, or the process called exec().
        NoSuchProcess, NoMemoryMap: Nothing has it, or a zombie.
    """
    if space.identity is None:
        return
    tid, folder = readable_task(space.tgid, root)
    if read_stat(space.tgid, root).start_time != space.start_time:
        raise NotTheSame(space.tgid, "is not the one that was read: its pid was used again")
    # The stack begins below this address.
    stack = read_image(tid, folder).stack - 1
    if space.complete and stack > 0 and space.index_at(stack) < 0:
        raise NotTheSame(space.tgid, "runs another program than the one that was read")
