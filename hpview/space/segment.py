"""The VMA and RUN records between two TASK records: checked, and pieces joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import wire
from hpview.errors import CorruptStream
from hpview.space import runs as runs_
from hpview.space import vma as vma_
from hpview.space.checks import (
    NOT_THE_SUMS,
    Ranges,
    brought,
    check_runs,
    check_vmas,
    corrupt,
    cut_leaves,
)
from hpview.space.vma import Mark
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

_FALSE: Final = np.array([False])
_MINUS_ONE: Final = np.array([-1], dtype=np.intp)
_CONT: Final = np.uint16(VmaFlag.CONT)
_MORE: Final = np.uint16(VmaFlag.MORE)
_SINGLE: Final = np.uint16(VmaFlag.SINGLE)
_PIECES: Final = _CONT | _MORE
_OF_RECORDS: Final = _PIECES | _SINGLE
_CONT_BIT: Final = np.uint64(VmaFlag.CONT << 16)
_DEV_BIT: Final = np.uint64(32)
_START: Final = 1
_SHAPE: Final = [0, 2, 3, 4, 5]
"""dev, end, vm_flags, pgoff and ino among the words of a VMA record, dev shifted down."""
_PARTIAL: Final = np.uint16(Mark.PARTIAL)
_CHANGED: Final = np.uint16(Mark.CHANGED)
_NONE: Final = np.uint16(0)


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest VMA: what the next records may belong to.

    Attributes:
        start: Its first address.
        end: Its end, exclusive.
        more: Its last record carried MORE: another piece is due.
        headless: Its first pieces were not seen.
        run_end: Where its last run ended; ``start`` without one.
        due: Bytes that the sums of its last record count and no run of it brought yet,
            shape (4,), in the order of ``vma.BYTES``.
    """

    start: int
    end: int
    more: bool
    headless: bool
    run_end: int
    due: NDArray[np.int64]


_NO_TAIL: Final = Tail(0, 0, False, False, 0, np.zeros(len(vma_.BYTES), np.int64))


@dataclass(frozen=True, slots=True)
class Segment:
    """Checked records, ready to be merged.

    Attributes:
        awaits: The tail before still awaits a piece.
        pieces: Further pieces of the tail before, dtype VMA, shape (k,).
        piece_bytes: What they add to its sums, shape (4,), in the order of ``vma.BYTES``.
        piece_runs: Runs of the tail before, dtype RUN, ascending.
        vmas: The other VMAs, pieces joined, dtype VMA, in stream order.
        runs: Their runs, dtype RUN, in stream order.
        owners: For each of ``runs`` the index in ``vmas``, ascending.
        tail: The tail afterwards.
    """

    awaits: bool
    pieces: Records
    piece_bytes: NDArray[np.int64]
    piece_runs: Records
    vmas: Records
    runs: Records
    owners: NDArray[np.intp]
    tail: Tail | None


def parse(records: Records, is_vma: NDArray[np.bool_], offset: int, tail: Tail | None) -> Segment:
    """Check records and join the pieces of each VMA.

    Args:
        records: dtype ``wire.RECORD``, shape (n,), n > 0, VMA and RUN records only, and
            none of ``reshaped`` but the first.
        is_vma: Which of them are VMA records, shape (n,).
        offset: Where they begin in the stream, bytes.
        tail: The newest VMA of the records before, since the last TASK.

    Raises:
        CorruptStream: A range is empty, not of whole pages or beyond any user address,
            a run is outside its VMA, out of order, of no known backing, or counts more
            pages than its slots hold, or the runs of a VMA are not what its sums say.
    """
    words = wire.words(records)
    vma_at = np.flatnonzero(is_vma)
    rows = vma_.from_wire(_chosen(words, vma_at))
    flags = rows["flags"].copy()
    rows["flags"] &= ~_OF_RECORDS
    ranges = Ranges(rows["start"].copy(), rows["end"].copy())
    single = (flags & _SINGLE) != 0
    check_vmas(rows, ranges, flags, offset, vma_at)
    # A VMA that is its own run stands among the runs, too.
    is_run = ~is_vma
    is_run[vma_at] = single
    run_at = np.flatnonzero(is_run)
    of_vma = is_vma[run_at]
    runs = runs_.from_wire(_chosen(words, run_at), of_vma)

    known = tail or _NO_TAIL
    pieces = bool(np.count_nonzero(flags & _PIECES))
    first = _begins(ranges, flags, known) if pieces else np.ones(len(rows), dtype=np.bool_)
    # The VMA records up to each run: 0 for a run of the tail.
    holders = np.cumsum(is_vma, dtype=np.intp)[run_at]
    owners = holders - 1
    if pieces:
        owners = np.concatenate((_MINUS_ONE, np.cumsum(first) - 1))[holders]
    piece_bytes = np.zeros(len(vma_.BYTES), dtype=np.int64)
    due = np.concatenate((known.due[None], vma_.sums_of(rows)))
    due[1:][single] = 0
    if not of_vma.all():
        if tail is None and not is_vma[0]:
            raise CorruptStream(offset, "a run before any VMA")
        plain = np.flatnonzero(~of_vma)
        some, at = runs[plain], holders[plain]
        of_tail = known.start, known.end, known.run_end
        doubled = np.concatenate((_FALSE, single))[at]
        if doubled.any():
            corrupt(offset, run_at[plain][doubled.argmax()], "a run in a VMA that is its own run")
        check_runs(some, ranges, at, owners[plain], of_tail, offset, run_at[plain])
        due -= brought(some, at, len(due))
        excess = cut_leaves(some, at, len(rows) + 1)
        if excess is not None:
            vma_.sums_of(rows)[:] -= excess[1:]
            piece_bytes -= excess[0]
            wrong = (vma_.sums_of(rows) < 0).any(axis=1)
            if wrong.any():
                what = "a VMA with leaves that its sums do not count"
                corrupt(offset, vma_at[wrong.argmax()], what)
    if due[:-1].any():
        corrupt(offset, vma_at[int(due[:-1].any(axis=1).argmax())], NOT_THE_SUMS)

    led, awaits, headless = rows[:0], known.more, False
    if pieces:
        heads = np.flatnonzero(first)
        led = rows[: int(heads[0]) if len(heads) else len(rows)]
        if len(led):
            awaits = bool(flags[len(led) - 1] & _MORE)
            piece_bytes += vma_.total_bytes(led)
        headless = bool(len(heads) and flags[heads[-1]] & _CONT)
        rows = _joined(rows, flags, heads)
        if len(led) and int(led["end"][-1]) < known.run_end:
            corrupt(offset, vma_at[0], "a piece that ends before the runs of its VMA")
    more = bool(flags[-1] & _MORE) if len(flags) else known.more
    led_runs = int(np.searchsorted(owners, 0))
    return Segment(
        awaits=awaits,
        pieces=led,
        piece_bytes=piece_bytes,
        piece_runs=runs[:led_runs],
        vmas=rows,
        runs=runs[led_runs:],
        owners=owners[led_runs:],
        tail=_new_tail(tail, led, rows, runs, owners, due[-1], more=more, headless=headless),
    )


