"""The BPF program of bpfprog/tally.h, in user space: one ROLLUP for each process.

Sums only, which never go through the buffer: they wait until they are taken.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.stream.cursor import Cursor, Place
from hpview.stream.framing import Counts, task_record
from hpview.stream.program import count_errors, given_up
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Kind, Records, RollupFlag, VmaFlag, blank

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.stream.seq_file import Buffer
    from hpview.stream.task_vma import Mm, Position, Vma
    from hpview.wire import Source, Status

SPILL_RECORDS: Final = 1022
"""Records after which they must be taken."""

PATIENCE: Final = 0.004
"""Seconds of work after which a read() ends, so that its caller can stop in between."""

_ROOM: Final = 512
"""Records that a batch of VMAs would make, if they were written."""

_SUMS: Final = {
    "bytes_2m": ("slots_2m", SLOT_SIZE),
    "bytes_1g": ("slots_1g", SLOT_SIZE),
    "bytes_4k": ("pages_4k", PAGE_SIZE),
    "bytes_swap": ("pages_swap", PAGE_SIZE),
}
"""Field of ROLLUP: field of VMA, bytes of each."""

_FLAGS: Final = (
    (VmaFlag.READ_ERROR, RollupFlag.READ_ERROR),
    (VmaFlag.ESTIMATE, RollupFlag.ESTIMATE),
)


class _Tally:
    """The address space in hand.

    Args:
        key: tgid, tid and mm it is told by.
        task: Its TASK record.
    """

    def __init__(self, key: tuple[int, int, int], task: bytes) -> None:
        self.key = key
        self._task = task
        self._flags = RollupFlag(0)
        self._vmas = 0
        self._size = 0
        self._bytes = dict.fromkeys(_SUMS, 0)
        self._pieces = dict.fromkeys(_SUMS, 0)

    def add_piece(self, vmas: Records) -> None:
        """The sums of a VMA that is not finished, which wait until it is."""
        for total, (field, unit) in _SUMS.items():
            self._pieces[total] += int(vmas[field].sum()) * unit
        seen = int(np.bitwise_or.reduce(vmas["flags"]))
        for flag, told in _FLAGS:
            if seen & flag:
                self._flags |= told

    def add_whole(self, vmas: Records) -> None:
        """VMAs, or the last piece of one: with them all pieces count."""
        self.add_piece(vmas)
        self._count_pieces()
        self._vmas += len(vmas)
        self._size += int((vmas["end"] - vmas["start"]).sum())

    def give_up_pieces(self, start: int, cursor: Cursor) -> None:
        """The VMA of the pieces has changed, and one that begins at ``start`` came instead."""
        if start > cursor.start:
            self._flags |= RollupFlag.PARTIAL
        # What lies below this VMA is not seen again.
        if start >= cursor.next:
            self._count_pieces()
        else:
            self._pieces = dict.fromkeys(_SUMS, 0)

    def records(self, *, unfinished: bool) -> bytes:
        """TASK and ROLLUP; ``unfinished`` if pieces wait for a VMA that will never be whole."""
        if unfinished:
            self._count_pieces()
            self._flags |= RollupFlag.PARTIAL
        out = blank(Kind.ROLLUP, 1)
        out["flags"] = self._flags
        out["vmas"] = self._vmas
        out["size"] = self._size
        for name, value in self._bytes.items():
            out[name] = value
        return self._task + out.tobytes()

    def _count_pieces(self) -> None:
        for name, value in self._pieces.items():
            self._bytes[name] += value
            self._pieces[name] = 0


class RollupProgram:
    """Adds up address spaces as the BPF program does; END alone goes through the buffer.

    Args:
        source: Written into TASK records.
        status: Asked when the trailer is written.
        clock: In seconds.
    """

    def __init__(
        self,
        source: Source,
        status: Callable[[], Status],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._status = status
        self._clock = clock
        self._tally: _Tally | None = None
        self._cursor = Cursor()
        self._counts = Counts()
        self._spill: list[bytes] = []
        self._begun: float | None = None

    @property
    def spilt(self) -> bool:
        """Whether so much waits that it must be taken: never, reads end by themselves."""
        return False

    def take_spill(self) -> bytes:
        """The records that are ready, once."""
        out, self._spill = b"".join(self._spill), []
        self._begun = None
        return out

    def inside(self, mm: Mm, vma: Vma) -> bool:
        """See ``task_vma.Program``."""
        return self._cursor.is_inside(mm.identity, vma)

    def show(self, buffer: Buffer, at: Position, most: int) -> int:
        """Add up VMAs, or a piece of one; nothing is written."""
        if not at.task.lends:
            return at.until_contended(1)
        if self._is_time():
            return 0
        tally = self._tally_of(at)
        unfinished = self._cursor.unfinished
        start = at.vma.start
        if self._cursor.find_place(at.mm.identity, at.vma) is Place.INSIDE:
            start = self._cursor.next
        elif unfinished:
            tally.give_up_pieces(start, self._cursor)
        walked = at.mm.walk(at.vma, start, _ROOM)
        if walked.resume is not None and self._cursor.gives_up:
            walked = given_up(walked)
        if walked.resume is not None:
            tally.add_piece(walked.vmas)
            self._counts.read_errors += count_errors(walked.vmas)
            self._cursor.stay_at(at.mm.identity, at.vma, walked.resume)
            return 0
        shown = at.until_contended(min(len(walked.vmas), most))
        tally.add_whole(walked.vmas[:shown])
        self._counts.read_errors += count_errors(walked.vmas[:shown])
        self._cursor.leave()
        return shown

    def end(self, buffer: Buffer) -> None:
        """Finish the last process and write the trailer."""
        self._close()
        buffer.write(self._counts.trailer(self._status()))

    def _is_time(self) -> bool:
        """Whether what is ready should be taken before more is added up."""
        now = self._clock()
        if self._begun is None:
            self._begun = now
        return now - self._begun >= PATIENCE or 2 * len(self._spill) >= SPILL_RECORDS

    def _tally_of(self, at: Position) -> _Tally:
        """The address space in hand; another one is finished first."""
        key = (at.task.tgid, at.task.tid, at.mm.identity)
        if self._tally is None or self._tally.key != key:
            self._close()
            self._tally = _Tally(key, task_record(self._source, at.task, at.mm))
        return self._tally

    def _close(self) -> None:
        tally, self._tally = self._tally, None
        if tally is not None:
            self._spill.append(tally.records(unfinished=self._cursor.unfinished))
            self._cursor.leave()
            self._counts.tasks += 1
