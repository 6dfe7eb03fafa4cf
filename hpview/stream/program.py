"""The BPF program of bpfprog/task_vma.bpf.c, in user space: show(), for one process.

It turns VMAs into records, in pieces where one is too large for one call, and
keeps the same state between calls: the task it has shown, the cursor inside a
VMA, and the piece that waits to be taken. One call may be for many VMAs, as
many as the kernel would have called for one by one.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.stream.cursor import Cursor, Place
from hpview.stream.fold import words
from hpview.stream.framing import Counts, task_record
from hpview.stream.seq_file import BUFFER_SIZE
from hpview.wire import RECORD_SIZE, SLOT_SIZE, Backing, Kind, Records, VmaFlag, blank

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hpview.stream.seq_file import Buffer
    from hpview.stream.task_vma import Mm, Position, Vma, Walked
    from hpview.wire import Source, Status

PIECE_RUNS: Final = 1022
"""Most runs of one piece: the spill holds 1024 records, two are TASK and VMA."""

_FIT: Final = (BUFFER_SIZE - 1) // RECORD_SIZE
"""Records that fit an empty buffer."""

_NEVER_CUT: Final = 8 * SLOT_SIZE
"""A VMA of no more bytes is surely said in one piece."""


class WalkProgram:
    """Writes TASK, VMA, RUN and END records as the BPF program does.

    Args:
        source: Asked behind each walk; when it changes, another TASK record says so before
            the next VMA.
        status: Asked when the trailer is written.
    """

    def __init__(self, source: Callable[[], Source], status: Callable[[], Status]) -> None:
        self._source = source
        self._status = status
        self._task: tuple[int, int, int, Source] | None = None
        self._cursor = Cursor()
        self._counts = Counts()
        self._spill = b""

    @property
    def spilt(self) -> bool:
        """Whether a piece waits to be taken."""
        return bool(self._spill)

    def take_spill(self) -> bytes:
        """The piece that did not go through the buffer, once."""
        out, self._spill = self._spill, b""
        return out

    def inside(self, mm: Mm, vma: Vma) -> bool:
        """See ``task_vma.Program``."""
        return self._cursor.is_inside(mm.identity, vma)

    def show(self, buffer: Buffer, at: Position, most: int) -> int:
        """Write VMAs, or leave a piece of one in the spill and ask to be called again."""
        if not at.task.lends:
            return at.until_contended(1)
        if self._spill:
            return 0
        place = self._cursor.find_place(at.mm.identity, at.vma)
        if place is Place.BEHIND:
            self._cursor.leave()
            return at.until_contended(1)
        if buffer.free < RECORD_SIZE and at.vma.end - at.vma.start <= _NEVER_CUT:
            # Whatever there is to say of it, it does not fit.
            buffer.write(bytes(RECORD_SIZE))
            return 1
        walked = self._walk(buffer, at, place)
        source = self._source()
        if place is Place.INSIDE and self._task is not None:
            source = self._task[3]  # a record here would part the pieces of a VMA
        key = (at.task.tgid, at.task.tid, at.mm.identity, source)
        task = b"" if key == self._task else task_record(source, at.task, at.mm)
        data, ends = encode(walked)
        data = task + data
        ends += len(task)
        if walked.resume is not None or ends[0] > _FIT * RECORD_SIZE:
            self._spill = data[: ends[0]]
            self._cursor.stay_at(at.mm.identity, at.vma, walked.resume)
            self._written(key, task, walked, 1)
            return 0
        shown = min(buffer.fitting(ends), most)
        if not shown:
            buffer.write(data[: ends[0]])
            return 1
        shown = at.until_contended(shown)
        buffer.write(data[: ends[shown - 1]])
        self._cursor.leave()
        self._written(key, task, walked, shown)
        return shown

    def end(self, buffer: Buffer) -> None:
        """Write the trailer."""
        buffer.write(self._counts.trailer(self._status()))

    def _walk(self, buffer: Buffer, at: Position, place: Place) -> Walked:
        """VMAs as they will be told: what this call sees of them."""
        start = self._cursor.next if place is Place.INSIDE else at.vma.start
        room = min(-(-buffer.wanted // RECORD_SIZE), buffer.free // RECORD_SIZE)
        walked = at.mm.walk(at.vma, start, room)
        if walked.resume is not None and self._cursor.gives_up:
            walked = given_up(walked)
        flags = VmaFlag(0)
        if place is Place.INSIDE:
            flags |= VmaFlag.CONT
        if walked.resume is not None:
            flags |= VmaFlag.MORE
        if not flags:
            return walked
        vmas = walked.vmas.copy()
        vmas["flags"][0] |= np.uint16(flags)
        return replace(walked, vmas=vmas)

    def _written(
        self, key: tuple[int, int, int, Source], task: bytes, walked: Walked, shown: int
    ) -> None:
        self._task = key
        self._counts.tasks += bool(task)
        self._counts.vmas += shown
        self._counts.runs += int(walked.first[shown])
        self._counts.read_errors += count_errors(walked.vmas[:shown])


def encode(walked: Walked) -> tuple[bytes, NDArray[np.int64]]:
    """The records in stream order, and where those of each VMA end, in bytes, shape (n,)."""
    count = len(walked.vmas)
    heads = walked.first[:-1] + np.arange(count)
    records = np.empty((count + len(walked.runs), RECORD_SIZE // 8), "<u8")
    body = np.ones(len(records), bool)
    body[heads] = False
    records[heads] = words(walked.vmas)
    records[body] = words(walked.runs)
    ends = (walked.first[1:] + np.arange(1, count + 1)) * RECORD_SIZE
    return records.tobytes(), ends.astype(np.int64)


def given_up(walked: Walked) -> Walked:
    """The piece of a VMA as its last one: what it leaves over stays unknown."""
    rest = blank(Kind.RUN, 1)
    rest["backing"] = Backing.UNKNOWN
    rest["start"], rest["end"] = walked.resume, walked.vmas["end"][0]
    rest["err"] = errno.EAGAIN
    vmas = walked.vmas.copy()
    vmas["flags"] |= np.uint16(VmaFlag.READ_ERROR)
    runs = np.concatenate((walked.runs, rest))
    return replace(walked, vmas=vmas, runs=runs, first=np.array([0, len(runs)]), resume=None)


def count_errors(vmas: Records) -> int:
    """How many VMA records say that some of the VMA could not be read."""
    return int(np.count_nonzero(vmas["flags"] & np.uint16(VmaFlag.READ_ERROR)))
