"""Drives a stream: chunks in batches, with names, progress and a heartbeat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.control import END, Control
from hpview.errors import AccessDenied
from hpview.facts import facts_of
from hpview.readlog import Place, Read, count_vmas, first_vma
from hpview.stream.base import CHUNK_SIZE, Resume
from hpview.stream.patience import Patience
from hpview.wire import RECORD_SIZE, Source, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hpview.facts import Facts, FactsReader
    from hpview.readlog import Span
    from hpview.stream.base import Stream

_HEARTBEAT = 0.05

_SCREENFUL: Final = 256
"""VMAs that are read without giving way: more than a screen shows at first."""

_LEAST_REST: Final = 0.002
_LONGEST_REST: Final = 0.05

_PIECE: Final = 8 * CHUNK_SIZE
"""Bytes of one piece of a batch: enough to spread the cost of a numpy call, and not so
much that it falls out of the processor's caches."""

_PORTION: Final = 4 * CHUNK_SIZE
"""Bytes of a batch for somebody who gives way: some 3 ms to be taken in."""


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
        paused: Nothing is read until somebody says so.
        toward: Address up to which it is read in haste; 0 for none, ``control.END`` for all.
    """

    source: Source
    chunks: int = 0
    records: int = 0
    bytes: int = 0
    seconds: float = 0.0
    agains: int = 0
    resume: int | None = None
    done: bool = False
    paused: bool = False
    toward: int = 0


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
    control: Control | None = None,
) -> Generator[Batch, None, None]:
    """Read a stream to its end.

    The first batch holds a single chunk, so that something is on screen at
    once; later ones collect chunks for ``seconds``. While reads only make
    progress (EAGAIN), and while paused, empty batches are yielded every 50 ms, so
    that whoever consumes them can stop. Closing the generator closes the stream.

    Under a ``control`` it gives way behind the first screenful: batches are small, and after
    each it rests about as long as the batch took to be read and taken in.

    Args:
        open_stream: Opens the stream, in the thread that consumes.
        open_facts: Opens the names; AccessDenied there leaves them out.
        seconds: How long later batches collect.
        size: Asked of each read() without a ``control``.
        control: Pauses, steps and hurries it.

    Raises:
        HpviewError: Opening or reading failed.
    """
    portion = _PORTION if control is not None else None
    control = control if control is not None else Control(size, toward=END)
    with open_stream() as stream:
        facts = _opened(open_facts)
        try:
            yield from _batches(_Reader(stream), facts, seconds, control, portion)
        finally:
            if facts is not None:
                facts.close()


def _opened(open_facts: Callable[[], FactsReader] | None) -> FactsReader | None:
    try:
        return open_facts() if open_facts is not None else None
    except AccessDenied:
        return None


def _batches(
    reader: _Reader,
    facts: FactsReader | None,
    seconds: float,
    control: Control,
    portion: int | None,
) -> Generator[Batch, None, None]:
    began = time.monotonic()
    while not reader.done:
        turn = control.turn(0 if reader.unseen else _HEARTBEAT)
        if turn is not None:
            reader.read(turn.size)
            limit = seconds if reader.pending else _HEARTBEAT
            first = reader.pending and not reader.shown
            full = first or reader.done or time.monotonic() - began >= limit
            full = full or (portion is not None and reader.held >= portion)
            if not (full or turn.step):
                continue
        yield reader.batch(facts, control)
        if reader.vmas >= _SCREENFUL and not reader.done:
            taken = time.monotonic() - began
            control.give_way(max(_LEAST_REST, min(taken, _LONGEST_REST)), reader.reached)
        began = time.monotonic()


class _Reader:
    """Reads a stream and adds up what it brings.

    Attributes:
        vmas: VMA records so far.
        shown: Records were in a batch.
        done: The end was reached.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._count = self._chunks = self._agains = self._records = self._bytes = 0
        self._seconds = 0.0
        self._rest = b""
        self._place = Place()
        self._reads: list[Read] = []
        self._collected: list[bytes] = []
        self._held = 0
        self._pieces: list[bytes] = []
        self._patience = Patience()
        self.vmas = 0
        self.shown = False
        self.done = False

    @property
    def pending(self) -> bool:
        """Whether there are records for a batch."""
        return bool(self._collected or self._pieces)

    @property
    def held(self) -> int:
        """Bytes for a batch."""
        return self._held + sum(map(len, self._pieces))

    @property
    def unseen(self) -> bool:
        """Whether there are reads that were in no batch."""
        return bool(self._reads)

    @property
    def reached(self) -> int:
        """The end of the newest VMA."""
        return self._place.end

    def read(self, size: int) -> None:
        """Take what the stream has next, noted in the log."""
        last, waiting = self._place.span, self._remembered()
        data, again, spent = self._timed(size)
        self.done = not data and not again
        cut = bool(self._rest)
        chunk = self._whole(data)
        records, vmas = len(chunk) // RECORD_SIZE, count_vmas(chunk)
        resume = told = self._stream.resume
        if told is None:
            resume = Resume.BUFFER if cut else self._place.conclude(chunk)
        self._place.advance(chunk)
        self._count += 1
        self._records += records
        self.vmas += vmas
        self._reads.append(
            Read(
                asked=size,
                size=len(data),
                records=records,
                seconds=spent,
                again=again,
                resume=resume,
                exact=told is not None,
                number=self._count,
                last=last,
                waiting=waiting,
                found=first_vma(chunk),
                reached=self._place.span,
                vmas=vmas,
                pending=self._remembered(),
            )
        )
        self._collect(chunk)

    def _remembered(self) -> Span | None:
        """The VMA that waits: as the stream tells, or the one of which the rest is due."""
        told = self._stream.waiting
        return self._place.span if told is None and self._place.more else told

    def _timed(self, size: int) -> tuple[bytes, bool, float]:
        """Bytes, whether it was EAGAIN instead, and the seconds that took."""
        again = False
        data = b""
        began = time.perf_counter()
        try:
            data = self._stream.read(size)
        except BlockingIOError:
            again = True
        spent = time.perf_counter() - began
        if again:
            self._patience.again()
        else:
            self._patience.progress()
        self._chunks += bool(data)
        self._agains += again
        self._bytes += len(data)
        self._seconds += spent
        return data, again, spent

    def _collect(self, chunk: bytes) -> None:
        if chunk:
            self._collected.append(chunk)
            self._held += len(chunk)
            if self._held >= _PIECE:
                self._join()

    def _join(self) -> None:
        if self._collected:
            self._pieces.append(b"".join(self._collected))
            self._collected = []
            self._held = 0

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

    def batch(self, facts: FactsReader | None, control: Control) -> Batch:
        """What was collected, with names; a new collection begins."""
        self._join()
        self.shown |= bool(self._pieces)
        data = tuple(self._pieces)
        reads = tuple(self._reads)
        self._pieces, self._reads = [], []
        place = self._place
        progress = Progress(
            self._stream.source,
            chunks=self._chunks,
            records=self._records,
            bytes=self._bytes,
            seconds=self._seconds,
            agains=self._agains,
            resume=place.end or None,
            done=self.done,
            paused=control.resting,
            toward=control.toward if self.reached < control.toward else 0,
        )
        offset = self._bytes - len(self._rest) - sum(map(len, data))
        return Batch(data, facts_of(data, facts, offset), reads, progress)
