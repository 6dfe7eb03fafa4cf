"""Which devices shared memory lies on: the kernel's own mount, and every tmpfs."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from hpview.errors import HpviewError
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import device_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hpview.kernelfs.mounts import Mount


def internal_device(root: Path = PROC) -> int | None:
    """The device of memfd, SysV and shared anonymous memory, major << 20 | minor.

    They lie on a tmpfs that no process has mounted (mm/shmem.c, shm_mnt); a shared page of
    one's own shows its device. None where one's own maps cannot be read.
    """
    with mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS) as area:
        try:
            return device_of(area, root)
        except HpviewError:
            return None


def internal_devices(root: Path = PROC) -> frozenset[int]:
    """The same as a set of devices, which may be empty."""
    device = internal_device(root)
    return frozenset() if device is None else frozenset({device})


def tmpfs_devices(mounts: Mapping[int, Mount]) -> frozenset[int]:
    """The devices of the tmpfs among some mounts."""
    return frozenset(dev for dev, mount in mounts.items() if mount.kind == "tmpfs")
