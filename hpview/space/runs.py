"""One row per run: consecutive 2 MiB slots of a VMA with equal backing, fill and flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.columns import numbers_in, subtract
from hpview.wire import PAGE_SIZE, SLOT_PAGES, Backing, RunFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

RUN: Final = np.dtype(
    [
        ("start", "u8"),
        ("end", "u8"),
        ("present", "u2"),
        ("swapped", "u2"),
        ("zero", "u2"),
        ("guard", "u2"),
        ("flags", "u2"),
        ("backing", "u1"),
    ],
    align=True,
)
"""A run, 32 bytes.

``start``, ``end``: addresses cut to the VMA, end exclusive. ``present``, ``swapped``,
``zero``, ``guard``: 4 KiB pages in each slot that the run touches, cut slots included.
``flags``: ``wire.RunFlag``. ``backing``: ``wire.Backing``.
"""

WHOLE_RANGE: Final = (Backing.PMD_2M, Backing.PUD_1G, Backing.ZERO, Backing.UNKNOWN)
"""Backings of which ``range_mask`` may say that the range is what counts."""

COUNTS: Final = ("present", "swapped", "zero", "guard")
_FLAGS_BIT: Final = np.uint64(16)
_BACKING_BIT: Final = np.uint64(32)
_BYTE: Final = np.uint64(0xFF)
_HALF: Final = np.uint64(0xFFFF)
_HALF_BITS: Final = np.uint64(16)
_WORD: Final = np.uint64(0xFFFFFFFF)
_WORD_BITS: Final = np.uint64(32)
_IS_4K: Final = np.uint64(Backing.PTE_4K << 16)
_IS_SWAP: Final = np.uint64(Backing.SWAP << 16)
_SLOT_SHIFT: Final = np.uint64(21)
_PAGE_SHIFT: Final = np.uint64(12)
_SLOT_PAGE: Final = np.uint64(SLOT_PAGES - 1)
_ONE: Final = np.uint64(1)
LEAVES: Final = (Backing.PMD_2M, Backing.PUD_1G)
"""What maps a slot, or more, by one entry."""

_PMD_ZERO: Final = np.uint16(RunFlag.PMD_ZERO)
_FROM_TABLE: Final = np.isin(np.arange(len(Backing)), (Backing.PTE_4K, Backing.SWAP, Backing.ZERO))
"""By Backing: whether the bytes are those of the counts (and not those of the range)."""


def from_wire(words: NDArray[np.uint64], single: NDArray[np.bool_] | None = None) -> Records:
    """Make RUN rows of records.

    Args:
        words: RUN records, or VMA records with the flag SINGLE, as ``wire.words``,
            shape (n, 8).
        single: Which of them are VMA records, shape (n,); None means none.

    Returns:
        dtype RUN, shape (n,); tests/test_space_rows.py compares every field.
    """
    out = np.empty(len(words), dtype=RUN)
    to = out.view(np.uint64).reshape(-1, RUN.itemsize // 8)
    to[:, 0], to[:, 1] = words[:, 1], words[:, 2]
    counts, kind = words[:, 3], words[:, 0]
    flags = (kind >> _FLAGS_BIT & _HALF) | (kind >> _BACKING_BIT & _BYTE) << _HALF_BITS
    if single is not None and single.any():
        pages = words[:, 7]
        present = np.minimum(pages & _WORD, _HALF)
        swapped = np.minimum(pages >> _WORD_BITS, _HALF)
        counts = np.where(single, present | swapped << _HALF_BITS, counts)
        flags = np.where(single, np.where(present > 0, _IS_4K, _IS_SWAP), flags)
    to[:, 2], to[:, 3] = counts, flags
    return out


def slots_of(start: NDArray[np.uint64], end: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many 2 MiB slots the ranges touch, cut ones included; ranges are not empty."""
    slots: NDArray[np.uint64] = ((end - _ONE) >> _SLOT_SHIFT) - (start >> _SLOT_SHIFT) + _ONE
    return slots.astype(np.int64)


