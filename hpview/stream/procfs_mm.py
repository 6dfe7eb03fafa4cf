"""An address space seen through /proc: VMAs by query, backing by windows of regions.

What the kernel does under one hold of mmap_lock is done here for a batch of
VMAs at a time: their ranges are asked for, the regions below them scanned, and
all of it folded into records at once. A batch never outlives the call that
takes the lock again (``find_vma``).
"""

from __future__ import annotations

import errno
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hpview.errors import HpviewError, NoMemoryMap, NoSuchProcess
from hpview.stream.fold import fold, only_sums, pick, sums
from hpview.stream.hugeable import MemoryFiles, hugeable
from hpview.stream.program import PIECE_RUNS
from hpview.stream.task_vma import Vma, Walked
from hpview.wire import SLOT_SIZE, Backing, Kind, Records, RunFlag, VmaFlag, blank

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.stream.mappings import Mappings

U64 = NDArray[np.uint64]

LARGEST_BATCH: Final = 512
"""VMAs; about as many fill the kernel's buffer."""

_LARGE: Final = 1 << 28
"""Bytes of a VMA that is walked by itself: much of it might be scanned in vain in a batch."""

_SCATTERED: Final = 1 << 30
"""Bytes behind which no more of a batch is scanned, where gaps are left out."""

_ESTIMATE: Final = np.uint16(VmaFlag.ESTIMATE)
_SINGLE: Final = np.uint16(VmaFlag.SINGLE)


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


@dataclass(slots=True)
class Density:
    """How many records a VMA made lately, by which batches are measured."""

    records: float = 1.0


