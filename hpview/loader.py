"""Drives a stream: chunks in batches, with names, progress and a heartbeat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import AccessDenied
from hpview.readlog import Place, Read
from hpview.stream.base import CHUNK_SIZE
from hpview.wire import RECORD_SIZE, Kind, Source, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from hpview.facts import FactsReader
    from hpview.kernelfs.maps import Mapping
    from hpview.stream.base import Stream

_HEARTBEAT = 0.05

_PIECE: Final = 8 * CHUNK_SIZE
"""Bytes of one piece of a batch: enough to spread the cost of a numpy call, and not so
much that it falls out of the processor's caches."""


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
        starts: Starts of those of which something is known, shape (n,).
        mappings: What is known of each.
    """

    starts: NDArray[np.uint64]
    mappings: list[Mapping]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step of loading yields.

    Attributes:
        data: Whole records, in order, joined to pieces of about ``_PIECE``; none in a
            heartbeat.
        facts: Names of their VMAs; None where they may not be read.
        reads: The log of the reads that brought them.
        progress: The sums, this batch included.
    """

    data: tuple[bytes, ...]
    facts: Facts | None
    reads: tuple[Read, ...]
    progress: Progress


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
            yield from _batches(_Reader(stream, size), facts, seconds)
        finally:
            if facts is not None:
                facts.close()


def _opened(open_facts: Callable[[], FactsReader] | None) -> FactsReader | None:
    try:
        return open_facts() if open_facts is not None else None
    except AccessDenied:
        return None


def _batches(
    reader: _Reader, facts: FactsReader | None, seconds: float
) -> Generator[Batch, None, None]:
    began = time.monotonic()
    while not reader.done:
        reader.read()
        first = reader.chunks == 1 and reader.pending
        limit = seconds if reader.pending else _HEARTBEAT
        if first or reader.done or time.monotonic() - began >= limit:
            yield reader.batch(facts)
            began = time.monotonic()


class _Reader:
    """Reads a stream and adds up what it brings.

    Attributes:
        chunks: As in ``Progress``.
        done: The end was reached.
    """

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._size = size
        self._records = self._bytes = self._agains = 0
        self._seconds = 0.0
        self._rest = b""
        self._place = Place()
        self._reads: list[Read] = []
        self._collected: list[bytes] = []
        self._pieces: list[bytes] = []
        self.chunks = 0
        self.done = False

    @property
    def pending(self) -> bool:
        """Whether there are records for a batch."""
        return bool(self._collected or self._pieces)

    def read(self) -> None:
        """Take what the stream has next, noted in the log."""
        again = False
        data = b""
        began = time.perf_counter()
        try:
            data = self._stream.read(self._size)
        except BlockingIOError:
            again = True
        spent = time.perf_counter() - began
        self.done = not data and not again
        self.chunks += bool(data)
        self._agains += again
        self._bytes += len(data)
        self._seconds += spent
        chunk = self._whole(data)
        told = self._stream.resume
        resume = told if told is not None else self._place.conclude(chunk)
        self._place.advance(chunk)
        count = len(chunk) // RECORD_SIZE
        self._records += count
        exact = told is not None
        self._reads.append(Read(self._size, len(data), count, spent, again, resume, exact))
        if chunk:
            self._collected.append(chunk)
            if len(self._collected) * CHUNK_SIZE >= _PIECE:
                self._join()

    def _join(self) -> None:
        if self._collected:
            self._pieces.append(b"".join(self._collected))
            self._collected = []

    def _whole(self, data: bytes) -> bytes:
        """The records that ``data`` completes; the rest is kept.

        Raises:
            CorruptStream: The stream ends within a record.
        """
        if self.done and self._rest:
            decode(self._rest, offset=self._bytes - len(self._rest))
        if self._rest:
            data = self._rest + data
        whole = len(data) - len(data) % RECORD_SIZE
        self._rest = data[whole:]
        return data[:whole]

    def batch(self, facts: FactsReader | None) -> Batch:
        """What was collected, with names; a new collection begins."""
        self._join()
        data = tuple(self._pieces)
        reads = tuple(self._reads)
        self._pieces, self._reads = [], []
        place = self._place
        progress = Progress(
            self._stream.source,
            chunks=self.chunks,
            records=self._records,
            bytes=self._bytes,
            seconds=self._seconds,
            agains=self._agains,
            resume=place.end or None,
            done=self.done,
        )
        offset = self._bytes - len(self._rest) - sum(map(len, data))
        return Batch(data, _names(data, facts, offset), reads, progress)


def _names(data: tuple[bytes, ...], facts: FactsReader | None, offset: int) -> Facts | None:
    """The names of the VMAs in whole records."""
    if facts is None or not data:
        return None
    found_starts = []
    for piece in data:
        found_starts.append(decode(piece, offset=offset).of(Kind.VMA)["start"])
        offset += len(piece)
    starts = np.concatenate(found_starts)
    if not len(starts):
        return None
    found = facts.lookup(starts)
    return Facts(np.array([m.start for m in found], dtype=np.uint64), found)
