"""/proc/PID/cgroup: where the memory of a process is charged to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview import text
from hpview.kernelfs.files import PROC, read_file

if TYPE_CHECKING:
    from pathlib import Path


def read_cgroup(pid: int, root: Path = PROC, controller: bytes = b"memory") -> str:
    """The path in the hierarchy of a controller: cgroup v2's, unless v1 has that controller.

    Lines are ``ID:controllers:path`` (cgroups(7)); the path is untrusted and may hold colons.

    Returns:
        "" where there is no such hierarchy.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied, BackendUnavailable: As ``files.failure``.
    """
    found = b""
    for line in read_file(pid, "cgroup", root).splitlines():
        _, controllers, path = (*line.split(b":", 2), b"", b"")[:3]
        if controller in controllers.split(b","):
            return text.decode(path)
        if not controllers:
            found = path
    return text.decode(found)
