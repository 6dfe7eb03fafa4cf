"""What an address space got by exec() and keeps: it tells one program from the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hpview.errors import CorruptText
from hpview.kernelfs.files import CUT, read_file

if TYPE_CHECKING:
    from pathlib import Path


class Image(NamedTuple):
    """Two addresses; 0 until exec() has set them, and for who may not read the process.

    Attributes:
        code: Where the program's code begins.
        stack: Where its stack began.
    """

    code: int
    stack: int

    def may_become(self, later: Image) -> bool:
        """Whether the mm that had this may have ``later``."""
        return all(old in (0, new) for old, new in zip(self, later, strict=True))


def read_image(tid: int, root: Path) -> Image:
    """That of a thread, by startcode and startstack of its stat: proc_pid_stat(5).

    Raises:
        NoSuchProcess: It is gone.
    """
    data = read_file(tid, "stat", root)
    if not data.endswith(b"\n"):
        raise CorruptText("stat", CUT)
    fields = data.rpartition(b")")[2].split()
    return Image(int(fields[23]), int(fields[25]))
