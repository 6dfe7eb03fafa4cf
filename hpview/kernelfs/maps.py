"""/proc/PID/maps: the list of mappings as text, both ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview import text
from hpview.kernelfs.files import PROC, no_memory_map, read_file
from hpview.wire import VmFlag

if TYPE_CHECKING:
    from pathlib import Path

MINOR_BITS: Final = 20
"""include/linux/kdev_t.h: a dev_t is major << 20 | minor."""

_NAME_COLUMN: Final = 25 + 6 * 8
"""fs/proc/task_mmu.c, show_vma_header_prefix and seq_pad, with 8-byte pointers."""

_LINE: Final = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][sp]) ([0-9a-f]+) "
    rb"([0-9a-f]+):([0-9a-f]+) ([0-9]+) +(.*)$",
    re.MULTILINE,
)

_KERNEL_HALF: Final = 1 << 63

_READ: Final = int(VmFlag.READ)
_WRITE: Final = int(VmFlag.WRITE)
_EXEC: Final = int(VmFlag.EXEC)
_MAYSHARE: Final = int(VmFlag.MAYSHARE)


@dataclass(frozen=True, slots=True)
class Mapping:
    r"""One VMA as user space can know it.

    Attributes:
        start: First address.
        end: Address behind the last.
        vm_flags: READ, WRITE, EXEC, MAYSHARE and, where the page size is known,
            HUGETLB; the other bits of ``VmFlag`` are not told to user space here.
        offset: Bytes into the file; 0 for anonymous memory.
        dev: ``major << 20 | minor`` of the file's file system, as maps prints it.
        ino: Inode number; 0 without a file.
        name: As /proc/PID/maps prints it: a newline is ``\012``, everything else is
            the raw name, decoded by ``text.decode``. "" for anonymous memory.
        page_size: Bytes of the VMA's pages (that of hugetlb); 0 when not known.
    """

    start: int
    end: int
    vm_flags: int
    offset: int
    dev: int
    ino: int
    name: str
    page_size: int = 0


_FLAGS_OF: Final = {
    (r + w + x + s).encode(): (_READ if r == "r" else 0)
    | (_WRITE if w == "w" else 0)
    | (_EXEC if x == "x" else 0)
    | (_MAYSHARE if s == "s" else 0)
    for r in "r-"
    for w in "w-"
    for x in "x-"
    for s in "sp"
}


def perms(vm_flags: int) -> str:
    """The four letters of maps, such as ``rw-p``."""
    return (
        ("r" if vm_flags & _READ else "-")
        + ("w" if vm_flags & _WRITE else "-")
        + ("x" if vm_flags & _EXEC else "-")
        + ("s" if vm_flags & _MAYSHARE else "p")
    )


def parse_maps(data: bytes) -> list[Mapping]:
    """The mappings of a maps text, ascending, without [vsyscall].

    The vsyscall page is no VMA of the process: neither the iterator nor
    PROCMAP_QUERY shows it.

    Raises:
        ValueError: A line that maps would not print.
    """
    lines = _LINE.findall(data)
    if len(lines) != data.count(b"\n"):
        raise ValueError("not the text of maps")
    mappings = []
    for low, high, letters, offset, major, minor, ino, name in lines:
        start = int(low, 16)
        if start >= _KERNEL_HALF:
            continue
        mappings.append(
            Mapping(
                start,
                int(high, 16),
                _FLAGS_OF[letters],
                int(offset, 16),
                int(major, 16) << MINOR_BITS | int(minor, 16),
                int(ino),
                text.decode(name) if name else "",
            )
        )
    return mappings


def read_maps(pid: int, root: Path = PROC) -> list[Mapping]:
    """The mappings of a process from its maps text; ``page_size`` is 0.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
    """
    data = read_file(pid, "maps", root)
    # without an address space the kernel opens the file and shows nothing
    if not data and (missing := no_memory_map(pid, root)):
        raise missing
    return parse_maps(data)


def format_line(mapping: Mapping) -> str:
    """The line of /proc/PID/maps for a mapping, without its newline."""
    minor = mapping.dev & ((1 << MINOR_BITS) - 1)
    line = (
        f"{mapping.start:08x}-{mapping.end:08x} {perms(mapping.vm_flags)} {mapping.offset:08x} "
        f"{mapping.dev >> MINOR_BITS:02x}:{minor:02x} {mapping.ino} "
    )
    if not mapping.name:
        return line
    return f"{line.ljust(_NAME_COLUMN - 1)} {mapping.name}"
