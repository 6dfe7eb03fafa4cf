"""What is known of one process's memory, and how records change it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import text, wire
from hpview.errors import CorruptStream
from hpview.space import runs as runs_
from hpview.space import segment, vma
from hpview.space.columns import Column, by_start, found_at, overlap
from hpview.space.ending import Seen, check_tail, identity_of
from hpview.space.names import Names
from hpview.space.totals import Totals
from hpview.space.vma import Mark
from hpview.wire import RECORD_SIZE, Kind, MmFlag, Source, Status, VmaFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hpview.space.names import VmaFacts
    from hpview.wire import Records


# Attributes of an Enum class cost microseconds before Python 3.12.
_TASK: Final = int(Kind.TASK)
_VMA: Final = int(Kind.VMA)
_END: Final = int(Kind.END)
_MOUTHFUL: Final = 4096 * RECORD_SIZE
"""Bytes taken in at once: larger arrays fall out of the processor's caches."""
_CHANGED: Final = np.uint16(Mark.CHANGED)
_PARTIAL: Final = np.uint16(Mark.PARTIAL)
_SHAPE: Final = ("end", "vm_flags", "pgoff", "ino", "dev")
_SOURCES: Final = frozenset(Source)
_STATUSES: Final = frozenset(Status)


class AddressSpace:
    """The memory of one process, sorted by address, as far as it was read.

    Attributes:
        tgid: The process; 0 before the first TASK record.
        comm: Its name, undecodable bytes as surrogates, not fit for a screen as it is.
        start_time: USER_HZ ticks since boot.
        mm_flags: What prctl(PR_SET_THP_DISABLE) did to it, as far as the source could tell.
        source: Where the backing was read from.
        end_status: Why the stream ended; None before its END.
        end_errors: Table pages that could not be read, from END.
        execs: How often another address space took the place of the one known.
        version: Grows with every change: a key for caches.
    """

    def __init__(self) -> None:
        self.tgid = 0
        self.comm = ""
        self.start_time = 0
        self.mm_flags = MmFlag(0)
        self.source = Source.NONE
        self.end_status: Status | None = None
        self.end_errors = 0
        self.execs = 0
        self.version = 0
        self._identity: tuple[int, int] | None = None
        self._fed = 0
        self._seen = Seen()
        self._vmas = Column(vma.VMA)
        self._runs = Column(runs_.RUN)
        self._sums = np.zeros(len(vma.BYTES), dtype=np.int64)
        self._tail: segment.Tail | None = None
        self._names = Names()

    @property
    def vmas(self) -> Records:
        """Dtype VMA, sorted by start, disjoint, read-only; good until the next change."""
        return self._vmas.frozen

    @property
    def runs(self) -> Records:
        """Dtype RUN, sorted by start, disjoint, read-only; good until the next change."""
        return self._runs.frozen

    @property
    def identity(self) -> tuple[int, int] | None:
        """What only this address space has, mm and start time; None before the first TASK."""
        return self._identity

    @property
    def totals(self) -> Totals:
        """Sums over all VMAs, kept up to date as records arrive."""
        bytes_4k, bytes_2m, bytes_1g, bytes_swap = map(int, self._sums)
        return Totals(bytes_4k, bytes_2m, bytes_1g, bytes_swap, self._vmas.count)

    @property
    def complete(self) -> bool:
        """The stream came to its end and says that it read everything."""
        return self.end_status is Status.COMPLETE

    @property
    def changed(self) -> int:
        """The number of VMAs with Mark.CHANGED."""
        return int(np.count_nonzero(self._vmas.rows["marks"] & Mark.CHANGED))

    @property
    def partial(self) -> int:
        """The number of VMAs that changed before all of them was read: bytes are missing."""
        return int(np.count_nonzero(self._vmas.rows["marks"] & Mark.PARTIAL))

    @property
    def read_errors(self) -> int:
        """The number of VMAs of which some could not be read."""
        return int(np.count_nonzero(self._vmas.rows["flags"] & VmaFlag.READ_ERROR))

    def index_at(self, addr: int) -> int:
        """The index of the VMA that covers an address, or -1."""
        found = overlap(self._vmas.rows, addr, addr + 1)
        return found.start if found.stop > found.start else -1

    def runs_of(self, start: int, end: int) -> Records:
        """The runs that have an address in ``[start, end)``, whole, read-only."""
        return self.runs[overlap(self._runs.rows, start, end)]

    def name_of(self, index: int) -> str:
        """The name of the VMA at an index, "" if it has none or none is known."""
        return self.name(int(self._vmas.rows["name"][index]))

    def name(self, number: int) -> str:
        """The name that a VMA row's ``name`` stands for."""
        return self._names[number]

    def set_names(self, starts: NDArray[np.uint64], facts: Sequence[VmaFacts]) -> None:
        """Take over what user space knows of VMAs.

        It replaces dev and ino too: for overlayfs the kernel's records name the backing
        file, /proc/PID/maps the one that was opened (fs/proc/task_mmu.c, file_user_inode).

        Args:
            starts: First addresses, shape (n,). One that begins no VMA (any more) is skipped.
            facts: n facts.

        Raises:
            ValueError: Not as many facts as starts.
        """
        rows = self._vmas.rows
        wanted = np.asarray(starts, dtype=np.uint64)
        at, known = found_at(rows["start"], wanted)
        names = [
            self._names.number(fact.name) if here else 0
            for fact, here in zip(facts, known.tolist(), strict=True)
        ]
        if not known.any():
            return
        rows["name"][at[known]] = np.array(names, dtype=np.uint32)[known]
        rows["dev"][at[known]] = np.array([fact.dev for fact in facts], dtype=np.uint32)[known]
        rows["ino"][at[known]] = np.array([fact.ino for fact in facts], dtype=np.uint64)[known]
        self.version += 1

    def feed(self, data: bytes) -> None:
        """Take in the records of one chunk; cost grows with the chunk, not with what is known.

        Args:
            data: Whole records, the next ones of the stream; chunks may end anywhere
                between two records.

        Raises:
            CorruptStream: A record contradicts the layout or the order of records; the
                offset counts from the first byte ever fed. Some of what came before it
                was taken in; feed no more.
        """
        view = memoryview(data)
        for at in range(0, len(data), _MOUTHFUL):
            self._feed(view[at : at + _MOUTHFUL])

    def _feed(self, data: memoryview) -> None:
        chunk = wire.decode(data, offset=self._fed)
        self.version += 1
        at = 0
        for index in np.flatnonzero((chunk.kinds == _TASK) | (chunk.kinds >= _END)).tolist():
            self._take(chunk, at, index)
            self._seen.add(chunk.kinds[at : index + 1])
            self._break(chunk.records[index : index + 1], self._fed + index * RECORD_SIZE)
            at = index + 1
        self._take(chunk, at, len(chunk.kinds))
        self._seen.add(chunk.kinds[at:])
        self._fed += len(data)

    def _break(self, record: Records, offset: int) -> None:
        """Take a TASK or END record, shape (1,)."""
        self._refuse_after_end(offset)
        check_tail(self._tail, record, self._identity, offset)
        self._close_tail()
        self._tail = None
        match int(record["kind"][0]):
            case Kind.TASK:
                self._take_task(record.view(wire.TASK), offset)
            case Kind.END:
                self._take_end(record.view(wire.END), offset)
            case _:
                raise CorruptStream(offset, "a rollup in the stream of one process")

    def _take_task(self, record: Records, offset: int) -> None:
        tgid, source = int(record["tgid"][0]), int(record["source"][0])
        if self._identity is not None and tgid != self.tgid:
            raise CorruptStream(offset, f"process {tgid} in the stream of process {self.tgid}")
        if source not in _SOURCES:
            raise CorruptStream(offset, f"source {source} is not known")
        identity = identity_of(record)
        if self._identity is not None and identity != self._identity:
            self._forget()
            self._seen.forget()
            self.execs += 1
        self._identity = identity
        self.tgid, self.source, self.start_time = tgid, Source(source), identity[1]
        self.mm_flags = MmFlag(int(record["mm_flags"][0]))
        self.comm = text.decode(bytes(record["comm"][0]).split(b"\0")[0])

    def _take_end(self, record: Records, offset: int) -> None:
        status = int(record["status"][0])
        if status not in _STATUSES:
            raise CorruptStream(offset, f"status {status} is not known")
        self._seen.check(record, offset)
        self.end_status = Status(status)
        self.end_errors = int(record["read_errors"][0])

    def _refuse_after_end(self, offset: int) -> None:
        if self.end_status is not None:
            raise CorruptStream(offset, "a record after the end")

    def _take(self, chunk: wire.Chunk, lo: int, hi: int) -> None:
        """Take the records ``lo`` to ``hi`` (exclusive), VMAs and runs only."""
        if lo == hi:
            return
        offset = self._fed + lo * RECORD_SIZE
        self._refuse_after_end(offset)
        if self._identity is None:
            raise CorruptStream(offset, "a VMA or run before any task")
        records, is_vma = chunk.records[lo:hi], chunk.kinds[lo:hi] == _VMA
        # A VMA that changed between two pieces takes its new shape before more is added.
        for first, behind in pairwise([0, *segment.reshaped(records, is_vma), hi - lo]):
            if first < behind:
                at = offset + first * RECORD_SIZE
                part = segment.parse(records[first:behind], is_vma[first:behind], at, self._tail)
                self._take_segment(part, at)

    def _take_segment(self, part: segment.Segment, offset: int) -> None:
        if len(part.pieces) or len(part.piece_runs):
            self._extend(part, offset)
        if part.awaits and len(part.vmas):
            self._close_tail()
        turns = np.flatnonzero(part.vmas["start"][1:] < part.vmas["end"][:-1]) + 1
        bounds = [0, *turns.tolist(), len(part.vmas)]
        run_bounds = np.searchsorted(part.owners, bounds).tolist()
        for i in range(len(bounds) - 1):
            self._merge(
                part.vmas[bounds[i] : bounds[i + 1]],
                part.runs[run_bounds[i] : run_bounds[i + 1]],
            )
        self._tail = part.tail

    def _extend(self, part: segment.Segment, offset: int) -> None:
        """Add pieces and runs to the newest VMA."""
        if (tail := self._tail) is None:
            return
        if len(part.pieces):
            self._take_shape(tail, part.pieces)
        row = self._vmas.rows[self.index_at(tail.start)]
        sums = [int(row[field]) for field in vma.BYTES] + part.piece_bytes
        if (sums < 0).any():
            raise CorruptStream(offset, "a piece with leaves that its sums do not count")
        vma.set_sums(row, sums)
        self._sums += part.piece_bytes
        if len(part.pieces):
            row["flags"] |= np.bitwise_or.reduce(part.pieces["flags"])
            if not (part.awaits or tail.headless):
                row["marks"] &= ~_PARTIAL
        if len(part.piece_runs):
            at = overlap(self._runs.rows, int(part.piece_runs["start"][0]), int(row["end"])).start
            self._runs.splice(at, at, part.piece_runs)

    def _take_shape(self, tail: segment.Tail, pieces: Records) -> None:
        """Make the newest VMA what it was at its next piece; all of these are alike."""
        at = self.index_at(tail.start)
        row = self._vmas.rows[at : at + 1].copy()
        if all(row[field] == pieces[field][:1] for field in _SHAPE):
            return
        run_at = overlap(self._runs.rows, tail.start, tail.end)
        runs = self._runs.rows[run_at].copy()
        self._vmas.splice(at, at + 1, row[:0])
        self._runs.splice(run_at.start, run_at.stop, runs[:0])
        self._sums -= vma.total_bytes(row)
        for field in _SHAPE:
            row[field] = pieces[field][:1]
        row["name"] = 0
        row["marks"] |= _CHANGED
        self._merge(row, runs)

    def _close_tail(self) -> None:
        """The newest VMA gets no further piece; mark it if one was due."""
        if self._tail is not None and self._tail.more:
            self._vmas.rows["marks"][self.index_at(self._tail.start)] |= _PARTIAL | _CHANGED

    def _merge(self, new: Records, new_runs: Records) -> None:
        """Put VMAs in; what they overlap gives way.

        Args:
            new: Ascending and disjoint; marked here where they overlap older ones.
            new_runs: Their runs, ascending.
        """
        if not len(new):
            return
        starts, ends = new["start"].copy(), new["end"].copy()
        start, end = int(starts[0]), int(ends[-1])
        old_at = overlap(self._vmas.rows, start, end)
        run_at = overlap(self._runs.rows, start, end)
        old = self._vmas.rows[old_at]
        if not len(old):
            self._vmas.splice(old_at.start, old_at.start, new)
            self._runs.splice(run_at.start, run_at.start, new_runs)
            self._sums += vma.total_bytes(new)
            return
        self._sums -= vma.total_bytes(old)
        over = np.searchsorted(old["start"], ends) > np.searchsorted(old["end"], starts, "right")
        new["marks"][over] |= _CHANGED
        kept_runs = runs_.without(self._runs.rows[run_at], starts, ends)
        runs = by_start(kept_runs, new_runs)
        self._runs.splice(run_at.start, run_at.stop, runs)
        rows = by_start(self._cut(old, starts, ends), new)
        self._vmas.splice(old_at.start, old_at.stop, rows)
        self._sums += vma.total_bytes(rows)

    def _cut(self, old: Records, starts: NDArray[np.uint64], ends: NDArray[np.uint64]) -> Records:
        """What newer VMAs leave of older ones, whose runs are cut already."""
        left, cut = vma.without(old, starts, ends)
        left["marks"][cut] |= _CHANGED
        for i in np.flatnonzero(cut).tolist():
            row = left[i]
            sums = runs_.vma_bytes(self.runs_of(int(row["start"]), int(row["end"])))
            vma.set_sums(row, sums)
        return left

    def _forget(self) -> None:
        self._vmas.clear()
        self._runs.clear()
        self._sums[:] = 0
        self._names = Names()
