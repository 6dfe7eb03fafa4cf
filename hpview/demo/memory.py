"""Mapping and filling memory by hand: the tools of the demo process.

Calls the C library through ctypes, since the addresses matter here.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from pathlib import Path
from typing import Final

PAGE: Final = 4096
SLOT: Final = 2 << 20
MIB: Final = 1 << 20
GIB: Final = 1 << 30
TIB: Final = 1 << 40

# include/uapi/asm-generic/mman-common.h, include/uapi/linux/mman.h
MADV_DONTNEED: Final = 4
MADV_HUGEPAGE: Final = 14
MADV_NOHUGEPAGE: Final = 15
MADV_PAGEOUT: Final = 21
MADV_COLLAPSE: Final = 25
MADV_GUARD_INSTALL: Final = 102
PROT_NONE: Final = 0
MAP_NORESERVE: Final = 0x4000
ANONYMOUS: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
READ_WRITE: Final = mmap.PROT_READ | mmap.PROT_WRITE
_MAP_FIXED_NOREPLACE: Final = 0x100000
_MAP_HUGETLB: Final = 0x40000
_MAP_HUGE_SHIFT: Final = 26
_PR_SET_VMA: Final = 0x53564D41
_PR_SET_VMA_ANON_NAME: Final = 0

THP: Final = Path("/sys/kernel/mm/transparent_hugepage")

_PMD_FIELDS: Final = ("AnonHugePages:", "ShmemPmdMapped:", "FilePmdMapped:")


class Unavailable(Exception):
    """This state cannot be had here; the message says why."""


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class Memory:
    """The own address space."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        number = ctypes.c_int
        self._libc.mmap.argtypes = (
            ctypes.c_void_p, ctypes.c_size_t, number, number, number, ctypes.c_long,
        )  # fmt: skip
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self._mapped: set[int] = set()
        self._pins = os.pipe()

    def _check(self, result: int) -> None:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def madvise(self, start: int, size: int, advice: int) -> None:
        """Give advice on a range; OSError on failure."""
        self._check(self._libc.madvise(start, size, advice))

    def map(
        self,
        start: int,
        size: int,
        prot: int = READ_WRITE,
        flags: int = ANONYMOUS,
        fd: int = -1,
    ) -> None:
        """Map a range exactly there, or raise Unavailable where something else is."""
        place = self._libc.mmap(start, size, prot, flags | _MAP_FIXED_NOREPLACE, fd, 0)
        if place != start:
            raise Unavailable(f"mmap: {os.strerror(ctypes.get_errno())}")
        self._mapped.add(start)

    def unmap(self, start: int, size: int) -> None:
        """Undo ``map``; nothing happens where it did not succeed."""
        if start in self._mapped:
            self._mapped.remove(start)
            self._check(self._libc.munmap(start, size))

    def protect(self, start: int, size: int, prot: int) -> None:
        """mprotect(2)."""
        self._check(self._libc.mprotect(start, size, prot))

    def name(self, start: int, size: int, name: str) -> None:
        """Have maps show ``[anon:name]``, where the kernel has CONFIG_ANON_VMA_NAME."""
        self._libc.prctl(
            _PR_SET_VMA,
            _PR_SET_VMA_ANON_NAME,
            ctypes.c_void_p(start),
            ctypes.c_size_t(size),
            ctypes.c_char_p(name.encode()),
        )

    def map_memfd(self, start: int, size: int) -> None:
        """Shared memory of its own memfd."""
        fd = os.memfd_create("hpview-demo")
        try:
            os.ftruncate(fd, size)
            self.map(start, size, flags=mmap.MAP_SHARED, fd=fd)
        finally:
            os.close(fd)

    def map_hugetlb(self, start: int, size: int, page: int) -> None:
        """Private hugetlb memory of one page size, reserved in its pool."""
        order = (page.bit_length() - 1) << _MAP_HUGE_SHIFT
        try:
            self.map(start, size, flags=ANONYMOUS | _MAP_HUGETLB | order)
        except Unavailable as err:
            if ctypes.get_errno() == errno.ENOMEM:
                kib = page // 1024
                raise Unavailable(f"fewer than {size // page} free in hugepages-{kib}kB") from err
            raise

    def map_small(self, start: int, size: int) -> None:
        """Anonymous memory that never becomes huge."""
        self.map(start, size)
        self.madvise(start, size, MADV_NOHUGEPAGE)

    def make_huge(self, start: int, size: int) -> None:
        """Fill an anonymous region with PMD leaves, or say why not."""
        self.madvise(start, size, MADV_HUGEPAGE)
        ctypes.memset(start, 1, size)
        if self.pmd_mapped(start) != size:
            # a second chance where the fault found no free 2 MB page
            self._libc.madvise(start, size, MADV_COLLAPSE)
        huge = self.pmd_mapped(start)
        if huge != size:
            raise Unavailable(
                f"only {huge // MIB} of {size // MIB} MiB became huge "
                f"({THP}/enabled: {setting('enabled') or 'missing'})"
            )

    def pmd_mapped(self, start: int) -> int:
        """What smaps says is mapped by PMD leaves in the VMA at ``start``, in bytes."""
        head = f"{start:x}-"
        here = False
        total = 0
        with open("/proc/self/smaps", encoding="utf-8", errors="surrogateescape") as smaps:
            for line in smaps:
                here = here or line.startswith(head)
                if here and line.startswith(_PMD_FIELDS):
                    total += int(line.split()[1]) * 1024
                if here and line.startswith("VmFlags:"):
                    break
        return total

    def entries(self, start: int, count: int) -> tuple[int, ...]:
        """The pagemap entries of own pages."""
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            data = os.pread(pagemap.fileno(), count * 8, start // PAGE * 8)
        return struct.unpack(f"={count}Q", data)

    def pin(self, address: int) -> None:
        """Hold a reference to a page, for as long as the pipe is open."""
        piece = _IoVec(address, 1)
        self._check(self._libc.vmsplice(self._pins[1], ctypes.byref(piece), ctypes.c_ulong(1), 0))


def setting(name: str) -> str:
    """A file of transparent_hugepage, "" when it is missing."""
    try:
        return (THP / name).read_text("ascii").strip()
    except OSError:
        return ""


def read_pages(start: int, size: int, step: int) -> None:
    """Read a byte every ``step`` bytes."""
    for at in range(start, start + size, step):
        ctypes.c_char.from_address(at).value  # noqa: B018


def write_pages(start: int, size: int, step: int) -> None:
    """Write a byte every ``step`` bytes."""
    for at in range(start, start + size, step):
        ctypes.memset(at, 1, 1)
