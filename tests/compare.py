"""Records of the two streams made comparable: what only one can know is masked by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hpview import wire
from hpview.wire import Kind, MmFlag, VmaFlag, VmFlag

if TYPE_CHECKING:
    from hpview.stream.base import Stream

KNOWN_TO_BOTH = int(VmFlag.READ | VmFlag.WRITE | VmFlag.EXEC | VmFlag.MAYSHARE | VmFlag.HUGETLB)
"""maps and PROCMAP_QUERY tell no other vm_flags."""


def comparable(data: bytes) -> list[tuple[Any, ...]]:
    """Records as tuples, in order, with these fields masked.

    TASK.source, TASK.mm: each stream has its own.
    TASK.mm_flags: but for THP_DISABLED, all that /proc/PID/status tells.
    VMA.vm_flags: beyond what maps prints; VMA.flags SKIPPED: VM_PFNMAP is among the hidden.
    """
    chunk = wire.decode(data)
    out: list[tuple[Any, ...]] = [()] * len(chunk.kinds)
    for kind in Kind:
        records = chunk.of(kind).copy()
        match kind:
            case Kind.TASK:
                records["source"] = 0
                records["mm"] = 0
                records["mm_flags"] &= np.uint64(MmFlag.THP_DISABLED)
            case Kind.VMA:
                records["vm_flags"] &= np.uint64(KNOWN_TO_BOTH)
                records["flags"] &= np.uint16(0xFFFF & ~VmaFlag.SKIPPED)
        for position, record in zip(chunk.positions(kind), records.tolist(), strict=True):
            out[position] = (kind.name, *(_plain(field) for field in record))
    return out


def _plain(field: object) -> object:
    return tuple(field.tolist()) if isinstance(field, np.ndarray) else field


def read(stream: Stream, size: int = 32768) -> bytes | None:
    """One read(): bytes, or None for EAGAIN."""
    try:
        return stream.read(size)
    except BlockingIOError:
        return None


def drain(stream: Stream, size: int = 32768) -> bytes:
    """All bytes to the end."""
    parts = []
    while (data := read(stream, size)) != b"":
        parts.append(data or b"")
    return b"".join(parts)
