"""Which VMAs may have huge pages by what they map: bpfprog/hugeable.h, from what /proc tells.

Settings, advice and alignment do not matter here: they are why a VMA has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.kernelfs.maps import device
from hpview.kernelfs.mounts import read_mounts, view_of
from hpview.kernelfs.shmem import internal_devices, tmpfs_devices
from hpview.wire import SLOT_SIZE, Records, VmFlag

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_ZERO: Final = Path("/dev/zero")
_HUGETLB: Final = np.uint64(VmFlag.HUGETLB)


@dataclass(frozen=True, slots=True)
class MemoryFiles:
    """Which mapped files are memory.

    Attributes:
        shmem: Devices whose files are shared memory, major << 20 | minor.
        zero: Device and inode of /dev/zero. Mapped shared, it shows the device of shared
            memory instead; mapped private, it is anonymous memory (mmap_zero()).
    """

    shmem: frozenset[int] = frozenset()
    zero: tuple[int, int] | None = None

    def hold(self, devices: NDArray[np.uint32], inodes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether each of some files is one of them, shape (n,)."""
        found: NDArray[np.bool_] = np.isin(devices, np.array([*self.shmem], np.uint32))
        if self.zero is not None:
            device, inode = self.zero
            found |= (devices == device) & (inodes == inode)
        return found


def hugeable(vmas: Records, files: Callable[[], MemoryFiles]) -> NDArray[np.bool_]:
    """Which VMAs may have huge pages by what they map.

    The kernel's own program also rules out VM_IO and VM_MIXEDMAP, which are not told here:
    mappings of a driver without a file.

    Args:
        vmas: VMA records, shape (n,).
        files: Asked only if one of them maps a file and is large enough.

    Returns:
        Shape (n,).
    """
    large = vmas["end"] - vmas["start"] >= SLOT_SIZE
    out: NDArray[np.bool_] = (vmas["ino"] == 0) | ((vmas["vm_flags"] & _HUGETLB) != 0)
    out &= large
    asked = large & ~out
    if asked.any():
        out[asked] = files().hold(vmas["dev"][asked], vmas["ino"][asked])
    return out


class MemoryFilesReader:
    """Tells processes' ``MemoryFiles``; those who see the same mounts are read once.

    Args:
        root: /proc.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._internal: frozenset[int] | None = None
        self._known: dict[tuple[str, str], MemoryFiles] = {}

    def of(self, tid: int, folder: Path) -> MemoryFiles:
        """Those of a process, as they were when somebody was first asked about who sees the same.

        Args:
            tid: One of its threads.
            folder: /proc, or /proc/TGID/task.
        """
        try:
            key = view_of(tid, folder)
        except OSError:
            return self._read(tid, folder)
        if key not in self._known:
            self._known[key] = self._read(tid, folder)
        return self._known[key]

    def _read(self, tid: int, folder: Path) -> MemoryFiles:
        if self._internal is None:
            self._internal = internal_devices(self._root)
        mounted = tmpfs_devices(read_mounts(tid, folder))
        return MemoryFiles(self._internal | mounted, _zero())


def _zero() -> tuple[int, int] | None:
    """One's own; where others have a /dev of their own, it is on a tmpfs."""
    try:
        stat = _ZERO.stat()
    except OSError:
        return None
    return device(stat.st_dev), stat.st_ino
