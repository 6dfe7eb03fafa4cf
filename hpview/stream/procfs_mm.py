"""An address space seen through /proc: VMAs by query, backing by windows of regions.

What the kernel does under one hold of mmap_lock is done here for a batch of
VMAs at a time: their ranges are asked for, the regions below them scanned, and
all of it folded into records at once. A batch never outlives the call that
takes the lock again (``find_vma``).
"""

from __future__ import annotations

import errno
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from hpview.errors import HpviewError, NoMemoryMap, NoSuchProcess
from hpview.stream.fold import fold, sums
from hpview.stream.program import PIECE_RUNS
from hpview.stream.task_vma import Piece, Vma
from hpview.wire import RECORD_SIZE, SLOT_SIZE, Backing, Kind, Records, RunFlag, VmaFlag, blank

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST_BATCH: Final = 8
_LARGEST_BATCH: Final = 256
_SCATTERED: Final = 1 << 30
"""Bytes behind which no more of a batch is scanned, where gaps are left out."""


class Mappings(Protocol):
    """Answers find_vma()."""

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``."""
        ...

    def refresh(self) -> None:
        """The lock is taken anew: forget what was known."""
        ...


class Regions(Protocol):
    """Tells what is behind a range of addresses."""

    @property
    def widest_gap(self) -> int:
        """Bytes of unmapped addresses that are cheaper to read over than to leave out."""
        ...

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        """Regions from ``start`` on (``kernelfs.pagemap.REGION``) and how far they reach.

        Bounded in work: the second value, at least one slot above ``start``
        unless that is beyond ``end``, may be less than ``end``.
        """
        ...


class ProcMm:
    """``Mm`` over /proc.

    Args:
        identity: Nonzero; another one for every mm.
        mappings: VMAs.
        regions: Backing.
    """

    def __init__(self, identity: int, mappings: Mappings, regions: Regions) -> None:
        self.identity = identity
        self._mappings = mappings
        self._regions = regions
        self._batch_size = _FIRST_BATCH
        self._following: dict[int, Vma] = {}
        self._pieces: dict[int, Piece] = {}

    def first(self) -> Vma | None:
        """The lowest VMA."""
        return self.find_vma(0)

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``, read anew."""
        self._following.clear()
        self._pieces.clear()
        self._batch_size = _FIRST_BATCH
        try:
            self._mappings.refresh()
        except (NoSuchProcess, NoMemoryMap):
            return None
        return self._lookup(address)

    def next(self, vma: Vma) -> Vma | None:
        """The VMA behind ``vma``, from the batch read with it where there is one."""
        known = self._following.get(vma.start)
        return known if known is not None else self._lookup(vma.end)

    def contended(self) -> bool:
        """Never: nothing is locked."""
        return False

    def walk(self, vma: Vma, start: int) -> Piece:
        """Records of ``vma`` from ``start`` on; those of its neighbours are kept for later."""
        if start == vma.start:
            piece = self._pieces.pop(vma.start, None)
            if piece is not None:
                return piece
        vmas = self._gather(vma)
        pieces = self._describe(vmas, start)
        for other, piece in zip(vmas[1:], pieces[1:], strict=False):
            self._pieces[other.start] = piece
        return pieces[0]

    def _lookup(self, address: int) -> Vma | None:
        """find_vma(); a process that has gone has no VMAs."""
        try:
            return self._mappings.find_vma(address)
        except (NoSuchProcess, NoMemoryMap):
            return None

    def _gather(self, vma: Vma) -> list[Vma]:
        """``vma`` and the VMAs behind it, a batch of them."""
        vmas = [vma]
        while len(vmas) < self._batch_size:
            following = self.next(vmas[-1])
            if following is None:
                break
            self._following[vmas[-1].start] = following
            vmas.append(following)
        self._batch_size = min(self._batch_size * 4, _LARGEST_BATCH)
        return vmas

    def _describe(self, vmas: list[Vma], start: int) -> list[Piece]:
        """A piece for each VMA that the scan covered whole, or one for a part of the first."""
        try:
            regions, covered = self._scan(vmas, start)
        except (HpviewError, OSError) as err:
            return [_unreadable(vmas[0], start, err)]
        whole = [v for v in vmas if v.end <= covered]
        if not whole:
            # A slot is described once: what was seen of the last one is read again.
            return _encode(vmas[:1], start, covered & -SLOT_SIZE, regions)
        return _encode(whole, start, None, regions)

    def _scan(self, vmas: list[Vma], start: int) -> tuple[Records, int]:
        """Regions of VMAs from ``start`` on, wide gaps left out, and how far they reach."""
        parts = []
        size = 0
        gap = self._regions.widest_gap
        gaps = [(a.end, b.start) for a, b in pairwise(vmas) if b.start - a.end > gap]
        edges = [start, *(edge for both in gaps for edge in both), vmas[-1].end]
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            part, covered = self._regions.scan(begin, end)
            parts.append(part)
            size += end - begin
            if covered < end or size > _SCATTERED:
                break
        return np.concatenate(parts), covered


