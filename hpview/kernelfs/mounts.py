"""/proc/PID/mountinfo: which file systems a process has mapped files of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview import text
from hpview.errors import HpviewError
from hpview.kernelfs.files import PROC, own_pid, read_file
from hpview.kernelfs.maps import MINOR_BITS

if TYPE_CHECKING:
    from pathlib import Path

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system.

    Attributes:
        dev: Major << 20 | minor, as maps shows it of files there.
        kind: Its type, such as ``ext4``.
        point: Where it is mounted; untrusted.
        options: Of the file system, not of the mount: ``huge=always``.
        top: What of the file system is mounted: a folder in it.
    """

    dev: int
    kind: str
    point: str
    options: tuple[str, ...]
    top: str = "/"

    @property
    def path(self) -> str:
        """``point`` as system calls take it: mountinfo writes blanks and the like as octal."""
        return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), self.point)

    def option(self, name: str) -> str | None:
        """The value of ``name=value``; None where it is not among the options."""
        found = (o.partition("=") for o in self.options)
        return next((value for key, is_set, value in found if is_set and key == name), None)


def read_mounts(pid: int, root: Path = PROC) -> dict[int, Mount]:
    """What a process sees mounted, by device; the last mount of a device counts.

    Fields as proc_pid_mountinfo(5) has them. Files of btrfs subvolumes and of overlayfs with
    several layers carry devices that do not stand there.

    Returns:
        {} where it may not be read.
    """
    try:
        lines = read_file(pid, "mountinfo", root).splitlines()
    except HpviewError:
        return {}
    mounts = (_mount(line) for line in lines)
    return {mount.dev: mount for mount in mounts if mount is not None}


def own_mounts(root: Path = PROC) -> dict[int, Mount]:
    """What this process sees mounted, as ``read_mounts``."""
    try:
        return read_mounts(own_pid(root), root)
    except HpviewError:
        return {}


def view_of(tid: int, root: Path = PROC) -> tuple[str, str]:
    """What decides which mounts a thread sees, and where: its mount namespace and its root.

    Raises:
        OSError: It is gone, or may not be read.
    """
    folder = root / str(tid)
    return str((folder / "ns/mnt").readlink()), str((folder / "root").readlink())


def _mount(line: bytes) -> Mount | None:
    head, dash, tail = line.partition(b" - ")
    fields, behind = head.split(b" "), tail.split(b" ")
    if not dash or len(fields) < 5 or len(behind) < 3:
        return None
    major, _, minor = fields[2].partition(b":")
    kind, options = text.decode(behind[0]), text.decode(behind[2]).split(",")
    # What an initramfs is unpacked into is a tmpfs or a ramfs, which has no such option
    # (init/do_mounts.c, rootfs_init_fs_context()).
    if kind == "rootfs" and any(option.startswith("nr_inodes=") for option in options):
        kind = "tmpfs"
    return Mount(
        dev=int(major) << MINOR_BITS | int(minor),
        kind=kind,
        point=text.decode(fields[4]),
        options=tuple(options),
        top=text.decode(fields[3]),
    )
