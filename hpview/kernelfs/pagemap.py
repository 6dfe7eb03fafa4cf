"""/proc/PID/pagemap: PAGEMAP_SCAN (Linux 6.7) and the raw entries (fs/proc/task_mmu.c)."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs.files import PROC, MmFile, ioctl, own_pid
from hpview.kernelfs.maps import address_of
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from pathlib import Path


class Category(IntFlag):
    """What PAGEMAP_SCAN says of a page (``PAGE_IS_*``, include/uapi/linux/fs.h).

    ``HUGE`` is a PMD leaf (THP, the huge zero page, a migration entry of one) or any
    page of a hugetlb VMA, even one that was never touched: it means nothing
    without ``PRESENT`` or ``SWAPPED``. A guard page (Linux 6.16) also carries
    ``SWAPPED``, so ask for ``GUARD`` first.
    """

    FILE = 0x004
    PRESENT = 0x008
    SWAPPED = 0x010
    PFNZERO = 0x020
    HUGE = 0x040
    GUARD = 0x100


class Entry(IntFlag):
    """Bits of a raw pagemap entry; bits 0 to 54 are the PFN or the swap entry."""

    EXCLUSIVE = 1 << 56
    """PM_MMAP_EXCLUSIVE: no other process maps the page."""
    GUARD = 1 << 58
    FILE = 1 << 61
    SWAPPED = 1 << 62
    PRESENT = 1 << 63


PFN_MASK: Final = (1 << 55) - 1

REGION: Final = np.dtype([("start", "<u8"), ("end", "<u8"), ("categories", "<u8")])
"""struct page_region: consecutive pages with equal categories; addresses in bytes."""

Regions = NDArray[np.void]
"""Structured records of ``REGION``."""

_PAGEMAP_SCAN: Final = 0xC0606610
# struct pm_scan_arg: size flags start end walk_end vec vec_len max_pages, then four masks
_ARGS: Final = struct.Struct("=12Q")
_WALK_END: Final = struct.Struct("=Q")
_WALK_END_AT: Final = 32
_ANY_OF: Final = int(Category.PRESENT | Category.SWAPPED)
_RETURN: Final = int(Category.PRESENT | Category.SWAPPED | Category.HUGE | Category.PFNZERO)
_SPAN: Final = struct.Struct("=2Q")
_SPAN_STEP: Final = REGION.itemsize
_ENTRY_SIZE: Final = 8

_NOTHING: Final = np.frombuffer(b"", dtype=REGION)


def _pages(found: Regions) -> int:
    return int((found["end"] - found["start"]).sum()) // PAGE_SIZE


class Pagemap(MmFile):
    """One open /proc/PID/pagemap.

    The descriptor is bound to the address space the process had when it was
    opened: after exit or exec every call raises NoSuchProcess or finds nothing.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        """Open the pagemap of a process.

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
        """
        super().__init__(pid, "pagemap", root)
        try:
            if not self.lives():
                # Before Linux 6.16 that of a task without an mm can be opened, and holds nothing.
                raise self.lost()
        except BaseException:
            self.close()
            raise
        self._return = _RETURN | int(Category.GUARD)
        self._args = bytearray(_ARGS.size)
        self._grow(2048)

    def _grow(self, vec_len: int) -> None:
        self._room = vec_len
        self._vec = bytearray(vec_len * REGION.itemsize)
        self._vec_at = ctypes.addressof(ctypes.c_char.from_buffer(self._vec))

    def lives(self) -> bool:
        """See ``MmFile``; this file is read by whole entries."""
        try:
            return bool(os.pread(self._fd, _ENTRY_SIZE, 0))
        except OSError as err:
            if err.errno == errno.ESRCH:
                return False
            raise self._failed(err) from err

    @property
    def guard_known(self) -> bool:
        """Whether scans tell guard pages from swapped ones; sure after the first scan."""
        return bool(self._return & Category.GUARD)

    def scan(
        self, start: int, end: int, *, max_pages: int = 0, vec_len: int = 2048
    ) -> tuple[Regions, int]:
        """One PAGEMAP_SCAN: the populated pages of a range.

        Args:
            start: First address, a multiple of the page size.
            end: Address behind the last; rounded up to a page by the kernel.
            max_pages: Stop after so many populated pages; 0 for no limit.
            vec_len: Stop after so many regions.

        Returns:
            The regions that are PRESENT or SWAPPED, ascending, disjoint, dtype
            ``REGION`` (a copy), and the address to go on from: ``end`` once the
            range is done. It is never below the last region's end.

        Raises:
            NoSuchProcess: The address space is gone.
            BackendUnavailable: The kernel is older than 6.7, or the ioctl is refused.
            ValueError: ``start`` is not aligned, or ``vec_len`` not positive.
        """
        if start & (PAGE_SIZE - 1) or vec_len < 1:
            raise ValueError(f"scan from {start:#x} with {vec_len} regions")
        if end <= start:
            return _NOTHING, end
        if vec_len > self._room:
            self._grow(vec_len)
        count = self._ioctl(start, end, vec_len, max_pages)
        if not count:
            return _NOTHING, end
        walk_end: int = _WALK_END.unpack_from(self._args, _WALK_END_AT)[0]
        first, last = _SPAN.unpack_from(self._vec, (count - 1) * _SPAN_STEP)
        full = count >= vec_len
        if max_pages and first == last:
            count -= 1  # a stop at max_pages may leave an empty region behind
        found = np.frombuffer(self._vec[: count * _SPAN_STEP], dtype=REGION)
        if walk_end >= end:
            return found, end
        if not full and (not max_pages or _pages(found) < max_pages):
            # The kernel sets walk_end each time its inner buffer of 512 regions is full
            # and not again when the walk then reaches its end: this one is stale.
            return found, end
        return found, max(walk_end, last)

    def _ioctl(self, start: int, end: int, vec_len: int, max_pages: int) -> int:
        args = self._args
        while True:
            _ARGS.pack_into(
                args,
                0,
                _ARGS.size,
                0,
                start,
                end,
                0,
                self._vec_at,
                vec_len,
                max_pages,
                0,
                0,
                _ANY_OF,
                self._return,
            )
            try:
                return ioctl(self._fd, _PAGEMAP_SCAN, args)
            except OSError as err:
                if err.errno != errno.EINVAL or not self.guard_known:
                    raise self._refused(err, "PAGEMAP_SCAN", "Linux 6.7") from err
            # Linux 6.7 to 6.15 refuse a category they do not know
            self._return = _RETURN

    def read_entries(self, start: int, npages: int) -> NDArray[np.uint64]:
        """The raw entries of consecutive pages.

        Args:
            start: First address.
            npages: How many pages.

        Returns:
            uint64, shape (n,), bits as in ``Entry``; n is below ``npages`` only
            where the address space ends, or once it is gone. PFNs are 0 without CAP_SYS_ADMIN.

        Raises:
            NoSuchProcess, NoMemoryMap: It cannot be read any more.
        """
        entries = np.empty(npages, dtype="<u8")
        room = entries.data.cast("B")
        offset = start // PAGE_SIZE * _ENTRY_SIZE
        done = 0
        try:
            while done < len(room):
                count = os.preadv(self._fd, [room[done:]], offset + done)
                if not count:
                    break
                done += count
        except OSError as err:
            raise self._failed(err) from err
        return entries[: done // _ENTRY_SIZE]

    def read_each(self, addresses: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The raw entries of single pages: for hugetlb, one a huge page tells all.

        Args:
            addresses: Shape (n,).

        Returns:
            uint64, shape (n,); 0 behind the end of the address space, and of the rest once it
            is gone.
        """
        entries = np.zeros(len(addresses), dtype="<u8")
        room = entries.data.cast("B")
        offsets = (addresses // np.uint64(PAGE_SIZE) * np.uint64(_ENTRY_SIZE)).tolist()
        try:
            for i, offset in enumerate(offsets):
                at, end = i * _ENTRY_SIZE, (i + 1) * _ENTRY_SIZE
                while at < end and (count := os.preadv(self._fd, [room[at:end]], offset)):
                    at += count
                    offset += count
        except OSError as err:
            if err.errno != errno.ESRCH:
                raise self._failed(err) from err
        return entries


def attempt(root: Path = PROC) -> bool:
    """Scan a page of this very process.

    Returns:
        Whether scans tell guard pages from swapped ones (Linux 6.16).

    Raises:
        HpviewError, OSError: PAGEMAP_SCAN cannot be used here.
    """
    with Pagemap(own_pid(root), root) as pagemap:
        pagemap.scan(0, PAGE_SIZE)
        return pagemap.guard_known


def supported(root: Path = PROC) -> bool:
    """Whether PAGEMAP_SCAN works here, tried on this very process."""
    try:
        attempt(root)
    except (HpviewError, OSError):
        return False
    return True


def guard_supported(root: Path = PROC) -> bool:
    """Whether PAGEMAP_SCAN knows guard pages (Linux 6.16), tried on this very process."""
    try:
        return attempt(root)
    except (HpviewError, OSError):
        return False


def own_frame(root: Path = PROC) -> int:
    """The frame of a page of this very process.

    Raises:
        BackendUnavailable: pagemap hides frame numbers.
        HpviewError, OSError: It cannot be read.
    """
    with mmap.mmap(-1, PAGE_SIZE) as memory, Pagemap(own_pid(root), root) as pagemap:
        memory[0] = 1
        entries = pagemap.read_entries(address_of(memory), 1)
    if len(entries) and (frame := int(entries[0]) & PFN_MASK):
        return frame
    raise hidden()


def hidden(remedy: str = "run as root") -> BackendUnavailable:
    """What to raise where frame 0 is told for every page: it takes CAP_SYS_ADMIN at open()."""
    return BackendUnavailable(
        "/proc/PID/pagemap", "it hides frame numbers", remedy=f"{remedy} with CAP_SYS_ADMIN"
    )
