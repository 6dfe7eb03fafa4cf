"""The reasons there are, in the order in which the kernel would meet them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Reason(IntEnum):
    """Why a slot is not huge. A smaller number takes precedence over a larger one."""

    NONE = 0
    """It is huge."""
    UNREADABLE = 1
    KIND = 2
    EMPTY = 3
    TOO_SMALL = 4
    EDGE = 5
    MISALIGNED = 6
    FILE = 7
    COPIED = 8
    PROCESS_OFF = 9
    NOHUGEPAGE = 10
    SHMEM_OFF = 11
    OFF = 12
    NOT_ADVISED = 13
    CANNOT_TELL = 14
    SWAPPED = 15
    SHARED = 16
    SPARSE = 17
    CACHE = 18
    SPLIT = 19
    FALLBACK = 20
    WAITING = 21

    @property
    def key(self) -> str:
        """The name that exports use, such as ``not_advised``."""
        return self.name.lower()

    @property
    def short(self) -> str:
        """A few words, behind an amount: ``1.2 GiB no MADV_HUGEPAGE``."""
        return SHORT[self]

    @property
    def bit(self) -> int:
        """Its bit in a mask of reasons."""
        return 1 << self


SHORT: Final = {
    Reason.NONE: "huge",
    Reason.UNREADABLE: "could not be read",
    Reason.KIND: "of a kind that never is",
    Reason.EMPTY: "nothing there yet",
    Reason.TOO_SMALL: "in VMAs under 2 MiB",
    Reason.EDGE: "at VMA edges",
    Reason.MISALIGNED: "offset and address do not match",
    Reason.FILE: "file without huge page support",
    Reason.COPIED: "private copies of file pages",
    Reason.PROCESS_OFF: "disabled for the process",
    Reason.NOHUGEPAGE: "MADV_NOHUGEPAGE",
    Reason.SHMEM_OFF: "off for shared memory",
    Reason.OFF: "switched off",
    Reason.NOT_ADVISED: "no MADV_HUGEPAGE",
    Reason.CANNOT_TELL: "cannot tell: advice not known",
    Reason.SWAPPED: "too many pages swapped",
    Reason.SHARED: "too many pages shared",
    Reason.SPARSE: "too sparse",
    Reason.CACHE: "page cache in smaller folios",
    Reason.SPLIT: "was huge, split since",
    Reason.FALLBACK: "no free 2 MB block",
    Reason.WAITING: "eligible, khugepaged has not come",
}

COUNT: Final = len(Reason)
