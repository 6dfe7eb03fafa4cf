"""The BPF program of bpfprog/tally.h, in user space: one ROLLUP for each process.

Sums only, which never go through the buffer: they wait until they are taken.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.stream.framing import Counts, task_record
from hpview.stream.program import count_errors
from hpview.wire import (
    PAGE_SIZE,
    SLOT_SIZE,
    TASK,
    Kind,
    Records,
    RollupFlag,
    VmaFlag,
    VmFlag,
    blank,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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

    The kernel may show a VMA again that has grown, been merged or split since: only
    what lies above all that was counted is new.

    Args:
        key: tgid, tid and mm it is told by.
        task: Its TASK record.
        flags: What is known of it from the start.

    Attributes:
        seen: All below has been counted.
        due: Where the VMA goes on that was cut there, or not begun, when a read ended;
            None when nothing of it is missing.
        back: The read ended in this address space: the kernel is to come back to it.
    """

    def __init__(self, key: tuple[int, int, int], task: bytes, flags: RollupFlag) -> None:
        self.key = key
        self.seen = 0
        self.due: int | None = None
        self.back = False
        self._task = task
        self._flags = flags | RollupFlag.GAP
        self._vmas = 0
        self._size = 0
        self._bytes = dict.fromkeys(_SUMS, 0)
        self._gap = self._hugetlb = 0

    def begin(self, vma: Vma) -> int:
        """Where to walk this VMA from; its end or more if all of it has been counted."""
        self.back = False
        if self.due is not None and vma.start > self.due:
            self._flags |= RollupFlag.PARTIAL
        self.due = None
        if vma.start < self.seen:
            return self.seen
        self._vmas += 1
        return vma.start

    def add(
        self, start: int, vmas: Records, hugeable: NDArray[np.bool_], resume: int | None
    ) -> None:
        """Count VMAs, ascending and disjoint: the first from ``start`` on.

        Args:
            start: What ``begin`` returned for the first.
            vmas: Their records.
            hugeable: Which of them may have huge pages by what they map, shape (n,).
            resume: Where the only one was cut.
        """
        for total, (field, unit) in _SUMS.items():
            self._bytes[total] += int(vmas[field].sum()) * unit
        self._gap += int(vmas["pages_4k"][hugeable].sum()) * PAGE_SIZE
        hugetlb = vmas[(vmas["vm_flags"] & np.uint64(VmFlag.HUGETLB)) != 0]
        self._hugetlb += int(hugetlb["slots_2m"].sum() + hugetlb["slots_1g"].sum()) * SLOT_SIZE
        met = int(np.bitwise_or.reduce(vmas["flags"]))
        for flag, told in _FLAGS:
            if met & flag:
                self._flags |= told
        self._vmas += len(vmas) - 1
        self.seen = int(vmas["end"][-1]) if resume is None else resume
        others = vmas[1:]
        first_end = int(vmas["end"][0]) if resume is None else resume
        self._size += first_end - start + int((others["end"] - others["start"]).sum())
        self.due = resume

    def put_off(self, vma: Vma) -> None:
        """The read ends before this VMA was begun."""
        self.back = True
        start = max(vma.start, self.seen)
        if self.due is None and start < vma.end:
            self.due = start

    def records(self, source: Source) -> bytes:
        """TASK and ROLLUP.

        Args:
            source: The least exact one that was in use meanwhile.
        """
        task = np.frombuffer(self._task, TASK).copy()
        task["source"] = source
        # It exited before it was read to its end.
        if self.due is not None or self.back:
            self._flags |= RollupFlag.PARTIAL
        out = blank(Kind.ROLLUP, 1)
        out["flags"] = self._flags
        out["vmas"] = self._vmas
        out["size"] = self._size
        for name, value in self._bytes.items():
            out[name] = value
        out["bytes_gap"], out["bytes_hugetlb"] = self._gap, self._hugetlb
        return task.tobytes() + out.tobytes()


class RollupProgram:
    """Adds up address spaces as the BPF program does; END alone goes through the buffer.

    Args:
        source: Asked when a process is begun and when it is finished, for its TASK record.
        status: Asked when the trailer is written.
        clock: In seconds.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        status: Callable[[], Status],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._status = status
        self._clock = clock
        self._tally: _Tally | None = None
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

    @property
    def due(self) -> int | None:
        """Where the VMA goes on that was not counted to its end."""
        return self._tally.due if self._tally is not None else None

    def inside(self, mm: Mm, vma: Vma) -> bool:
        """See ``task_vma.Program``."""
        tally, due = self._tally, self.due
        if tally is None or due is None:
            return False
        return tally.key[2] == mm.identity and vma.start < due < vma.end

    def show(self, buffer: Buffer, at: Position, most: int) -> int:
        """Add up VMAs, or a piece of one; nothing is written."""
        if not at.task.lends:
            return at.until_contended(1)
        tally = self._tally_of(at)
        if self._is_time():
            tally.put_off(at.vma)
            return 0
        start = tally.begin(at.vma)
        if start >= at.vma.end:
            return at.until_contended(1)
        walked = at.mm.walk(at.vma, start, _ROOM)
        shown = 1
        if walked.resume is None:
            shown = at.until_contended(min(len(walked.vmas), most))
        vmas = walked.vmas[:shown]
        tally.add(start, vmas, at.mm.hugeable(vmas), walked.resume)
        self._counts.read_errors += count_errors(vmas)
        if walked.resume is None:
            return shown
        tally.back = True
        return 0

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
        before = self._tally
        if before is not None and before.key == key:
            return before
        # After an exec the kernel goes on in the new mm where it was in the old one.
        exec_ = before is not None and before.key[:2] == key[:2]
        self._close()
        flags = RollupFlag.PARTIAL if exec_ else RollupFlag(0)
        self._tally = _Tally(key, task_record(self._source(), at.task, at.mm), flags)
        return self._tally

    def _close(self) -> None:
        tally, self._tally = self._tally, None
        if tally is not None:
            self._spill.append(tally.records(self._source()))
            self._counts.tasks += 1
