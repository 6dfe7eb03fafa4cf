"""Records that cannot be: refused, or cut to what can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import numpy as np

from hpview import wire
from hpview.errors import CorruptStream
from hpview.space import runs as runs_
from hpview.space import vma as vma_
from hpview.wire import RECORD_SIZE, Backing, RunFlag, VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

_SINGLE: Final = np.uint16(VmaFlag.SINGLE)
_PIECES: Final = np.uint16(VmaFlag.CONT | VmaFlag.MORE)
_ESTIMATE: Final = np.uint16(RunFlag.ESTIMATE)
_IS_LEAF: Final = np.isin(np.arange(len(Backing)), runs_.LEAVES)
_LAST_BACKING: Final = np.uint8(max(Backing))
_NEVER_SET: Final = np.uint64((1 << 63) | (wire.PAGE_SIZE - 1))
NOT_THE_SUMS: Final = "the runs of the VMA before it are not what its sums say"
"""Told of the record behind such a VMA: only there it is known that no run follows."""

_IN_SLOT: Final = np.uint64(wire.SLOT_SIZE - 1)
_SLOT_SHIFT: Final = np.uint64(21)
_ONE: Final = np.uint64(1)


class Ranges(NamedTuple):
    """Contiguous copies of addresses, shape (n,): what strided fields are slow at."""

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]

    def text(self, index: int) -> str:
        """One range as maps prints it."""
        return f"{self.start[index]:x}-{self.end[index]:x}"


def check_vmas(
    rows: Records,
    ranges: Ranges,
    flags: NDArray[np.uint16],
    offset: int,
    at: NDArray[np.intp],
) -> None:
    """Refuse VMAs that cannot be.

    Args:
        rows: dtype VMA, one per record, shape (n,).
        ranges: Theirs, shape (n,).
        flags: Their ``VmaFlag``, shape (n,).
        offset: Where the records begin in the stream, bytes.
        at: Where they stand among the records, shape (n,).

    Raises:
        CorruptStream: A range is empty or not of pages; or one that claims to be its own
            run has more than one slot or piece, leaves, or more in it than its size.
    """
    single = (flags & _SINGLE) != 0
    if np.count_nonzero(single):
        size = (ranges.end - ranges.start).astype(np.int64)
        wide = (ranges.start >> _SLOT_SHIFT) != ((ranges.end - _ONE) >> _SLOT_SHIFT)
        cut = (flags & _PIECES) != 0
        leaves = (rows["bytes_2m"] | rows["bytes_1g"]) != 0
        full = rows["bytes_4k"] + rows["bytes_swap"] > size
        wrong = single & (wide | cut | leaves | full)
        if np.count_nonzero(wrong):
            i = int(wrong.argmax())
            corrupt(offset, at[i], f"VMA {ranges.text(i)} cannot be its own run")
    bad = _no_pages(ranges)
    if bad is not None:
        i = int(bad.argmax())
        corrupt(offset, at[i], f"VMA {ranges.text(i)} is no range of pages")


def check_runs(
    runs: Records,
    vmas: Ranges,
    holders: NDArray[np.intp],
    owners: NDArray[np.intp],
    tail: tuple[int, int, int],
    offset: int,
    at: NDArray[np.intp],
) -> None:
    """Refuse runs that cannot be.

    Args:
        runs: dtype RUN, shape (n,), n > 0.
        vmas: Of the VMA records.
        holders: Number of VMA records up to each run, shape (n,); 0 means ``tail``.
        owners: The VMA of each run, pieces joined, -1 for ``tail``, shape (n,).
        tail: Start and end of the newest VMA before these records, and where its last
            run ended.
        offset: Where the records begin in the stream, bytes.
        at: Where the runs stand among the records, shape (n,).

    Raises:
        CorruptStream: A range is empty or not of pages, outside its VMA or out of order,
            of no known backing, or counts more pages than its slots hold.
    """
    ranges = Ranges(runs["start"].copy(), runs["end"].copy())
    start, end = ranges
    tail_start, tail_end, tail_run_end = tail
    lo = np.concatenate((np.array([tail_start], dtype=np.uint64), vmas.start))[holders]
    hi = np.concatenate((np.array([tail_end], dtype=np.uint64), vmas.end))[holders]
    outside = (start < lo) | (end > hi)
    outside[1:] |= (start[1:] < end[:-1]) & (owners[1:] == owners[:-1])
    outside[0] |= owners[0] == -1 and int(start[0]) < tail_run_end
    # A run is of whole slots but where its VMA ends.
    cut = ((start & _IN_SLOT) != 0) & (start != lo) | ((end & _IN_SLOT) != 0) & (end != hi)
    outside |= cut & ((runs["flags"] & _ESTIMATE) == 0)
    backing = runs["backing"].copy()
    crowded = runs_.pages_counted(runs) > runs_.room(start, end)
    if np.count_nonzero(crowded):
        # Where the range is what counts, the page counts are not used.
        for whole in runs_.WHOLE_RANGE:
            crowded &= ~runs_.range_mask(runs, whole)
    no_pages = _no_pages(ranges)
    bad = outside | crowded | (backing > _LAST_BACKING)
    if no_pages is not None:
        bad |= no_pages
    if not np.count_nonzero(bad):
        return
    i = int(bad.argmax())
    if no_pages is not None and no_pages[i]:
        what = "is no range of pages"
    elif outside[i]:
        what = f"is no slots of {lo[i]:x}-{hi[i]:x} or begins before the last run's end"
    elif backing[i] > _LAST_BACKING:
        what = f"has backing {backing[i]}, which is not known"
    else:
        what = "has more pages than its slots"
    corrupt(offset, at[i], f"run {ranges.text(i)} {what}")


def _no_pages(ranges: Ranges) -> NDArray[np.bool_] | None:
    """Which ranges are empty, cut pages or have an end that int64 cannot hold; None: none."""
    start, end = ranges
    bad: NDArray[np.bool_] = (start >= end) | (((start | end) & _NEVER_SET) != 0)
    return bad if np.count_nonzero(bad) else None


def brought(runs: Records, holders: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """What runs bring, as their VMA records count it.

    Both kinds of record are made from the same entries in different ways (bpfprog/slots.h,
    ``stream.fold.sums``): where both are there, one holds the other to account.

    Returns:
        Bytes by holder, shape (count, 4), in the order of ``vma.BYTES``; a leaf that is cut
        counts as a whole slot.
    """
    slots = runs_.slots_of(runs["start"], runs["end"])
    backing = runs["backing"]
    by_field = {
        "bytes_4k": runs_.table_bytes(runs, "present"),
        "bytes_2m": (backing == Backing.PMD_2M) * wire.SLOT_SIZE,
        "bytes_1g": (backing == Backing.PUD_1G) * wire.SLOT_SIZE,
        "bytes_swap": runs["swapped"].astype(np.int64) * wire.PAGE_SIZE,
    }
    out = np.zeros((count, len(vma_.BYTES)), dtype=np.int64)
    for column, field in enumerate(vma_.BYTES):
        of_slot = by_field[field]
        if np.count_nonzero(of_slot):
            out[:, column] = np.bincount(holders, of_slot * slots, count)
    return out


def cut_leaves(runs: Records, holders: NDArray[np.intp], count: int) -> NDArray[np.int64] | None:
    """What VMA records count too much: a leaf that sticks out of its VMA, as a whole slot.

    No kernel maps one so, but backing and range may have been read at two times.

    Returns:
        Bytes by holder, shape (count, 4), in the order of ``vma.BYTES``, or None.
    """
    cut = ((runs["start"] | runs["end"]) & _IN_SLOT) != 0
    cut &= _IS_LEAF[runs["backing"]]
    if not np.count_nonzero(cut):
        return None
    excess = np.zeros((count, len(vma_.BYTES)), dtype=np.int64)
    whole = runs_.slots_of(runs["start"], runs["end"]) * wire.SLOT_SIZE
    over = whole - (runs["end"] - runs["start"]).astype(np.int64)
    # An estimate is laid out from the VMA's start: its slots stand where none can be.
    cut &= (runs["flags"] & _ESTIMATE) == 0
    for field, backing in (("bytes_2m", Backing.PMD_2M), ("bytes_1g", Backing.PUD_1G)):
        leaf = cut & runs_.range_mask(runs, backing)
        np.add.at(excess[:, vma_.BYTES.index(field)], holders[leaf], over[leaf])
    return excess


def corrupt(offset: int, at: np.intp, what: str) -> NoReturn:
    """Raise CorruptStream for the record at an index."""
    raise CorruptStream(offset + int(at) * RECORD_SIZE, what)