def _encode(vmas: list[Vma], start: int, until: int | None, regions: Records) -> list[Piece]:
    """Records of VMAs, the first from ``start`` on, and a single one only up to ``until``."""
    table = np.array(vmas, dtype=np.uint64)
    starts, ends = table[:, 0].copy(), table[:, 1].copy()
    starts[0] = start
    if until is not None:
        ends[0] = until
    folded = fold(starts, ends, table[:, 6], regions)
    counts = np.diff(folded.first)
    if counts[0] > PIECE_RUNS:
        full = int(folded.runs["start"][PIECE_RUNS])
        return _encode(vmas[:1], start, full, regions)
    # One that needs pieces begins them with a call of its own.
    shown = int((counts > PIECE_RUNS).argmax()) if (counts > PIECE_RUNS).any() else len(vmas)
    table, counts = table[:shown], counts[:shown]
    runs = folded.runs[: folded.first[shown]]
    records = np.zeros((shown + len(runs), RECORD_SIZE), np.uint8)
    heads = folded.first[:shown] + np.arange(shown)
    body = np.ones(len(records), bool)
    body[heads] = False
    records[heads] = _bytes(_vma_records(table, runs, np.repeat(np.arange(shown), counts)))
    records[body] = _bytes(runs)
    data = records.tobytes()
    cuts = [*(heads * RECORD_SIZE).tolist(), len(data)]
    return [Piece(data[a:b], until) for a, b in pairwise(cuts)]


def _unreadable(vma: Vma, start: int, err: Exception) -> Piece:
    """A VMA whose backing could not be read: said so in its records."""
    run = blank(Kind.RUN, 1)
    run["backing"] = Backing.UNKNOWN
    run["start"], run["end"] = start, vma.end
    cause = err if isinstance(err, OSError) else err.__cause__
    run["err"] = cause.errno if isinstance(cause, OSError) and cause.errno else errno.ESRCH
    table = np.array([vma], dtype=np.uint64)
    head = _vma_records(table, run, np.zeros(1, np.intp))
    head["flags"] |= np.uint16(VmaFlag.READ_ERROR)
    return Piece(head.tobytes() + run.tobytes(), None)


def _bytes(records: Records) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(-1, RECORD_SIZE)


def _vma_records(table: NDArray[np.uint64], runs: Records, owner: NDArray[np.intp]) -> Records:
    out = blank(Kind.VMA, len(table))
    for column, name in enumerate(("start", "end", "vm_flags", "pgoff", "dev", "ino")):
        out[name] = table[:, column]
    for name, values in sums(runs, owner, len(table)).items():
        out[name] = values
    guesses = owner[(runs["flags"] & RunFlag.ESTIMATE) != 0]
    out["flags"][guesses] |= np.uint16(VmaFlag.ESTIMATE)
    return out