def reshaped(records: Records, is_vma: NDArray[np.bool_]) -> list[int]:
    """The records that are a further piece of a VMA, but of another shape than the one before.

    Args:
        records: dtype ``wire.RECORD``, shape (n,).
        is_vma: Which of them are VMA records, shape (n,).

    Returns:
        Their indexes, ascending.
    """
    at = np.flatnonzero(is_vma)
    words = wire.words(records)
    pieces = words[at, 0] & _CONT_BIT
    if not pieces.any():
        return []
    rows = words[at]
    rows[:, 0] >>= _DEV_BIT
    same_start = rows[1:, _START] == rows[:-1, _START]
    other = (rows[1:, _SHAPE] != rows[:-1, _SHAPE]).any(axis=1)
    found: list[int] = at[1:][(pieces[1:] != 0) & same_start & other].tolist()
    return found


def _chosen(words: NDArray[np.uint64], at: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Some rows, contiguous; no copy where all are chosen, the usual case."""
    return words if len(at) == len(words) else words[at]


def _begins(ranges: Ranges, flags: NDArray[np.uint16], tail: Tail) -> NDArray[np.bool_]:
    """Which VMA records begin a VMA rather than continue the record before, shape (n,).

    The end of a VMA may have moved between two pieces.
    """
    same = np.empty(len(flags), dtype=np.bool_)
    same[0] = tail.more and tail.start == int(ranges.start[0])
    same[1:] = ((flags[:-1] & _MORE) != 0) & (ranges.start[1:] == ranges.start[:-1])
    continues: NDArray[np.bool_] = same & ((flags & _CONT) != 0)
    return ~continues


def _joined(rows: Records, flags: NDArray[np.uint16], heads: NDArray[np.intp]) -> Records:
    """Add up the pieces of each VMA and mark what is missing.

    Args:
        rows: dtype VMA, one per record, shape (n,).
        flags: Their ``VmaFlag``, shape (n,).
        heads: The rows that begin a VMA, shape (m,).
    """
    if not len(heads):
        return rows[:0]
    last = np.append(heads[1:], len(rows)) - 1
    out = rows.take(last)
    vma_.sums_of(out)[:] = np.add.reduceat(vma_.sums_of(rows), heads, axis=0)
    out["flags"] = np.bitwise_or.reduceat(rows["flags"], heads)
    open_ = (flags[last] & _MORE) != 0
    marks = np.where(open_, _PARTIAL, _NONE)
    marks[:-1][open_[:-1]] |= _CHANGED
    marks[(flags[heads] & _CONT) != 0] |= _PARTIAL | _CHANGED
    out["marks"] = marks
    return out


def _new_tail(
    tail: Tail | None,
    led: Records,
    rows: Records,
    runs: Records,
    owners: NDArray[np.intp],
    due: NDArray[np.int64],
    *,
    more: bool,
    headless: bool,
) -> Tail | None:
    run_end = int(runs["end"][-1]) if len(runs) and owners[-1] == len(rows) - 1 else None
    if len(rows):
        row = rows[-1]
        start = int(row["start"])
        return Tail(start, int(row["end"]), more, headless, run_end or start, due)
    if tail is None:
        return None
    end = int(led["end"][-1]) if len(led) else tail.end
    return replace(tail, end=end, more=more, run_end=run_end or tail.run_end, due=due)
