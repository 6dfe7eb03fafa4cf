"""Which devices are hugetlb file systems: for kernels whose maps tell no page size."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.hugetlb import read_pools
from hpview.kernelfs.maps import MINOR_BITS, read_maps

if TYPE_CHECKING:
    from pathlib import Path

_MAP_NORESERVE: Final = 0x4000
_MAP_HUGETLB: Final = 0x40000
_MAP_HUGE_SHIFT: Final = 26
_SUFFIX: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def page_sizes(root: Path = PROC, sysfs: Path = SYS) -> dict[int, int]:
    """Page size in bytes by device (major << 20 | minor).

    Each size has a mount internal to the kernel, from which MAP_HUGETLB and
    memfd memory comes (fs/hugetlbfs/inode.c, mount_one_hugetlbfs); a reservation
    of one's own, which takes no page, shows its device. Others are mounted by
    an administrator and stand in mountinfo.
    """
    found = {}
    for pool in read_pools(sysfs):
        dev = _internal_device(pool.page_size, root)
        if dev is not None:
            found[dev] = pool.page_size
    return found | _mounted(root)


def _internal_device(page_size: int, root: Path) -> int | None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_HUGETLB
    flags |= (page_size.bit_length() - 1) << _MAP_HUGE_SHIFT
    try:
        area = mmap.mmap(-1, page_size, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError:
        return None
    with area:
        view = ctypes.c_char.from_buffer(area)
        address = ctypes.addressof(view)
        # The view holds the buffer open: close() would fail.
        del view
        mappings = read_maps(os.getpid(), root)
    return next((m.dev for m in mappings if m.start <= address < m.end), None)


def _mounted(root: Path) -> dict[int, int]:
    """Mounts of type hugetlbfs with their pagesize= option (proc_pid_mountinfo(5))."""
    found: dict[int, int] = {}
    try:
        text = (root / "self" / "mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return found
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ", 2)
        if kind != "hugetlbfs":
            continue
        major, minor = head.split()[2].split(":")
        for option in options.split(","):
            if option.startswith("pagesize="):
                size = option.removeprefix("pagesize=")
                dev = int(major) << MINOR_BITS | int(minor)
                found[dev] = int(size[:-1]) * _SUFFIX[size[-1].upper()]
    return found
