"""One row per VMA."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import wire
from hpview.space.columns import subtract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

VMA: Final = np.dtype(
    [
        ("start", "u8"),
        ("end", "u8"),
        ("vm_flags", "u8"),
        ("pgoff", "u8"),
        ("ino", "u8"),
        ("dev", "u4"),
        ("name", "u4"),
        ("flags", "u2"),
        ("marks", "u2"),
        ("bytes_4k", "i8"),
        ("bytes_2m", "i8"),
        ("bytes_1g", "i8"),
        ("bytes_swap", "i8"),
    ],
    align=True,
)
"""A VMA, 88 bytes.

``start``, ``end``: addresses, end exclusive. ``vm_flags``: ``wire.VmFlag`` and more.
``pgoff``: pages. ``dev``: major << 20 | minor. ``name``: for ``AddressSpace.name_of``.
``flags``: ``wire.VmaFlag`` without CONT and MORE. ``marks``: ``Mark``. ``bytes_*``: bytes.
"""

BYTES: Final = ("bytes_4k", "bytes_2m", "bytes_1g", "bytes_swap")
"""The fields of VMA that are sums, in the order of every vector of four sums."""

_PER_WORD: Final = 8
_WORDS: Final = VMA.itemsize // _PER_WORD
_FIRST_SUM: Final = 7
_WIRE_SUMS: Final = np.array([14, 12, 13, 15])
"""Where pages_4k, slots_2m, slots_1g and pages_swap stand in a record, in units of u4."""
_UNITS: Final = np.array(
    [wire.PAGE_SIZE, wire.SLOT_SIZE, wire.SLOT_SIZE, wire.PAGE_SIZE], dtype=np.int64
)


class Mark(IntFlag):
    """What happened to a VMA while it was read."""

    CHANGED = 1
    """It overlapped another record, was read again, was cut by a newer one, or broke off."""
    PARTIAL = 2
    """A piece was not seen (or not yet): the sums and runs are not those of the whole."""


def from_wire(records: Records) -> Records:
    """Make VMA rows of ``wire.VMA`` records.

    start, end, vm_flags, pgoff and ino stand side by side in both layouts and are
    copied at once; tests/test_space_rows.py compares every field.

    Args:
        records: dtype ``wire.VMA``, shape (n,), contiguous.

    Returns:
        dtype VMA, shape (n,); ``flags`` still with CONT and MORE, no marks, no name.
    """
    out = np.zeros(len(records), dtype=VMA)
    words = records.view(np.uint64).reshape(-1, wire.RECORD_SIZE // _PER_WORD)
    out.view(np.uint64).reshape(-1, _WORDS)[:, :5] = words[:, 1:6]
    out["dev"] = records["dev"]
    out["flags"] = records["flags"]
    halves = records.view(np.uint32).reshape(-1, wire.RECORD_SIZE // 4)
    np.multiply(halves[:, _WIRE_SUMS], _UNITS, out=sums_of(out))
    return out


def sums_of(vmas: Records) -> NDArray[np.int64]:
    """The sums of contiguous VMA rows: a view, shape (n, 4), columns as in BYTES."""
    return vmas.view(np.int64).reshape(-1, _WORDS)[:, _FIRST_SUM:]


def total_bytes(vmas: Records) -> NDArray[np.int64]:
    """The sums over contiguous VMA rows, shape (4,), in the order of BYTES."""
    total: NDArray[np.int64] = sums_of(vmas).sum(axis=0)
    return total


def without(
    vmas: Records, hole_starts: NDArray[np.uint64], hole_ends: NDArray[np.uint64]
) -> tuple[Records, NDArray[np.bool_]]:
    """Take holes out of sorted, disjoint VMAs; the offset into a file moves along.

    Args:
        vmas: dtype VMA.
        hole_starts: Sorted, disjoint, shape (m,).
        hole_ends: Their ends, exclusive, shape (m,).

    Returns:
        What is left, a copy, and which of it was cut: there the sums are still those
        of the whole VMA.
    """
    index, lo, hi = subtract(vmas["start"], vmas["end"], hole_starts, hole_ends)
    left = vmas[index]
    cut = (lo != left["start"]) | (hi != left["end"])
    # Without a file pgoff stays 0, as /proc/PID/maps prints it.
    moved = ((lo - left["start"]) // np.uint64(wire.PAGE_SIZE)).astype(np.uint64)
    moved[(left["ino"] == 0) & (left["dev"] == 0)] = 0
    left["pgoff"] += moved
    left["start"], left["end"] = lo, hi
    return left, cut
