"""Which devices shared memory lies on: the kernel's own mount, and every tmpfs."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import TYPE_CHECKING

from hpview.errors import HpviewError
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.mounts import read_mounts

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
        view = ctypes.c_char.from_buffer(area)
        address = ctypes.addressof(view)
        # The view holds the buffer open: close() would fail.
        del view
        try:
            mappings = read_maps(os.getpid(), root)
        except HpviewError:
            return None
    return next((m.dev for m in mappings if m.start <= address < m.end), None)


def tmpfs_devices(mounts: Mapping[int, Mount]) -> frozenset[int]:
    """The devices of the tmpfs among some mounts."""
    return frozenset(dev for dev, mount in mounts.items() if mount.kind == "tmpfs")


def shmem_devices(pid: int, root: Path = PROC) -> frozenset[int]:
    """All devices of shared memory that a process may have mapped."""
    internal = internal_device(root)
    own = frozenset() if internal is None else frozenset({internal})
    return own | tmpfs_devices(read_mounts(pid, root))
