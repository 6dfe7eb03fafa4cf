"""The 64-byte records of bpfprog/wire.h as numpy dtypes.

A chunk is what one ``read()`` of a stream returned: a whole number of records in
stream order. One ``frombuffer`` decodes it; the views by kind share its memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hpview.errors import CorruptStream

VERSION: Final = 1
RECORD_SIZE: Final = 64
PAGE_SIZE: Final = 4096
SLOT_SIZE: Final = 1 << 21
SLOT_PAGES: Final = SLOT_SIZE // PAGE_SIZE
PUD_SIZE: Final = 1 << 30


class Kind(IntEnum):
    """What a record describes (``enum hpv_kind``)."""

    TASK = 1
    VMA = 2
    RUN = 3
    END = 4
    ROLLUP = 5


class Source(IntEnum):
    """Where backing was read from (``enum hpv_source``)."""

    NONE = 0
    BPF = 1
    PAGEMAP_SCAN = 2
    PAGEMAP_KPAGEFLAGS = 3
    SMAPS = 4

    @property
    def label(self) -> str:
        """The name shown beside numbers, as in the design's table of sources."""
        return _SOURCE_LABELS[self]


_SOURCE_LABELS: Final = {
    Source.NONE: "unavailable",
    Source.BPF: "bpf",
    Source.PAGEMAP_SCAN: "pagemap_scan",
    Source.PAGEMAP_KPAGEFLAGS: "pagemap+kpageflags",
    Source.SMAPS: "smaps",
}


class Backing(IntEnum):
    """How a slot is mapped (``enum hpv_backing``)."""

    NONE = 0
    PTE_4K = 1
    PMD_2M = 2
    PUD_1G = 3
    SWAP = 4
    ZERO = 5
    UNKNOWN = 6

    @property
    def label(self) -> str:
        """``none``, ``4k``, ``2M``, ``1G``, ``swap``, ``zero`` or ``unknown``."""
        return _BACKING_LABELS[self]


_BACKING_LABELS: Final = {
    Backing.NONE: "none",
    Backing.PTE_4K: "4k",
    Backing.PMD_2M: "2M",
    Backing.PUD_1G: "1G",
    Backing.SWAP: "swap",
    Backing.ZERO: "zero",
    Backing.UNKNOWN: "unknown",
}


class MmFlag(IntFlag):
    """``HPV_MM_*``: what prctl(PR_SET_THP_DISABLE) left in an address space."""

    KNOWN = 0x0001
    """Without it a bit that is not set says nothing."""
    THP_DISABLED = 0x0002
    """No huge pages at all, hugetlb aside."""
    THP_EXCEPT_ADVISED = 0x0004
    """None but where MADV_HUGEPAGE was given (6.18)."""


class VmaFlag(IntFlag):
    """``HPV_VMA_*``."""

    CONT = 0x0001
    MORE = 0x0002
    SKIPPED = 0x0004
    READ_ERROR = 0x0008
    ESTIMATE = 0x0010
    SINGLE = 0x0020
    """The VMA's only run would repeat what its sums say, and was not written."""


class RunFlag(IntFlag):
    """``HPV_RUN_*``."""

    PMD_ZERO = 0x0001
    MIGRATING = 0x0002
    ESTIMATE = 0x0004


class RollupFlag(IntFlag):
    """``HPV_ROLLUP_*``."""

    PARTIAL = 0x0001
    READ_ERROR = 0x0002
    ESTIMATE = 0x0004
    GAP = 0x0008
    """``bytes_gap`` and ``bytes_hugetlb`` were counted; older recordings hold none."""


class Status(IntEnum):
    """Why a stream ended (``enum hpv_status``)."""

    COMPLETE = 0
    VANISHED = 1
    PERMISSION = 2
    IO = 3

    @property
    def label(self) -> str:
        """What is told of it after the last record."""
        return _STATUS_LABELS[self]


_STATUS_LABELS: Final = {
    Status.COMPLETE: "complete",
    Status.VANISHED: "exited while reading",
    Status.PERMISSION: "may not be read",
    Status.IO: "cut short by a read error",
}


class VmFlag(IntFlag):
    """The bits of ``vm_flags`` that hpview uses (include/linux/mm.h, x86-64)."""

    READ = 0x1
    WRITE = 0x2
    EXEC = 0x4
    SHARED = 0x8
    MAYSHARE = 0x80
    GROWSDOWN = 0x100
    UFFD_MISSING = 0x200
    PFNMAP = 0x400
    LOCKED = 0x2000
    IO = 0x4000
    DONTEXPAND = 0x40000
    ACCOUNT = 0x100000
    HUGETLB = 0x400000
    MIXEDMAP = 0x10000000
    HUGEPAGE = 0x20000000
    NOHUGEPAGE = 0x40000000


