"""A slow, plain model of an address space, and streams to try it with.

Every record is taken one at a time; arrays of chunks must come to the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from hpview import wire
from hpview.space.vma import BYTES, Mark
from hpview.wire import PAGE_SIZE, RECORD_SIZE, SLOT_SIZE, Backing, Kind, RunFlag, VmaFlag
from tests.records import Script, run

if TYPE_CHECKING:
    import numpy as np

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

UNIT = 1 << 18
"""Ranges of the streams below are of so many bytes: an eighth of a slot."""
BASES = (0, 0x7F00_0000_0000, (1 << 62) + (1 << 40))
UNITS = 40

TABLE = (Backing.PTE_4K, Backing.SWAP, Backing.ZERO)


@dataclass(frozen=True)
class Slot:
    """What one run says of one slot."""

    lo: int
    hi: int
    backing: int
    flags: int
    counts: tuple[int, int, int, int]

    def bytes(self) -> dict[str, int]:
        """By kind, as ``Cells`` names them."""
        size = self.hi - self.lo
        out = dict.fromkeys((*BYTES, "bytes_zero", "unknown"), 0)
        if self.backing in TABLE:
            out["bytes_4k"], out["bytes_swap"], out["bytes_zero"] = (
                count * PAGE_SIZE for count in self.counts[:3]
            )
        if self.backing == Backing.ZERO and self.flags & RunFlag.PMD_ZERO:
            out["bytes_zero"] = size
        if self.backing == Backing.PMD_2M:
            out["bytes_2m"] = size
        if self.backing == Backing.PUD_1G:
            out["bytes_1g"] = size
        if self.backing == Backing.UNKNOWN:
            out["unknown"] = size
        return out

    def used(self) -> Slot:
        """Without the counts where the range is what counts."""
        if (self.backing in TABLE and not self.flags) or self.backing == Backing.NONE:
            return self
        return replace(self, counts=(0, 0, 0, 0))

    def cut(self, lo: int, hi: int) -> Slot | None:
        lo, hi = max(lo, self.lo), min(hi, self.hi)
        if lo >= hi:
            return None
        if (lo, hi) == (self.lo, self.hi):
            return self
        left = (hi - lo) // PAGE_SIZE
        counts = []
        for count in self.counts:
            counts.append(min(count, left))
            left -= counts[-1]
        return Slot(lo, hi, self.backing, self.flags, (counts[0], counts[1], counts[2], counts[3]))


@dataclass
class Vma:
    start: int
    end: int
    pgoff: int
    ino: int
    flags: int
    marks: int = 0
    slots: list[Slot] = field(default_factory=list)

    def sums(self) -> list[int]:
        return [sum(slot.bytes()[key] for slot in self.slots) for key in BYTES]

    def cut(self, lo: int, hi: int) -> Vma:
        slots = [part for slot in self.slots if (part := slot.cut(lo, hi))]
        moved = (lo - self.start) // PAGE_SIZE if self.ino else 0
        return Vma(
            lo, hi, self.pgoff + moved, self.ino, self.flags, self.marks | Mark.CHANGED, slots
        )


def slots_of_run(record: np.void) -> list[Slot]:
    """One ``wire.RUN`` or ``RUN`` row, slot by slot."""
    out = []
    lo, end = int(record["start"]), int(record["end"])
    counts = tuple(int(record[key]) for key in ("present", "swapped", "zero", "guard"))
    while lo < end:
        hi = min(end, (lo // SLOT_SIZE + 1) * SLOT_SIZE)
        out.append(
            Slot(
                lo,
                hi,
                int(record["backing"]),
                int(record["flags"]),
                (counts[0], counts[1], counts[2], counts[3]),
            )
        )
        lo = hi
    return out


class Model:
    """Takes records one by one."""

    def __init__(self) -> None:
        self.vmas: list[Vma] = []
        self.mm: int | None = None
        self.execs = 0
        self._last: Vma | None = None
        self._more = False
        self._headless = False

    def feed(self, data: bytes) -> None:
        for at in range(0, len(data), RECORD_SIZE):
            chunk = wire.decode(data[at : at + RECORD_SIZE])
            kind = Kind(int(chunk.kinds[0]))
            record = chunk.of(kind)[0]
            if kind is Kind.VMA:
                self._take_vma(record)
            elif kind is Kind.RUN:
                assert self._last is not None
                self._last.slots.extend(slots_of_run(record))
            else:
                self._break_off()
                self._last = None
                if kind is Kind.TASK:
                    self._take_task(int(record["mm"]))

    def _take_task(self, mm: int) -> None:
        if self.mm is not None and mm != self.mm:
            self.vmas = []
            self.execs += 1
        self.mm = mm

    def _break_off(self) -> None:
        if self._last is not None and self._more:
            self._last.marks |= Mark.PARTIAL | Mark.CHANGED
        self._more = False

    def _take_vma(self, record: np.void) -> None:
        start, end, flags = int(record["start"]), int(record["end"]), int(record["flags"])
        own = flags & ~(VmaFlag.CONT | VmaFlag.MORE)
        last = self._last
        cont = bool(flags & VmaFlag.CONT)
        if cont and self._more and last is not None and (last.start, last.end) == (start, end):
            last.flags |= own
        else:
            self._break_off()
            last = Vma(start, end, int(record["pgoff"]), int(record["ino"]), own)
            self._headless = cont
            if cont:
                last.marks |= Mark.CHANGED
            self._put(last)
        self._last = last
        self._more = bool(flags & VmaFlag.MORE)
        last.marks &= ~Mark.PARTIAL
        if self._more or self._headless:
            last.marks |= Mark.PARTIAL

    def _put(self, new: Vma) -> None:
        left = []
        for old in self.vmas:
            if old.end <= new.start or new.end <= old.start:
                left.append(old)
                continue
            new.marks |= Mark.CHANGED
            if old.start < new.start:
                left.append(old.cut(old.start, new.start))
            if new.end < old.end:
                left.append(old.cut(new.end, old.end))
        self.vmas = sorted([*left, new], key=lambda vma: vma.start)

    def assert_equal(self, space: AddressSpace, *, runs_due: bool) -> None:
        """Compare all of it with what the real one knows.

        The model sums up runs, so with ``runs_due`` (the newest VMA's were not all fed)
        it cannot know the sums.
        """
        vmas: Records = space.vmas
        keys = ("start", "end", "pgoff", "ino", "flags", "marks")
        assert [tuple(int(row[key]) for key in keys) for row in vmas] == [
            tuple(int(getattr(vma, key)) for key in keys) for vma in self.vmas
        ]
        for row, vma in zip(vmas, self.vmas, strict=True):
            if not (runs_due and vma is self._last):
                assert [int(row[key]) for key in BYTES] == vma.sums()
        real = [slot.used() for row in space.runs for slot in slots_of_run(row)]
        assert real == [slot.used() for vma in self.vmas for slot in vma.slots]
        totals = space.totals
        for key in BYTES:
            assert getattr(totals, key) == int(vmas[key].sum())
        assert totals.vmas == len(self.vmas)
        assert space.execs == self.execs
        assert space.changed == sum(bool(vma.marks & Mark.CHANGED) for vma in self.vmas)


@st.composite
def _slot_runs(draw: st.DrawFn, start: int, end: int) -> list[tuple[int, int, bytes]]:
    """Runs of one VMA: (start, end, record), equal neighbours joined."""
    kinds = st.sampled_from(
        ["none", "2m", "2m", "1g", "4k", "4k", "full", "swap", "zero", "guard", "unknown", "pmd0"]
    )
    runs: list[tuple[int, int, tuple[int, int, tuple[int, ...]]]] = []
    lo = start
    while lo < end:
        hi = min(end, (lo // SLOT_SIZE + 1) * SLOT_SIZE)
        pages = (hi - lo) // PAGE_SIZE
        what = {
            "none": None,
            "2m": (Backing.PMD_2M, 0, (512, 0, 0, 0)),
            "1g": (Backing.PUD_1G, 0, (512, 0, 0, 0)),
            "4k": (Backing.PTE_4K, 0, (30, 20, 10, 4)),
            "full": (Backing.PTE_4K, 0, (pages - 3, 3, 0, 0)),
            "swap": (Backing.SWAP, 0, (0, 50, 14, 0)),
            "zero": (Backing.ZERO, 0, (0, 0, 64, 0)),
            "guard": (Backing.NONE, 0, (0, 0, 0, 60)),
            "unknown": (Backing.UNKNOWN, 0, (0, 0, 0, 0)),
            "pmd0": (Backing.ZERO, int(RunFlag.PMD_ZERO), (0, 0, 512, 0)),
        }[draw(kinds)]
        if what is not None:
            if runs and runs[-1][1] == lo and runs[-1][2] == what:
                runs[-1] = (runs[-1][0], hi, what)
            else:
                runs.append((lo, hi, what))
        lo = hi
    return [
        (lo, hi, run(lo, hi, backing, present=c[0], swapped=c[1], zero=c[2], guard=c[3], flags=f))
        for lo, hi, (backing, f, c) in runs
    ]


@st.composite
def scripts(draw: st.DrawFn, *, quiet: bool = False, base: int | None = None) -> list[bytes]:
    """The records of a stream; with ``quiet`` its VMAs ascend and nothing goes wrong."""
    base = draw(st.sampled_from(BASES)) if base is None else base
    script = Script()
    at = 0
    mm = 1
    for _ in range(draw(st.integers(0, 9))):
        step = draw(st.integers(0, 9))
        if not quiet and step == 9:
            mm += draw(st.integers(0, 1))
            script.task(mm=mm)
            at = 0
        if not quiet and draw(st.integers(0, 2)) == 0:
            at = draw(st.integers(0, UNITS - 1))
        else:
            at += step
        size = draw(st.integers(1, 20))
        if at + size > UNITS:
            break
        _add_vma(draw, script, base + at * UNIT, base + (at + size) * UNIT, quiet=quiet)
        at += size
    if quiet or draw(st.booleans()):
        script.end()
    return script.records


def _add_vma(draw: st.DrawFn, script: Script, start: int, end: int, *, quiet: bool) -> None:
    runs = draw(_slot_runs(start, end))
    ino = draw(st.sampled_from([0, 7]))
    pgoff = draw(st.integers(0, 5)) if ino else 0
    flags = draw(st.sampled_from([0, 0, 0, VmaFlag.READ_ERROR]))
    count = draw(st.sampled_from([1, 1, 2, 3]))
    cuts = sorted(draw(st.integers(0, len(runs))) for _ in range(count - 1))
    bounds = [0, *cuts, len(runs)]
    for piece in range(count):
        if not quiet and count > 1 and draw(st.integers(0, 3)) == 0:
            continue
        place = VmaFlag.CONT * (piece > 0) | VmaFlag.MORE * (piece < count - 1)
        records = [record for _, _, record in runs[bounds[piece] : bounds[piece + 1]]]
        script.vma(start, end, *records, flags=flags | place, ino=ino, pgoff=pgoff)


@st.composite
def chunked(draw: st.DrawFn, records: list[bytes]) -> list[bytes]:
    """The same records in chunks that end anywhere between two."""
    cuts = draw(st.lists(st.integers(0, len(records)), max_size=6))
    bounds = sorted({0, *cuts, len(records)})
    return [b"".join(records[lo:hi]) for lo, hi in pairwise(bounds)]
