"""Files of hugetlb whose pages nobody maps: open in some process, or lying in a mount."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview import text
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hpview.kernelfs.hugetlbfs import HugetlbMount

MOST: Final = 4096
"""Files of mounts that are looked at; and folders."""

_BLOCK: Final = 512
"""Bytes in which stat(2) counts, whatever the file system."""

_UNNAMED: Final = (b"/memfd:", b"/anon_hugepage")


class HeldFile(NamedTuple):
    """A file with pages that no process seen has mapped.

    Attributes:
        name: Untrusted; as /proc/PID/fd or its folder has it.
        page_size: Bytes.
        pages: Handed out to it.
        mapped: How many of these the processes seen have mapped.
        pid: A process that has it open; None for one that was found in a mount.
    """

    name: str
    page_size: int
    pages: int
    mapped: int
    pid: int | None


def held_files(
    pids: Iterable[int],
    mounts: Iterable[HugetlbMount],
    page_sizes: Mapping[int, int],
    mapped: Callable[[int, int, int], int],
    go_on: Callable[[], None],
    root: Path = PROC,
) -> tuple[HeldFile, ...]:
    """Find such files, the largest first; what may not be read is left out.

    Args:
        pids: Whose descriptors to look at.
        mounts: Where else to look.
        page_sizes: By device of hugetlb.
        mapped: How many pages of a file are mapped, by page size, device and inode.
        go_on: Called again and again; raises to give up.
        root: /proc.
    """
    mounts = tuple(mounts)
    folders = tuple(os.fsencode(mount.path) + b"/" for mount in mounts)
    found: dict[tuple[int, int], HeldFile] = {}

    def look(path: bytes, name: bytes, pid: int | None) -> None:
        go_on()
        try:
            status = Path(os.fsdecode(path)).stat()
        except OSError:
            return
        dev = device(status.st_dev)
        size = page_sizes.get(dev)
        if size is None or not stat.S_ISREG(status.st_mode) or (dev, status.st_ino) in found:
            return
        pages = status.st_blocks * _BLOCK // size
        of_these = mapped(size, dev, status.st_ino)
        found[dev, status.st_ino] = HeldFile(text.decode(name), size, pages, of_these, pid)

    for pid in pids:
        for path, name in _open_files(pid, root):
            # a file system that does not answer would hold up who asks it for others
            if name.startswith(_UNNAMED + folders):
                look(path, name, pid)
    for mount in mounts:
        for path in _lying_in(os.fsencode(mount.path)):
            look(path, path, None)
    held = (file for file in found.values() if file.pages > file.mapped)
    return tuple(sorted(held, key=lambda file: -(file.pages - file.mapped) * file.page_size))


def _open_files(pid: int, root: Path) -> Iterator[tuple[bytes, bytes]]:
    """The descriptors of a process: their links, and what these say."""
    folder = os.fsencode(root / str(pid) / "fd")
    try:
        numbers = os.listdir(folder)
    except OSError:
        return
    for number in numbers:
        path = folder + b"/" + number
        try:
            yield path, os.readlink(path)  # noqa: PTH115 - Path would tidy what it says
        except OSError:
            continue  # closed meanwhile


def _lying_in(folder: bytes) -> Iterator[bytes]:
    """Regular files below a folder, in no order; hugetlbfs is memory and answers at once."""
    waiting, seen = [folder], 0
    while waiting and seen < MOST:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path
        except OSError:
            continue
