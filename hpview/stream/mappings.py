"""find_vma() over /proc: by query since 6.11, before that over the text of maps."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.maps import MINOR_BITS, read_maps
from hpview.stream.task_vma import Vma
from hpview.wire import PAGE_SIZE, VmFlag

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hpview.kernelfs.procmap_query import MapsQuery

_PAGE_SHIFT: Final = 12
_HUGETLB: Final = int(VmFlag.HUGETLB)

# PROCMAP_QUERY_VMA_{READABLE,WRITABLE,EXECUTABLE,SHARED} to vm_flags; maps prints
# the same four from the same bits, SHARED being VM_MAYSHARE (fs/proc/task_mmu.c).
_VM_FLAGS: Final = tuple(
    flags & 7 | (int(VmFlag.MAYSHARE) if flags & 8 else 0) for flags in range(16)
)


class QueryMappings:
    """PROCMAP_QUERY: one answer is consistent in itself, and always of this moment."""

    def __init__(self, maps: MapsQuery) -> None:
        self._query = maps.query_raw

    def refresh(self) -> None:
        """Nothing is kept."""

    def find_vma(self, address: int) -> Vma | None:
        """See ``procfs_mm.Mappings``."""
        raw = self._query(address)
        if raw is None:
            return None
        start, end, flags, page_size, offset, ino, major, minor = raw
        vm_flags = _VM_FLAGS[flags & 15]
        if page_size > PAGE_SIZE:
            vm_flags |= _HUGETLB
        dev = major << MINOR_BITS | minor
        return Vma(start, end, vm_flags, offset >> _PAGE_SHIFT, dev, ino, page_size)


class TextMappings:
    """The text of maps, read whole each time the lock would be taken.

    Args:
        pid: Process, or thread if ``root`` is a task folder.
        root: /proc, or /proc/TGID/task.
        page_sizes: Page size of a hugetlb file system, by its device.
    """

    def __init__(self, pid: int, root: Path, page_sizes: Mapping[int, int]) -> None:
        self._pid = pid
        self._root = root
        self._page_sizes = page_sizes
        self._vmas: list[Vma] = []
        self._ends: list[int] = []

    def refresh(self) -> None:
        """Read maps.

        Raises:
            NoSuchProcess: The process is gone.
        """
        self._vmas = []
        for m in read_maps(self._pid, self._root):
            page_size = self._page_sizes.get(m.dev, PAGE_SIZE) if m.ino else PAGE_SIZE
            vm_flags = m.vm_flags | (_HUGETLB if page_size > PAGE_SIZE else 0)
            pgoff = m.offset >> _PAGE_SHIFT
            self._vmas.append(Vma(m.start, m.end, vm_flags, pgoff, m.dev, m.ino, page_size))
        self._ends = [v.end for v in self._vmas]

    def find_vma(self, address: int) -> Vma | None:
        """See ``procfs_mm.Mappings``."""
        i = bisect_right(self._ends, address)
        return self._vmas[i] if i < len(self._vmas) else None
