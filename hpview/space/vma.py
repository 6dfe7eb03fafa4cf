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
``flags``: ``wire.VmaFlag`` without CONT, MORE and SINGLE. ``marks``: ``Mark``. ``bytes_*``: bytes.
"""

BYTES: Final = ("bytes_4k", "bytes_2m", "bytes_1g", "bytes_swap")
"""The fields of VMA that are sums, in the order of every vector of four sums."""

_DEV_BIT: Final = np.uint64(32)
_FLAGS_BIT: Final = np.uint64(16)
_HALF: Final = np.uint64(0xFFFF)
_PER_WORD: Final = 8
_WORDS: Final = VMA.itemsize // _PER_WORD
_FIRST_SUM: Final = 7
_WIRE_SUMS: Final = (
    (14, np.uint64(wire.PAGE_SIZE)),
    (12, np.uint64(wire.SLOT_SIZE)),
    (13, np.uint64(wire.SLOT_SIZE)),
    (15, np.uint64(wire.PAGE_SIZE)),
)
"""Of pages_4k, slots_2m, slots_1g and pages_swap: place in a record, in u4, and unit in bytes."""


class Mark(IntFlag):
    """What happened to a VMA while it was read."""

    CHANGED = 1
    """It overlapped another record, was read again, was cut by a newer one, broke off, or
    was another one at its next piece."""
    PARTIAL = 2
    """A piece was not seen (or not yet): the sums and runs are not those of the whole."""


def from_wire(words: NDArray[np.uint64]) -> Records:
    """Make VMA rows of VMA records.

    Args:
        words: The records as ``wire.words``, contiguous, shape (n, 8).

    Returns:
        dtype VMA, shape (n,); ``flags`` still with CONT, MORE and SINGLE, no marks, no
        name; tests/test_space_rows.py compares every field.
    """
    out = np.empty(len(words), dtype=VMA)
    to = out.view(np.uint64).reshape(-1, _WORDS)
    halves = words.view(np.uint32)
    # One column at a time: short rows are what numpy is slow at.
    for place in range(5):
        to[:, place] = words[:, place + 1]
    to[:, 5] = words[:, 0] >> _DEV_BIT
    to[:, 6] = words[:, 0] >> _FLAGS_BIT & _HALF
    for place, (half, unit) in enumerate(_WIRE_SUMS, _FIRST_SUM):
        np.multiply(halves[:, half], unit, out=to[:, place])
    return out


def sums_of(vmas: Records) -> NDArray[np.int64]:
    """The sums of contiguous VMA rows: a view, shape (n, 4), columns as in BYTES."""
    return vmas.view(np.int64).reshape(-1, _WORDS)[:, _FIRST_SUM:]


def set_sums(row: np.void, sums: NDArray[np.int64]) -> None:
    """Set those of one VMA row, which need not be contiguous; shape (4,)."""
    for field, value in zip(BYTES, sums.tolist(), strict=True):
        row[field] = value


def total_bytes(vmas: Records) -> NDArray[np.int64]:
    """The sums over contiguous VMA rows, shape (4,), in the order of BYTES."""
    sums = sums_of(vmas)
    return np.array([sums[:, i].sum() for i in range(len(BYTES))], dtype=np.int64)


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
