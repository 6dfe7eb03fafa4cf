"""/proc/PID/smaps: the kernel's own totals per VMA.

Reading it holds the target's mmap_lock for tens of milliseconds to seconds: it is
read only where asked for, never in a default path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hpview.errors import CorruptText
from hpview.kernelfs.files import CUT, PROC, read_mm_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SMAPS: Final = np.dtype(
    [
        ("start", "<u8"),
        ("end", "<u8"),
        ("rss", "<i8"),
        ("anon_huge", "<i8"),
        ("shmem_pmd", "<i8"),
        ("file_pmd", "<i8"),
        ("hugetlb", "<i8"),
        ("swap", "<i8"),
        ("page_size", "<i8"),
        ("eligible", "<i8"),
    ]
)
"""Bytes throughout, but for ``eligible``: THPeligible, 0 or 1, -1 where this kernel does not tell.
``hugetlb`` is shared plus private and is not part of ``rss``."""

_KERNEL_HALF: Final = 1 << 63

_COLUMN_OF: Final = {
    b"Rss": 2,
    b"AnonHugePages": 3,
    b"ShmemPmdMapped": 4,
    b"FilePmdMapped": 5,
    b"Shared_Hugetlb": 6,
    b"Private_Hugetlb": 6,
    b"Swap": 7,
    b"KernelPageSize": 8,
}
_ELIGIBLE: Final = 9


@dataclass(frozen=True, slots=True)
class Smaps:
    """The totals of every VMA of one process, ascending, without [vsyscall].

    Attributes:
        table: dtype ``SMAPS``, shape (n,).
        vm_flags: The two-letter codes of each VMA, such as ``rd wr mr mw me ac hg``.
    """

    table: NDArray[np.void]
    vm_flags: tuple[str, ...]

    @property
    def pmd_mapped(self) -> NDArray[np.int64]:
        """Bytes mapped by PMD leaves per VMA, without hugetlb and the huge zero page."""
        table: Any = self.table
        total: NDArray[np.int64] = table["anon_huge"] + table["shmem_pmd"] + table["file_pmd"]
        return total


def parse_smaps(data: bytes) -> Smaps:
    """The totals of a smaps text.

    Raises:
        CorruptText: It ends within a line.
    """
    if data and not data.endswith(b"\n"):
        raise CorruptText("smaps", CUT)
    rows: list[list[int]] = []
    codes: list[str] = []
    row: list[int] = []
    for line in data.split(b"\n"):
        key, colon, value = line.partition(b":")
        # a header line has its first colon in the device, behind spaces
        if not colon or b" " in key:
            if line:
                low, _, high = line.partition(b" ")[0].partition(b"-")
                row = [int(low, 16), int(high, 16), 0, 0, 0, 0, 0, 0, 0, -1]
                if row[0] < _KERNEL_HALF:
                    rows.append(row)
                    codes.append("")
        elif key == b"VmFlags":
            if row[0] < _KERNEL_HALF:
                codes[-1] = value.decode("ascii").strip()
        elif key == b"THPeligible":
            row[_ELIGIBLE] = int(value)
        elif column := _COLUMN_OF.get(key):
            row[column] += int(value.split()[0]) * 1024
    table = np.array([tuple(row) for row in rows], dtype=SMAPS)
    return Smaps(table, tuple(codes))


def read_smaps(pid: int, root: Path = PROC) -> Smaps:
    """Read the smaps of a process; see the module for what that costs it.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
        CorruptText: It is no text of smaps.
    """
    data = read_mm_file(pid, "smaps", root)
    return parse_smaps(data)
