"""Hugetlb file systems: where they are mounted, and which devices they are."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.hugetlb import read_pools
from hpview.kernelfs.maps import device_of
from hpview.kernelfs.mounts import own_mounts

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
        return device_of(area, root)


def _mounted(root: Path) -> dict[int, int]:
    return {mount.dev: mount.page_size for mount in read_hugetlb_mounts(root) if mount.page_size}


class HugetlbMount(NamedTuple):
    """A hugetlb file system of the reader's mount namespace.

    Attributes:
        path: Where it is mounted; untrusted.
        dev: major << 20 | minor.
        page_size: Bytes, of pagesize=; 0 where the mount does not tell.
        limit: Bytes that its files may take (size=); None without a limit.
        least: Bytes reserved for it (min_size=); None where there are none.
    """

    path: str
    dev: int
    page_size: int
    limit: int | None
    least: int | None


def read_hugetlb_mounts(root: Path = PROC) -> tuple[HugetlbMount, ...]:
    """The mounts of type hugetlbfs; a file system that is mounted twice counts once.

    Options are printed by fs/hugetlbfs/inode.c, hugetlbfs_show_options: size= and min_size= in
    bytes, pagesize= with a letter.
    """
    return tuple(
        HugetlbMount(
            path=mount.path,
            dev=mount.dev,
            page_size=_bytes(mount.option("pagesize")) or 0,
            limit=_bytes(mount.option("size")),
            least=_bytes(mount.option("min_size")),
        )
        for mount in own_mounts(root).values()
        if mount.kind == "hugetlbfs"
    )


def _bytes(word: str | None) -> int | None:
    """A size with or without a letter (K, M, G)."""
    if not word:
        return None
    scale = _SUFFIX.get(word[-1].upper())
    return int(word[:-1]) * scale if scale else int(word)