def every_slot(start: NDArray[np.uint64], end: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The addresses of all slots that ranges touch, one range after the other."""
    first = (start >> _SLOT_SHIFT).astype(np.int64)
    numbers: NDArray[np.uint64] = numbers_in(first, slots_of(start, end)).astype(np.uint64)
    return numbers << _SLOT_SHIFT


def room(start: NDArray[np.uint64], end: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The pages that every slot of a range has at least: those of its smallest slot.

    More pages than that per slot cannot be: the range would hold more than its size.
    """
    first, last = start >> _PAGE_SHIFT, end >> _PAGE_SHIFT
    head = np.uint64(SLOT_PAGES) - (first & _SLOT_PAGE)
    tail = ((last - _ONE) & _SLOT_PAGE) + _ONE
    smallest: NDArray[np.uint64] = np.minimum(np.minimum(head, tail), last - first)
    return smallest


def pages_counted(runs: Records) -> NDArray[np.uint64]:
    """The sum of the four counts, per slot."""
    out: NDArray[np.uint64] = runs["present"].astype(np.uint64)
    for field in COUNTS[1:]:
        out += runs[field]
    return out


def table_bytes(runs: Records, count: str) -> NDArray[np.int64]:
    """Bytes per slot touched that PTE tables map, shape (n,).

    Args:
        runs: dtype RUN.
        count: ``present``, ``swapped`` or ``zero``. Leaves, unread slots and slots that
            hold guard markers only have none; nor has the huge zero page, whose bytes
            ``range_mask`` tells.
    """
    counted = _FROM_TABLE[runs["backing"]]
    if count == "zero":
        counted &= (runs["flags"] & _PMD_ZERO) == 0
    return np.where(counted, runs[count].astype(np.int64) * PAGE_SIZE, 0)


def range_mask(runs: Records, backing: Backing) -> NDArray[np.bool_]:
    """Which runs hold their whole range as ``backing``: 2M, 1G, UNKNOWN, or ZERO by a PMD."""
    held: NDArray[np.bool_] = runs["backing"] == backing
    if backing is Backing.ZERO:
        held &= (runs["flags"] & _PMD_ZERO) != 0
    return held


def bytes_by_backing(runs: Records) -> NDArray[np.int64]:
    """Sum up runs.

    Returns:
        Bytes, shape (7,), indexed by Backing. PTE_4K is present pages of PTE tables,
        SWAP swapped pages wherever they are, ZERO what maps the zero page; PMD_2M,
        PUD_1G and UNKNOWN are lengths of ranges, so a cut leaf counts what is left
        of it. NONE is 0.
    """
    out = np.zeros(len(Backing), dtype=np.int64)
    slots = slots_of(runs["start"], runs["end"])
    lengths = (runs["end"] - runs["start"]).astype(np.int64)
    for backing, count in (
        (Backing.PTE_4K, "present"),
        (Backing.SWAP, "swapped"),
        (Backing.ZERO, "zero"),
    ):
        out[backing] = (table_bytes(runs, count) * slots).sum()
    for backing in WHOLE_RANGE:
        out[backing] += lengths[range_mask(runs, backing)].sum()
    return out


def vma_bytes(runs: Records) -> NDArray[np.int64]:
    """The sums of runs as a VMA has them, shape (4,), in the order of ``vma.BYTES``."""
    order = [Backing.PTE_4K, Backing.PMD_2M, Backing.PUD_1G, Backing.SWAP]
    return bytes_by_backing(runs)[order]


def trim(runs: Records, lo: int, hi: int) -> Records:
    """Cut sorted, disjoint runs to ``[lo, hi)``; see ``without`` for cut slots."""
    return without(
        runs,
        np.array([0, max(lo, hi)], dtype=np.uint64),
        np.array([lo, 2**64 - 1], dtype=np.uint64),
    )


def without(
    runs: Records, hole_starts: NDArray[np.uint64], hole_ends: NDArray[np.uint64]
) -> Records:
    """Take holes out of sorted, disjoint runs.

    Which pages of a cut slot were in the hole is not known. Its counts are clamped to
    the pages left, present pages first, so no slot ever counts more than its size; a
    run is split where only its cut slot is concerned.

    Args:
        runs: dtype RUN.
        hole_starts: Sorted, disjoint, shape (m,).
        hole_ends: Their ends, exclusive, shape (m,).

    Returns:
        dtype RUN, sorted, disjoint, a copy.
    """
    index, lo, hi = subtract(runs["start"], runs["end"], hole_starts, hole_ends)
    out = runs[index]
    cut = (lo != out["start"]) | (hi != out["end"])
    out["start"], out["end"] = lo, hi
    crowded = cut & (pages_counted(out) > room(lo, hi))
    if not crowded.any():
        return out
    parts = np.concatenate((out[~crowded], *_clamped(out[crowded])))
    return parts[np.argsort(parts["start"], kind="stable")]


def _clamped(runs: Records) -> list[Records]:
    """Split runs into first slot, inner slots and last slot, and clamp each."""
    start, end = runs["start"].copy(), runs["end"].copy()
    inner = np.minimum(((start >> _SLOT_SHIFT) + _ONE) << _SLOT_SHIFT, end)
    last = np.maximum(((end - _ONE) >> _SLOT_SHIFT) << _SLOT_SHIFT, inner)
    parts = []
    for lo, hi in ((start, inner), (inner, last), (last, end)):
        some = lo < hi
        part = runs[some]
        part["start"], part["end"] = lo[some], hi[some]
        left = np.minimum((part["end"] - part["start"]) >> _PAGE_SHIFT, np.uint64(SLOT_PAGES))
        for field in COUNTS:
            part[field] = np.minimum(part[field], left)
            left -= part[field]
        parts.append(part)
    return parts