RECORD: Final = np.dtype([("kind", "u1"), ("version", "u1"), ("flags", "<u2"), ("body", "V60")])
TASK: Final = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("source", "<u2"),
        ("tgid", "<u4"),
        ("tid", "<u4"),
        ("pad", "<u4"),
        ("mm", "<u8"),
        ("start_time", "<u8"),
        ("comm", "S16"),
        ("mm_flags", "<u8"),
        ("reserved", "<u8"),
    ]
)
VMA: Final = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("flags", "<u2"),
        ("dev", "<u4"),
        ("start", "<u8"),
        ("end", "<u8"),
        ("vm_flags", "<u8"),
        ("pgoff", "<u8"),
        ("ino", "<u8"),
        ("slots_2m", "<u4"),
        ("slots_1g", "<u4"),
        ("pages_4k", "<u4"),
        ("pages_swap", "<u4"),
    ]
)
RUN: Final = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("flags", "<u2"),
        ("backing", "u1"),
        ("pad1", "u1", (3,)),
        ("start", "<u8"),
        ("end", "<u8"),
        ("present", "<u2"),
        ("swapped", "<u2"),
        ("zero", "<u2"),
        ("guard", "<u2"),
        ("err", "<u4"),
        ("pad2", "<u4"),
        ("reserved", "<u8", (3,)),
    ]
)
ROLLUP: Final = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("flags", "<u2"),
        ("vmas", "<u4"),
        ("size", "<u8"),
        ("bytes_4k", "<u8"),
        ("bytes_2m", "<u8"),
        ("bytes_1g", "<u8"),
        ("bytes_swap", "<u8"),
        ("bytes_gap", "<u8"),
        ("bytes_hugetlb", "<u8"),
    ]
)
END: Final = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("status", "<u2"),
        ("err", "<u4"),
        ("tasks", "<u8"),
        ("vmas", "<u8"),
        ("runs", "<u8"),
        ("read_errors", "<u8"),
        ("reserved", "<u8", (3,)),
    ]
)

Records = NDArray[np.void]
"""Structured records of one of the dtypes above."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One decoded chunk.

    Attributes:
        records: All records, dtype ``RECORD``, in stream order.
        kinds: ``records["kind"]``, dtype uint8, shape (n,).
    """

    records: Records
    kinds: NDArray[np.uint8]

    def positions(self, kind: Kind) -> NDArray[np.intp]:
        """Indexes of the records of one kind, ascending."""
        return np.flatnonzero(self.kinds == kind)

    def of(self, kind: Kind) -> Records:
        """The records of one kind as their own dtype, in stream order (a copy)."""
        selected: Records = self.records[self.kinds == kind].view(DTYPES[kind])
        return selected


DTYPES: Final[dict[Kind, np.dtype[Any]]] = {
    Kind.TASK: TASK,
    Kind.VMA: VMA,
    Kind.RUN: RUN,
    Kind.END: END,
    Kind.ROLLUP: ROLLUP,
}


def decode(data: bytes | bytearray | memoryview, *, offset: int = 0) -> Chunk:
    """Decode whole records.

    Args:
        data: A multiple of 64 bytes.
        offset: Where ``data`` stands in its stream, for error messages only.

    Raises:
        CorruptStream: A record is cut, of an unknown kind or of another version;
            the message names the byte.
    """
    if len(data) % RECORD_SIZE:
        whole = len(data) // RECORD_SIZE * RECORD_SIZE
        raise CorruptStream(offset + whole, f"record cut after {len(data) - whole} of 64 bytes")
    records = np.frombuffer(data, dtype=RECORD)
    kinds = records["kind"]
    bad = (kinds < Kind.TASK) | (kinds > Kind.ROLLUP) | (records["version"] != VERSION)
    if bad.any():
        i = int(bad.argmax())
        raise CorruptStream(
            offset + i * RECORD_SIZE,
            f"kind {int(kinds[i])}, version {int(records['version'][i])}: not a record of hpview",
        )
    return Chunk(records, kinds)


def words(records: Records) -> NDArray[np.uint64]:
    """Records of any kind as eight words each: a view, shape (n, 8)."""
    return records.view(np.uint64).reshape(-1, RECORD_SIZE // 8)


def blank(kind: Kind, count: int) -> Records:
    """Records of one kind, zeroed, with kind and version filled in."""
    out = np.zeros(count, dtype=DTYPES[kind])
    out["kind"] = kind
    out["version"] = VERSION
    return out
