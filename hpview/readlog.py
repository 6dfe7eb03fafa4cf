"""The log of reads: what each asked for, got and cost, and how it found its place."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.stream.base import Resume
from hpview.wire import RECORD_SIZE, Kind, VmaFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Span = tuple[int, int]
    """First address and end (exclusive) of a VMA."""

_VMA_HEAD: Final = struct.Struct("<BBHIQQ")
"""Of ``hpv_vma``: kind, version, flags, dev, start, end."""

_VMA: Final = bytes([Kind.VMA])

MEANING: Final = {
    Resume.FIRST: "the first VMA of the process",
    Resume.GONE: "the VMA remembered is gone: the next one above it",
    Resume.SAME: "the VMA remembered is still there",
    Resume.END: "no VMA is left above: the end",
    Resume.REPLACED: "another VMA has exactly the range of the one remembered",
    Resume.CHANGED: "a VMA of another range is where the one remembered was: shown, perhaps again",
    Resume.WENT_ON: "behind what was shown before; the records do not tell the two apart",
    Resume.OTHER_MM: "exec(): the place was looked for in another address space",
    Resume.INSIDE: "inside a VMA that takes more than one call",
    Resume.BUFFER: "bytes left over from before; no VMA was looked for",
}
"""What each way of finding the place means, in words."""


def resume_label(case: Resume | None) -> str:
    """``case 4.2``, ``first``, or ``-`` where it cannot be told."""
    if case is None:
        return "-"
    return f"case {case.value}" if case.value[0].isdecimal() else case.value


def told(read: Read) -> str:
    """One read in words: how it found its place, or that it had nothing to hand over."""
    if read.again:
        where = f" inside {read.pending[0]:x}" if read.pending is not None else ""
        return f"EAGAIN: progress{where}, nothing to hand over yet"
    if not read.size:
        return "the end: nothing is left to hand over"
    if read.resume is None:
        return "not told: no whole record came"
    return f"{resume_label(read.resume)}: {MEANING[read.resume]}"


class Read(NamedTuple):
    """One read() of a stream.

    Attributes:
        asked: Bytes asked for.
        size: Bytes returned.
        records: Records that became whole by them.
        seconds: Time spent in it.
        again: It made progress but had nothing to hand over (EAGAIN).
        resume: How it found its place; None when that cannot be told.
        exact: ``resume`` was told by the stream; else it was concluded from the records.
        number: Which read of its stream, from 1.
        last: The VMA whose records came last before it; None before the first.
        waiting: The VMA remembered for it as not shown yet; None where that is not known.
        found: The first VMA it has a record of; None without one.
        reached: The VMA whose records came last when it was over; None before the first.
        vmas: How many VMA records it completed.
        pending: The VMA remembered when it was over, as ``waiting``.
    """

    asked: int
    size: int
    records: int
    seconds: float
    again: bool
    resume: Resume | None
    exact: bool
    number: int = 0
    last: Span | None = None
    waiting: Span | None = None
    found: Span | None = None
    reached: Span | None = None
    vmas: int = 0
    pending: Span | None = None


@dataclass(slots=True)
class Place:
    """The newest VMA of a stream, as far as its records go.

    Attributes:
        start: First address; 0 before the first VMA.
        end: Its end, exclusive.
        begun: There were records.
        more: The rest of it is due.
        announced: The last record is a TASK, whose first VMA the program wrote with it.
    """

    start: int = 0
    end: int = 0
    begun: bool = False
    more: bool = False
    announced: bool = False

    @property
    def span(self) -> Span | None:
        """The VMA; None before the first."""
        return (self.start, self.end) if self.end else None

    def conclude(self, chunk: bytes) -> Resume | None:
        """What the records a read returned say of how it began.

        Args:
            chunk: Whole records; what came before went through ``advance``.

        Returns:
            None when there are none.
        """
        if not chunk:
            return None
        match chunk[0]:
            case Kind.TASK:
                return Resume.OTHER_MM if self.begun else Resume.FIRST
            case Kind.RUN:
                return Resume.BUFFER
            case Kind.VMA:
                _, _, flags, _, start, _ = _VMA_HEAD.unpack_from(chunk)
                if self.announced:
                    return Resume.BUFFER
                if flags & VmaFlag.CONT:
                    return Resume.INSIDE
                return Resume.CHANGED if start < self.end else Resume.WENT_ON
            case _:
                return Resume.END

    def advance(self, chunk: bytes) -> None:
        """Take note of the last VMA of whole records."""
        if not chunk:
            return
        self.begun = True
        self.announced = chunk[-RECORD_SIZE] == Kind.TASK
        last = chunk[::RECORD_SIZE].rfind(_VMA)
        if last >= 0:
            _, _, flags, _, self.start, self.end = _VMA_HEAD.unpack_from(chunk, last * RECORD_SIZE)
            self.more = bool(flags & VmaFlag.MORE)


def first_vma(chunk: bytes) -> Span | None:
    """The first VMA of which whole records tell."""
    at = chunk[::RECORD_SIZE].find(_VMA)
    if at < 0:
        return None
    *_, start, end = _VMA_HEAD.unpack_from(chunk, at * RECORD_SIZE)
    return start, end


def count_vmas(chunk: bytes) -> int:
    """How many VMA records there are among whole records."""
    return chunk[::RECORD_SIZE].count(_VMA)


def counts(reads: Sequence[Read]) -> dict[Resume, int]:
    """How often each way of finding the place occurred, in the order of ``Resume``."""
    found = [read.resume for read in reads]
    return {case: found.count(case) for case in Resume if case in found}


class Log:
    """The newest reads of one reading, and sums over all of them.

    Attributes:
        dropped: Older reads, which are not kept any more.
        agains: Reads that had nothing to hand over (EAGAIN), the dropped ones included.
    """

    KEPT: Final = 10_000
    """So many reads are kept at least: with reads of one byte a process takes millions."""

    def __init__(self) -> None:
        self._reads: list[Read] = []
        self.dropped = 0
        self.agains = 0

    def add(self, reads: Iterable[Read]) -> None:
        """Append reads; the oldest give way."""
        before = len(self._reads)
        self._reads.extend(reads)
        self.agains += sum(read.again for read in self._reads[before:])
        surplus = len(self._reads) - self.KEPT
        if surplus > self.KEPT // 4:
            del self._reads[:surplus]
            self.dropped += surplus

    def __len__(self) -> int:
        return len(self._reads)

    def __iter__(self) -> Iterator[Read]:
        return iter(self._reads)

    def __getitem__(self, index: int) -> Read:
        return self._reads[index]

    @property
    def total(self) -> int:
        """How many reads there were."""
        return self.dropped + len(self._reads)