class ProcMm:
    """``Mm`` over /proc.

    Args:
        identity: Nonzero; another one for every mm.
        mappings: VMAs.
        regions: Backing.
        density: Of an earlier visit; kept up to date.
        files: Which files are memory; asked when it matters.

    Attributes:
        gone: It was found to be gone, by exit or exec.
    """

    def __init__(
        self,
        identity: int,
        mappings: Mappings,
        regions: Regions,
        density: Density | None = None,
        files: Callable[[], MemoryFiles] = MemoryFiles,
    ) -> None:
        self.identity = identity
        self.gone = False
        self._mappings = mappings
        self._regions = regions
        self._density = density or Density()
        self._files = files
        self._forget()

    def _forget(self) -> None:
        self._batch: U64 = np.zeros((0, len(Vma._fields)), np.uint64)
        self._walked: Walked | None = None

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``, read anew."""
        self._forget()
        try:
            self._mappings.refresh()
        except (NoSuchProcess, NoMemoryMap):
            self.gone = True
            return None
        return self._lookup(address)

    def next(self, vma: Vma, count: int = 1) -> Vma | None:
        """The VMA ``count`` places behind ``vma``, from the batch walked with it if it is there."""
        at = self._place(vma)
        if at is None:
            return self._lookup(vma.end) if count else vma
        if at + count < len(self._batch):
            return Vma(*self._batch[at + count].tolist())
        return self._lookup(int(self._batch[-1, 1]))

    def contended(self) -> bool:
        """Never: nothing is locked."""
        return False

    def walk(self, vma: Vma, start: int, room: int) -> Walked:
        """Records of ``vma`` from ``start`` on, and of VMAs behind it if it is small."""
        at = self._place(vma)
        if at is not None and start == vma.start and self._walked is not None:
            return tail(self._walked, at)
        self._batch = self._gather(vma, start, room)
        self._walked = self._describe(self._batch, start)
        self._batch = self._batch[: len(self._walked.vmas)]
        self._density.records = 1 + len(self._walked.runs) / len(self._batch)
        return self._walked

    def hugeable(self, vmas: Records) -> NDArray[np.bool_]:
        """See ``stream.hugeable``."""
        return hugeable(vmas, self._files)

    def _place(self, vma: Vma) -> int | None:
        """Where in the batch it is."""
        at = int(np.searchsorted(self._batch[:, 0], vma.start))
        return at if at < len(self._batch) and tuple(self._batch[at].tolist()) == vma else None

    def _lookup(self, address: int) -> Vma | None:
        """find_vma(); a process that has gone has no VMAs."""
        try:
            return self._mappings.find_vma(address)
        except (NoSuchProcess, NoMemoryMap):
            self.gone = True
            return None

    def _gather(self, vma: Vma, start: int, room: int) -> U64:
        """``vma`` and VMAs behind it, whose records fill ``room``; a large one alone."""
        first = np.array([vma], np.uint64)
        count = min(math.ceil(room / self._density.records), LARGEST_BATCH) - 1
        if start != vma.start or vma.end - vma.start > _LARGE or count < 1:
            return first
        try:
            batch = np.concatenate((first, self._mappings.behind(vma, count)))
        except (NoSuchProcess, NoMemoryMap):
            return first
        ends_it = batch[:, 1] - batch[:, 0] > _LARGE
        # Nothing is locked: a VMA may have grown over others while they were read.
        ends_it[1:] |= batch[1:, 0] < batch[:-1, 1]
        return batch[: int(ends_it.argmax())] if ends_it.any() else batch

    def _describe(self, batch: U64, start: int) -> Walked:
        """The VMAs that the scan covered whole, or a part of the first."""
        try:
            regions, covered = self._scan(batch, start)
        except (HpviewError, OSError) as err:
            self.gone |= isinstance(err, NoSuchProcess)
            return _unreadable(batch, start, err)
        whole = int(np.searchsorted(batch[:, 1], np.uint64(covered), side="right"))
        if not whole:
            # A slot is described once: what was seen of the last one is read again.
            return _encode(batch[:1], start, covered & -SLOT_SIZE, regions)
        return _encode(batch[:whole], start, None, regions)

    def _scan(self, batch: U64, start: int) -> tuple[Records, int]:
        """Regions of VMAs from ``start`` on, wide gaps left out, and how far they reach."""
        starts, ends = batch[:, 0], batch[:, 1]
        wide = np.flatnonzero(starts[1:] - ends[:-1] > self._regions.widest_gap)
        begins = [start, *starts[1:][wide].tolist()]
        untils = [*ends[:-1][wide].tolist(), int(ends[-1])]
        parts = []
        size = 0
        for begin, end in zip(begins, untils, strict=True):
            part, covered = self._regions.scan(begin, end)
            parts.append(part)
            size += end - begin
            if covered < end or size > _SCATTERED:
                break
        return parts[0] if len(parts) == 1 else np.concatenate(parts), covered


def tail(walked: Walked, at: int) -> Walked:
    """The same without the first ``at`` VMAs."""
    if not at:
        return walked
    first = walked.first[at:]
    return Walked(walked.vmas[at:], walked.runs[first[0] :], first - first[0])


def _encode(batch: U64, start: int, until: int | None, regions: Records) -> Walked:
    """Records of VMAs, the first from ``start`` on, and a single one only up to ``until``."""
    starts, ends = batch[:, 0].copy(), batch[:, 1].copy()
    starts[0] = start
    if until is not None:
        ends[0] = until
    folded = fold(starts, ends, batch[:, 6], regions)
    runs, first = folded.runs, folded.first
    counts = np.diff(first)
    if counts[0] > PIECE_RUNS:
        return _encode(batch[:1], start, int(runs["start"][PIECE_RUNS]), regions)
    if (counts > PIECE_RUNS).any():
        # One that needs pieces begins them with a call of its own.
        shown = int((counts > PIECE_RUNS).argmax())
        batch, first = batch[:shown], first[: shown + 1]
        runs, counts = runs[: first[-1]], counts[:shown]
    owner = np.repeat(np.arange(len(batch)), counts)
    vmas = _vma_records(batch, runs, owner)
    single = _single(batch, runs, owner)
    vmas["flags"][owner[single]] |= _SINGLE
    kept = np.concatenate(([0], np.cumsum(~single)))
    return Walked(vmas, pick(runs, np.flatnonzero(~single)), kept[first], until)


def _single(batch: U64, runs: Records, owner: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which runs say no more than the sums of their VMA, see ``HPV_VMA_SINGLE``; shape (m,)."""
    slots = batch[:, :2] - np.array([0, 1], np.uint64) >> np.uint64(21)
    single: NDArray[np.bool_] = (slots[:, 0] == slots[:, 1])[owner]
    return single & only_sums(runs)


def _unreadable(batch: U64, start: int, err: Exception) -> Walked:
    """A VMA whose backing could not be read: said so in its records."""
    run = blank(Kind.RUN, 1)
    run["backing"] = Backing.UNKNOWN
    run["start"], run["end"] = start, batch[0, 1]
    cause = err if isinstance(err, OSError) else err.__cause__
    run["err"] = cause.errno if isinstance(cause, OSError) and cause.errno else errno.ESRCH
    head = _vma_records(batch[:1], run, np.zeros(1, np.intp))
    head["flags"] |= np.uint16(VmaFlag.READ_ERROR)
    return Walked(head, run, np.array([0, 1]))


def _vma_records(batch: U64, runs: Records, owner: NDArray[np.intp]) -> Records:
    out = blank(Kind.VMA, len(batch))
    for column, name in enumerate(("start", "end", "vm_flags", "pgoff", "dev", "ino")):
        out[name] = batch[:, column]
    for name, values in sums(runs, owner, len(batch)).items():
        out[name] = values
    guesses = owner[(runs["flags"] & np.uint16(RunFlag.ESTIMATE)) != 0]
    out["flags"][guesses] |= _ESTIMATE
    return out
