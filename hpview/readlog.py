"""The log of reads: what each asked for, got and cost, and how it found its place."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.stream.base import Resume
from hpview.wire import RECORD_SIZE, Kind, VmaFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

_VMA_HEAD: Final = struct.Struct("<BBHIQQ")
"""Of ``hpv_vma``: kind, version, flags, dev, start, end."""

_VMA: Final = bytes([Kind.VMA])


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
    """

    asked: int
    size: int
    records: int
    seconds: float
    again: bool
    resume: Resume | None
    exact: bool


@dataclass(slots=True)
class Place:
    """The newest VMA of a stream, as far as its records go.

    Attributes:
        start: First address; 0 before the first VMA.
        end: Its end, exclusive.
        begun: There were records.
    """

    start: int = 0
    end: int = 0
    begun: bool = False

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
        last = chunk[::RECORD_SIZE].rfind(_VMA)
        if last >= 0:
            *_, self.start, self.end = _VMA_HEAD.unpack_from(chunk, last * RECORD_SIZE)


def counts(reads: Sequence[Read]) -> dict[Resume, int]:
    """How often each way of finding the place occurred, in the order of ``Resume``."""
    found = [read.resume for read in reads]
    return {case: found.count(case) for case in Resume if case in found}
