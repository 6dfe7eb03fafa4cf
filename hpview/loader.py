"""Drives a stream: chunks in batches, with names, progress and a heartbeat."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hpview.errors import AccessDenied
from hpview.stream.base import CHUNK_SIZE
from hpview.wire import RECORD_SIZE, Kind, Source, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from hpview.facts import FactsReader
    from hpview.kernelfs.maps import Mapping
    from hpview.stream.base import Stream

_HEARTBEAT = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream has been read.

    Attributes:
        source: Where the records come from.
        chunks: read() calls that returned records.
        records: Records so far.
        bytes: Bytes so far.
        seconds: Time spent inside read().
        agains: read() calls that made progress but returned nothing.
        resume: End of the last VMA read, where the next read goes on; None before the first.
        done: The end was reached.
    """

    source: Source
    chunks: int = 0
    records: int = 0
    bytes: int = 0
    seconds: float = 0.0
    agains: int = 0
    resume: int | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names for the VMAs of one chunk.

    Attributes:
        starts: Starts of those that are still there, shape (n,).
        mappings: What is known of each.
    """

    starts: NDArray[np.uint64]
    mappings: list[Mapping]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of loading yields.

    Attributes:
        data: Chunks of whole records, in order; none in a heartbeat.
        facts: Names of their VMAs; none where they may not be read.
        progress: The sums, this batch included.
    """

    data: tuple[bytes, ...]
    facts: tuple[Facts, ...]
    progress: Progress


@dataclass(slots=True)
class _Collected:
    data: list[bytes] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)

    def batch(self, progress: Progress) -> Batch:
        return Batch(tuple(self.data), tuple(self.facts), progress)


def load(
    open_stream: Callable[[], Stream],
    open_facts: Callable[[], FactsReader] | None = None,
    *,
    seconds: float = 0.03,
    size: int = CHUNK_SIZE,
) -> Generator[Batch, None, None]:
    """Read a stream to its end.

    The first batch holds a single chunk, so that something is on screen at
    once; later ones collect chunks for ``seconds``. While reads only make
    progress (EAGAIN), empty batches are yielded, so that whoever consumes them
    can stop. Closing the generator closes the stream.

    Args:
        open_stream: Opens the stream, in the thread that consumes.
        open_facts: Opens the names; AccessDenied there leaves them out.
        seconds: How long later batches collect.
        size: Asked of each read().

    Raises:
        HpviewError: Opening or reading failed.
    """
    with open_stream() as stream:
        facts = _opened(open_facts)
        try:
            yield from _batches(stream, facts, seconds, size)
        finally:
            if facts is not None:
                facts.close()


def _opened(open_facts: Callable[[], FactsReader] | None) -> FactsReader | None:
    try:
        return open_facts() if open_facts is not None else None
    except AccessDenied:
        return None


def _batches(
    stream: Stream, facts: FactsReader | None, seconds: float, size: int
) -> Generator[Batch, None, None]:
    progress = Progress(stream.source)
    collected = _Collected()
    began = time.monotonic()
    rest = b""
    while not progress.done:
        data, progress = _read(stream, size, progress)
        whole = len(rest) + len(data or b"")
        whole -= whole % RECORD_SIZE
        rest += data or b""
        chunk, rest = rest[:whole], rest[whole:]
        if data == b"":
            if rest:
                decode(rest, offset=progress.bytes - len(rest))  # raises: cut short
            progress = replace(progress, done=True)
        if chunk:
            progress = _take(chunk, facts, collected, progress)
        first = chunk and progress.chunks == 1
        limit = seconds if collected.data else _HEARTBEAT
        if first or progress.done or time.monotonic() - began >= limit:
            yield collected.batch(progress)
            collected = _Collected()
            began = time.monotonic()


def _read(stream: Stream, size: int, progress: Progress) -> tuple[bytes | None, Progress]:
    """One read(): its bytes, or None for EAGAIN."""
    began = time.perf_counter()
    try:
        data = stream.read(size)
    except BlockingIOError:
        spent = progress.seconds + time.perf_counter() - began
        return None, replace(progress, agains=progress.agains + 1, seconds=spent)
    return data, replace(
        progress,
        chunks=progress.chunks + bool(data),
        bytes=progress.bytes + len(data),
        seconds=progress.seconds + time.perf_counter() - began,
    )


def _take(
    chunk: bytes, facts: FactsReader | None, collected: _Collected, progress: Progress
) -> Progress:
    """Add a chunk with the names of its VMAs."""
    decoded = decode(chunk, offset=progress.bytes - len(chunk))
    vmas = decoded.of(Kind.VMA)
    collected.data.append(chunk)
    if facts is not None and len(vmas):
        found = facts.lookup(vmas["start"])
        here = np.array([m is not None for m in found], dtype=bool)
        mappings = [m for m in found if m is not None]
        collected.facts.append(Facts(vmas["start"][here], mappings))
    resume = int(vmas["end"][-1]) if len(vmas) else progress.resume
    return replace(progress, records=progress.records + len(decoded.records), resume=resume)
