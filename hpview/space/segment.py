"""The VMA and RUN records between two TASK records: checked, and pieces joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import numpy as np

from hpview import wire
from hpview.errors import CorruptStream
from hpview.space import runs as runs_
from hpview.space import vma as vma_
from hpview.space.vma import Mark
from hpview.wire import RECORD_SIZE, Backing, RunFlag, VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

_MINUS_ONE: Final = np.array([-1], dtype=np.intp)
_CONT: Final = np.uint16(VmaFlag.CONT)
_MORE: Final = np.uint16(VmaFlag.MORE)
_PIECES: Final = _CONT | _MORE
_PARTIAL: Final = np.uint16(Mark.PARTIAL)
_CHANGED: Final = np.uint16(Mark.CHANGED)
_ESTIMATE: Final = np.uint16(RunFlag.ESTIMATE)
_IS_LEAF: Final = np.isin(np.arange(len(Backing)), (Backing.PMD_2M, Backing.PUD_1G))
_LAST_BACKING: Final = np.uint8(max(Backing))
_NONE: Final = np.uint16(0)
_NEVER_SET: Final = np.uint64((1 << 63) | (wire.PAGE_SIZE - 1))
_IN_SLOT: Final = np.uint64(wire.SLOT_SIZE - 1)


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest VMA: what the next records may belong to.

    Attributes:
        start: Its first address.
        end: Its end, exclusive.
        more: Its last record carried MORE: another piece is due.
        headless: Its first pieces were not seen.
        run_end: Where its last run ended; ``start`` without one.
    """

    start: int
    end: int
    more: bool
    headless: bool
    run_end: int


_NO_TAIL: Final = Tail(0, 0, more=False, headless=False, run_end=0)


class _Ranges(NamedTuple):
    """Contiguous copies of addresses, shape (n,): what strided fields are slow at."""

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]

    def text(self, index: int) -> str:
        return f"{self.start[index]:x}-{self.end[index]:x}"


@dataclass(frozen=True, slots=True)
class Segment:
    """Checked records, ready to be merged.

    Attributes:
        awaits: The tail before still awaits a piece.
        pieces: Whether some of the records were pieces of the tail before.
        piece_bytes: What they add to its sums, shape (4,), in the order of ``vma.BYTES``.
        piece_flags: Their ``VmaFlag``, without CONT and MORE.
        piece_runs: Runs of the tail before, dtype RUN, ascending.
        vmas: The other VMAs, pieces joined, dtype VMA, in stream order.
        runs: Their runs, dtype RUN, in stream order.
        owners: For each of ``runs`` the index in ``vmas``, ascending.
        tail: The tail afterwards.
    """

    awaits: bool
    pieces: bool
    piece_bytes: NDArray[np.int64]
    piece_flags: int
    piece_runs: Records
    vmas: Records
    runs: Records
    owners: NDArray[np.intp]
    tail: Tail | None


def parse(records: Records, is_vma: NDArray[np.bool_], offset: int, tail: Tail | None) -> Segment:
    """Check records and join the pieces of each VMA.

    Args:
        records: dtype ``wire.RECORD``, shape (n,), n > 0, VMA and RUN records only.
        is_vma: Which of them are VMA records, shape (n,).
        offset: Where they begin in the stream, bytes.
        tail: The newest VMA of the records before, since the last TASK.

    Raises:
        CorruptStream: A range is empty, not of whole pages or beyond any user address,
            a run is outside its VMA, out of order, of no known backing, or counts more
            pages than its slots hold.
    """
    vma_at, run_at = np.flatnonzero(is_vma), np.flatnonzero(~is_vma)
    rows = vma_.from_wire(records.take(vma_at).view(wire.VMA))
    runs = runs_.from_wire(records.take(run_at).view(wire.RUN))
    ranges = _Ranges(rows["start"].copy(), rows["end"].copy())
    _check_vmas(ranges, offset, vma_at)

    flags = rows["flags"].copy()
    pieces = bool(np.count_nonzero(flags & _PIECES))
    known = tail or _NO_TAIL
    first = _begins(ranges, flags, known) if pieces else np.ones(len(rows), dtype=np.bool_)
    # The VMA records before each run: 0 for a run of the tail.
    holders = run_at - np.arange(len(run_at))
    owners = holders - 1
    if pieces:
        owners = np.concatenate((_MINUS_ONE, np.cumsum(first) - 1))[holders]
    led_runs = int(np.searchsorted(owners, 0))
    piece_bytes = np.zeros(len(vma_.BYTES), dtype=np.int64)
    if len(runs):
        if tail is None and not is_vma[0]:
            raise CorruptStream(offset, "a run before any VMA")
        _check_runs(runs, ranges, holders, owners, known, offset, run_at)
        excess = _cut_leaves(runs, holders, len(rows) + 1)
        if excess is not None:
            vma_.sums_of(rows)[:] -= excess[1:]
            piece_bytes -= excess[0]

    led, piece_flags, awaits = 0, 0, known.more
    more = bool(len(flags) and flags[-1] & _MORE)
    if pieces:
        heads = np.flatnonzero(first)
        led = int(heads[0]) if len(heads) else len(rows)
        if led:
            awaits = bool(flags[led - 1] & _MORE)
            piece_bytes += vma_.total_bytes(rows[:led])
            piece_flags = int(np.bitwise_or.reduce(flags[:led]) & ~_PIECES)
        rows = _joined(rows, flags, heads)
    return Segment(
        awaits=awaits,
        pieces=led > 0,
        piece_bytes=piece_bytes,
        piece_flags=piece_flags,
        piece_runs=runs[:led_runs],
        vmas=rows,
        runs=runs[led_runs:],
        owners=owners[led_runs:],
        tail=_new_tail(tail, rows, runs, owners, more=more if len(flags) else known.more),
    )


