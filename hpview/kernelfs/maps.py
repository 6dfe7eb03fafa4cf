"""/proc/PID/maps: the list of mappings as text, both ways."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview import text
from hpview.errors import CorruptText
from hpview.kernelfs.files import CUT, PROC, MmFile, own_pid, read_mm_file
from hpview.wire import VmFlag

if TYPE_CHECKING:
    import mmap
    from pathlib import Path

MINOR_BITS: Final = 20
"""include/linux/kdev_t.h: a dev_t is major << 20 | minor."""

NAME_COLUMN: Final = 25 + 6 * 8
"""fs/proc/task_mmu.c, show_vma_header_prefix and seq_pad, with 8-byte pointers."""

_LINE: Final = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) ([r-][w-][x-][sp]) ([0-9a-f]+) "
    rb"([0-9a-f]+):([0-9a-f]+) ([0-9]+) +(.*)$",
    re.MULTILINE,
)

_STRANGE: Final = "it has other lines"

_KERNEL_HALF: Final = 1 << 63

U64 = NDArray[np.uint64]

_NEWLINE: Final = ord("\n")
_PLAIN: Final = np.frombuffer(b"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ", np.uint8)
"""What a line of anonymous memory begins with, but for addresses and letters."""
_HEAD: Final = len(_PLAIN)
_DIGITS: Final = np.array([*range(12), *range(13, 25)])
_LETTERS: Final = np.arange(26, 30)
_ALIKE: Final = np.delete(np.arange(_HEAD), [*_DIGITS, *_LETTERS])
_SET: Final = np.frombuffer(b"rwxs", np.uint8)

_READ: Final = int(VmFlag.READ)
_WRITE: Final = int(VmFlag.WRITE)
_EXEC: Final = int(VmFlag.EXEC)
_MAYSHARE: Final = int(VmFlag.MAYSHARE)


_BITS: Final = np.array([_READ, _WRITE, _EXEC, _MAYSHARE], np.uint64)


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


def device(st_dev: int) -> int:
    """A device number of stat(2) as a mapping has it: major << 20 | minor."""
    return os.major(st_dev) << MINOR_BITS | os.minor(st_dev)


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
        CorruptText: A line that maps would not print.
    """
    lines = _LINE.findall(data)
    if data and not data.endswith(b"\n"):
        raise CorruptText("maps", CUT)
    if len(lines) != data.count(b"\n"):
        raise CorruptText("maps", _STRANGE)
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


def parse_numbers(data: bytes) -> U64:
    """All of a maps text but the names, without [vsyscall].

    Args:
        data: Whole lines, ascending.

    Returns:
        Shape (n, 6): start, end, vm_flags (the four bits of ``perms``), offset in
        bytes, dev, ino, as in ``Mapping``.

    Raises:
        CorruptText: A line that maps would not print, or half of one.
    """
    behind = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE) + 1
    if data and not data.endswith(b"\n"):
        raise CorruptText("maps", CUT)
    if not len(behind):
        return np.zeros((0, 6), np.uint64)
    begin = np.concatenate(([0], behind[:-1]))
    windows = np.ndarray(len(data), f"V{_HEAD}", data + bytes(_HEAD), strides=1)
    heads = windows[begin].view(np.uint8).reshape(-1, _HEAD)
    # Most are anonymous and of the upper 47-bit range: all of one form.
    plain = (heads[:, _ALIKE] == _PLAIN[_ALIKE]).all(axis=1)
    table = np.zeros((len(begin), 6), np.uint64)
    if plain.all():
        table[:, :3] = _plain_numbers(heads)
    else:
        table[plain, :3] = _plain_numbers(heads[plain])
        for i in np.flatnonzero(~plain).tolist():
            table[i] = _line_numbers(data, int(begin[i]))
    return table[: int(np.searchsorted(table[:, 0], np.uint64(_KERNEL_HALF)))]


def _plain_numbers(heads: NDArray[np.uint8]) -> U64:
    """Start, end and vm_flags of lines like ``_PLAIN``, shape (n, 3)."""
    addresses = bytes.fromhex(heads[:, _DIGITS].tobytes().decode("latin-1"))
    out = np.zeros((len(heads), 3), ">u8")
    whole = out.view(np.uint8).reshape(-1, 3, 8)
    whole[:, :2, 2:] = np.frombuffer(addresses, np.uint8).reshape(-1, 2, 6)
    out[:, 2] = (heads[:, _LETTERS] == _SET).astype(np.uint64) @ _BITS
    return out.astype(np.uint64)


def _line_numbers(data: bytes, begin: int) -> tuple[int, ...]:
    line = _LINE.match(data, begin)
    if line is None:
        raise CorruptText("maps", _STRANGE)
    low, high, letters, offset, major, minor, ino, _ = line.groups()
    dev = int(major, 16) << MINOR_BITS | int(minor, 16)
    return int(low, 16), int(high, 16), _FLAGS_OF[letters], int(offset, 16), dev, int(ino)


class MapsText(MmFile):
    """One open /proc/PID/maps, read on and on.

    The kernel makes up only about as many lines as are asked for (fs/seq_file.c,
    seq_read_iter()) and goes on behind them at the next read: what was returned
    is of that moment. Nothing comes once the address space is gone.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        """Open the maps of a process.

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
        """
        super().__init__(pid, "maps", root)
        self._cut = b""

    @property
    def inside_line(self) -> bool:
        """Whether the first line to come was begun by an earlier read."""
        return bool(self._cut)

    def read(self, size: int) -> bytes | None:
        """Whole lines of about ``size`` bytes, perhaps none; None at the end.

        Raises:
            CorruptText: The end is within a line.
        """
        data = self.read_on(size)
        if not data:
            if self._cut:
                raise CorruptText("maps", CUT)
            return None
        data = self._cut + data
        whole = data.rfind(b"\n") + 1
        self._cut = data[whole:]
        return data[:whole]


def read_maps(pid: int, root: Path = PROC) -> list[Mapping]:
    """The mappings of a process from its maps text; ``page_size`` is 0.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
        CorruptText: It is no text of maps.
    """
    data = read_mm_file(pid, "maps", root)
    return parse_maps(data)


def address_of(area: mmap.mmap) -> int:
    """Where some memory of one's own begins."""
    # The view is dropped at once: while one exists, the area cannot be closed.
    return ctypes.addressof(ctypes.c_char.from_buffer(area))


def device_of(area: mmap.mmap, root: Path = PROC) -> int | None:
    """The device that some memory of one's own lies on; None where it is not found.

    Raises:
        HpviewError: One's own maps cannot be read.
    """
    address = address_of(area)
    mappings = read_maps(own_pid(root), root)
    return next((m.dev for m in mappings if m.start <= address < m.end), None)


def format_line(mapping: Mapping) -> str:
    """The line of /proc/PID/maps for a mapping, without its newline."""
    minor = mapping.dev & ((1 << MINOR_BITS) - 1)
    line = (
        f"{mapping.start:08x}-{mapping.end:08x} {perms(mapping.vm_flags)} {mapping.offset:08x} "
        f"{mapping.dev >> MINOR_BITS:02x}:{minor:02x} {mapping.ino} "
    )
    if not mapping.name:
        return line
    return f"{line.ljust(NAME_COLUMN - 1)} {mapping.name}"
