"""PROCMAP_QUERY: one VMA of a process by address (Linux 6.11, fs/proc/task_mmu.c)."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING, Final

from hpview import text
from hpview.errors import HpviewError
from hpview.kernelfs.files import PROC, MmFile, ioctl, own_pid
from hpview.kernelfs.maps import MINOR_BITS, Mapping, parse_maps
from hpview.wire import PAGE_SIZE, VmFlag

if TYPE_CHECKING:
    from pathlib import Path

INSTEAD: Final = "VMAs and their names are read from the text of maps"
"""What is done where it fails."""

_PROCMAP_QUERY: Final = 0xC0686611
_COVERING_OR_NEXT: Final = 0x10
_SHARED: Final = 0x08

# struct procmap_query, include/uapi/linux/fs.h
_HEAD: Final = struct.Struct("=3Q")
_ADDRESS: Final = struct.Struct("=Q")
_ANSWER: Final = struct.Struct("=6Q2I")
_SIZES: Final = struct.Struct("=2I2Q")
_ADDRESS_AT: Final = 16
_ANSWER_AT: Final = 24
_SIZES_AT: Final = 80
_STRUCT_SIZE: Final = 104

_PATH_MAX: Final = 4096
"""The kernel uses no more of the name's buffer, however large it is."""

_FLAGS_OF: Final = tuple(
    flags & 0x7 | (int(VmFlag.MAYSHARE) if flags & _SHARED else 0) for flags in range(16)
)
_HUGETLB: Final = int(VmFlag.HUGETLB)

RawMapping = tuple[int, int, int, int, int, int, int, int]
"""start, end, flags (READ 1, WRITE 2, EXEC 4, MAYSHARE 8), page size, offset, inode,
device major, device minor."""


class MapsQuery(MmFile):
    """Lookups in one address space, through one open /proc/PID/maps.

    The descriptor is bound to the address space the process had when it was
    opened, not to the pid. Once that one is gone, by exit or by exec, every
    query raises NoSuchProcess, even though the pid may live on: this is how an
    exec between two queries is noticed. It is checked by the kernel in each query.
    A kernel thread or a zombie can be opened, and answers the same way.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        """Open the maps of a process.

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
        """
        super().__init__(pid, "maps", root)
        self._plain = bytearray(_STRUCT_SIZE)
        _HEAD.pack_into(self._plain, 0, _STRUCT_SIZE, _COVERING_OR_NEXT, 0)
        self._named = bytearray(self._plain)
        self._name = ctypes.create_string_buffer(_PATH_MAX)
        self._name_at = ctypes.addressof(self._name)

    def query_raw(self, addr: int) -> RawMapping | None:
        """The VMA that covers an address, else the next above, without its name.

        Returns:
            start, end, flags, page size, offset, inode, device major, device
            minor, all as the kernel wrote them; None when there is no VMA at or
            above ``addr``.

        Raises:
            NoSuchProcess: The address space is gone (exit or exec).
            BackendUnavailable: The kernel is older than 6.11, or the ioctl is refused.
        """
        query = self._plain
        _ADDRESS.pack_into(query, _ADDRESS_AT, addr)
        try:
            ioctl(self._fd, _PROCMAP_QUERY, query)
        except OSError as err:
            if err.errno == errno.ENOENT:
                return None
            raise self._refused(err, "PROCMAP_QUERY", "Linux 6.11") from err
        return _ANSWER.unpack_from(query, _ANSWER_AT)

    def query(self, addr: int, *, exact: bool = False, name: bool = True) -> Mapping | None:
        """The VMA that covers an address, else the next above.

        Args:
            addr: Where to look.
            exact: Only a VMA that covers ``addr`` will do.
            name: Also fetch the name; "" without it, and the query is cheaper.

        Returns:
            The mapping with its page size, or None.

        Raises:
            NoSuchProcess: The address space is gone (exit or exec).
            BackendUnavailable: The kernel is older than 6.11, or the ioctl is refused.
        """
        label = ""
        if name:
            found = self._query_named(addr)
            if found is None:
                return None
            raw, label = found
        else:
            plain = self.query_raw(addr)
            if plain is None:
                return None
            raw = plain
        start, end, flags, page_size, offset, ino, major, minor = raw
        if exact and start > addr:
            return None
        vm_flags = _FLAGS_OF[flags & 0xF] | (_HUGETLB if page_size > PAGE_SIZE else 0)
        return Mapping(
            start, end, vm_flags, offset, major << MINOR_BITS | minor, ino, label, page_size
        )

    def _query_named(self, addr: int) -> tuple[RawMapping, str] | None:
        query = self._named
        _ADDRESS.pack_into(query, _ADDRESS_AT, addr)
        _SIZES.pack_into(query, _SIZES_AT, _PATH_MAX, 0, self._name_at, 0)
        try:
            ioctl(self._fd, _PROCMAP_QUERY, query)
        except OSError as err:
            if err.errno == errno.ENOENT:
                return None
            if err.errno == errno.ENAMETOOLONG:
                return self._query_long_name(addr)
            raise self._refused(err, "PROCMAP_QUERY", "Linux 6.11") from err
        size = _SIZES.unpack_from(query, _SIZES_AT)[0]
        raw = _ANSWER.unpack_from(query, _ANSWER_AT)
        if not size:
            return raw, ""
        # maps goes through seq_path(), which escapes the newline and nothing else
        return raw, text.decode(self._name.value.replace(b"\n", b"\\012"))

    def _query_long_name(self, addr: int) -> tuple[RawMapping, str] | None:
        """A path longer than PATH_MAX: only the text of maps has room for it."""
        raw = self.query_raw(addr)
        if raw is None:
            return None
        os.lseek(self._fd, 0, os.SEEK_SET)
        pieces = []
        while piece := self.read_on(1 << 16):
            pieces.append(piece)
        for mapping in parse_maps(b"".join(pieces)):
            if mapping.start <= raw[0] < mapping.end:
                return raw, mapping.name
        return raw, ""


def supported(root: Path = PROC) -> bool:
    """Whether PROCMAP_QUERY works here, tried on this very process."""
    try:
        attempt(root)
    except (HpviewError, OSError):
        return False
    return True


def attempt(root: Path = PROC) -> None:
    """Ask for a VMA of this very process.

    Raises:
        HpviewError, OSError: PROCMAP_QUERY cannot be used here.
    """
    with MapsQuery(own_pid(root), root) as maps:
        maps.query_raw(0)