def _begins(ranges: _Ranges, flags: NDArray[np.uint16], tail: Tail) -> NDArray[np.bool_]:
    """Which VMA records begin a VMA rather than continue the record before, shape (n,)."""
    start, end = ranges
    same = np.empty(len(flags), dtype=np.bool_)
    same[0] = tail.more and (tail.start, tail.end) == (int(start[0]), int(end[0]))
    same[1:] = ((flags[:-1] & _MORE) != 0) & (start[1:] == start[:-1]) & (end[1:] == end[:-1])
    continues: NDArray[np.bool_] = same & ((flags & _CONT) != 0)
    return ~continues


def _joined(rows: Records, flags: NDArray[np.uint16], heads: NDArray[np.intp]) -> Records:
    """Add up the pieces of each VMA and mark what is missing.

    Args:
        rows: dtype VMA, one per record, shape (n,).
        flags: Their ``VmaFlag``, shape (n,).
        heads: The rows that begin a VMA, shape (m,).
    """
    out = rows.take(heads)
    if not len(heads):
        return out
    vma_.sums_of(out)[:] = np.add.reduceat(vma_.sums_of(rows), heads, axis=0)
    out["flags"] = np.bitwise_or.reduceat(flags, heads) & ~_PIECES
    open_ = (flags[np.append(heads[1:], len(rows)) - 1] & _MORE) != 0
    marks = np.where(open_, _PARTIAL, _NONE)
    marks[:-1][open_[:-1]] |= _CHANGED
    marks[(flags[heads] & _CONT) != 0] |= _PARTIAL | _CHANGED
    out["marks"] = marks
    return out


def _check_vmas(ranges: _Ranges, offset: int, at: NDArray[np.intp]) -> None:
    bad = _no_pages(ranges)
    if bad is not None:
        i = int(bad.argmax())
        _corrupt(offset, at[i], f"VMA {ranges.text(i)} is no range of pages")


def _check_runs(
    runs: Records,
    vmas: _Ranges,
    holders: NDArray[np.intp],
    owners: NDArray[np.intp],
    tail: Tail,
    offset: int,
    at: NDArray[np.intp],
) -> None:
    """Refuse runs that cannot be.

    Args:
        runs: dtype RUN, shape (n,), n > 0.
        vmas: Of the VMA records.
        holders: Number of VMA records before each run, shape (n,); 0 means ``tail``.
        owners: The VMA of each run, pieces joined, -1 for ``tail``, shape (n,).
        tail: The newest VMA before these records.
        offset: As in ``parse``.
        at: Where the runs stand among the records, shape (n,).
    """
    ranges = _Ranges(runs["start"].copy(), runs["end"].copy())
    start, end = ranges
    lo = np.concatenate((np.array([tail.start], dtype=np.uint64), vmas.start))[holders]
    hi = np.concatenate((np.array([tail.end], dtype=np.uint64), vmas.end))[holders]
    outside = (start < lo) | (end > hi)
    outside[1:] |= (start[1:] < end[:-1]) & (owners[1:] == owners[:-1])
    outside[0] |= owners[0] == -1 and int(start[0]) < tail.run_end
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
        what = f"is not inside {lo[i]:x}-{hi[i]:x} or begins before the last run's end"
    elif backing[i] > _LAST_BACKING:
        what = f"has backing {backing[i]}, which is not known"
    else:
        what = "has more pages than its slots"
    _corrupt(offset, at[i], f"run {ranges.text(i)} {what}")


def _no_pages(ranges: _Ranges) -> NDArray[np.bool_] | None:
    """Which ranges are empty, cut pages or have an end that int64 cannot hold; None: none."""
    start, end = ranges
    bad: NDArray[np.bool_] = (start >= end) | (((start | end) & _NEVER_SET) != 0)
    return bad if np.count_nonzero(bad) else None


def _cut_leaves(runs: Records, holders: NDArray[np.intp], count: int) -> NDArray[np.int64] | None:
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


def _new_tail(
    tail: Tail | None, rows: Records, runs: Records, owners: NDArray[np.intp], *, more: bool
) -> Tail | None:
    run_end = int(runs["end"][-1]) if len(runs) and owners[-1] == len(rows) - 1 else None
    if len(rows):
        row = rows[-1]
        start = int(row["start"])
        # Of the last VMA, nothing but missing pieces at its head is known to be wrong yet.
        headless = bool(row["marks"] & _CHANGED)
        return Tail(start, int(row["end"]), more, headless, run_end or start)
    if tail is None:
        return None
    return replace(tail, more=more, run_end=run_end or tail.run_end)


def _corrupt(offset: int, at: np.intp, what: str) -> NoReturn:
    raise CorruptStream(offset + int(at) * RECORD_SIZE, what)
