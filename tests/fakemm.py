"""An address space written as a string: one letter a page, equal neighbours are one VMA.

``FakeMm("AAB.CC")`` has the VMAs A0-2, B2-3 and C4-6, and ``.`` is unmapped. Changing
letters splits and merges VMAs the way mprotect(2) does.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from hpview import wire
from hpview.stream.program import PIECE_RUNS
from hpview.stream.seq_file import SeqFile
from hpview.stream.task_vma import TaskVma, Vma, Walked
from hpview.wire import PAGE_SIZE, Backing, Kind, MmFlag, RollupFlag, Source, Status, VmaFlag
from tests import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from hpview.stream.program import WalkProgram
    from hpview.wire import Records


class FakeMm:
    """``Mm``.

    Attributes:
        pages: The letters.
        runs: How many RUN records a VMA has, by its letter.
        contention: What happens each time the iterator offers to give way: None for
            nobody waits, else what the writer does.
        walked: Every (VMA, start) that was asked for.
        batch_size: How many VMAs a walk tells of at most, if none needs pieces.
        batch: Those of the last walk.
    """

    def __init__(self, pages: str, identity: int = 1) -> None:
        self.pages = pages
        self.identity = identity
        self.runs: dict[str, int] = {}
        self.contention: list[Callable[[], None] | None] = []
        self.walked: list[str] = []
        self.batch_size = 1
        self.batch: list[Vma] = []

    def vmas(self) -> list[Vma]:
        found = []
        page = 0
        for letter, group in groupby(self.pages):
            length = len(list(group))
            if letter != ".":
                start, end = page * PAGE_SIZE, (page + length) * PAGE_SIZE
                found.append(Vma(start, end, ord(letter), 0, 0, 0, PAGE_SIZE))
            page += length
        return found

    def next(self, vma: Vma, count: int = 1) -> Vma | None:
        if vma not in self.batch:
            assert count <= 1
            return self._above(vma.end) if count else vma
        at = self.batch.index(vma) + count
        assert at <= len(self.batch)
        return self.batch[at] if at < len(self.batch) else self._above(self.batch[-1].end)

    def find_vma(self, address: int) -> Vma | None:
        self.batch = []
        return self._above(address)

    def _above(self, address: int) -> Vma | None:
        return next((v for v in self.vmas() if v.end > address), None)

    def contended(self) -> bool:
        happens = self.contention.pop(0) if self.contention else None
        if happens is not None:
            happens()
        return happens is not None

    def change(self, at: int, letters: str) -> None:
        self.pages = self.pages[:at] + letters + self.pages[at + len(letters) :]

    def become(self, pages: str) -> None:
        self.pages = pages

    def walk(self, vma: Vma, start: int, room: int) -> Walked:
        """Run ``i`` says ``i`` pages present and begins ``i`` bytes behind the start."""
        assert room >= 0
        self.walked.append(f"{name(vma.start, vma.end, vma.vm_flags)}+{start - vma.start}")
        first = start - vma.start
        count = self.count(vma)
        self.batch = [vma]
        if first or count - first > PIECE_RUNS:
            last = max(first, min(count, first + PIECE_RUNS))
            return walked([said(vma, first, last)], None if last >= count else vma.start + last)
        for other in self.vmas():
            if other.start > vma.start and len(self.batch) < self.batch_size:
                if self.count(other) > PIECE_RUNS:
                    break
                self.batch.append(other)
        return walked([said(v, 0, self.count(v)) for v in self.batch], None)

    def hugeable(self, vmas: Records) -> NDArray[np.bool_]:
        """Those with a capital letter."""
        return np.array([chr(flags).isupper() for flags in vmas["vm_flags"].tolist()], bool)

    def count(self, vma: Vma) -> int:
        return self.runs.get(chr(vma.vm_flags), 0)


def said(vma: Vma, first: int, last: int) -> bytes:
    """A VMA record and runs ``first`` to ``last`` of it: each a huge slot and a small page."""
    run = bytearray(records.run(0, 0, 1))
    count = last - first
    sums = {"slots_2m": count, "pages_4k": count}
    out = [records.vma(vma.start, vma.end, vm_flags=vma.vm_flags, **sums)]
    for i in range(first, last):
        run[8:16] = (vma.start + i).to_bytes(8, "little")
        run[16:24] = (vma.start + i + 1).to_bytes(8, "little")
        out.append(bytes(run))
    return b"".join(out)


def walked(vmas: list[bytes], resume: int | None) -> Walked:
    """Records, VMA by VMA, as a walk hands them over."""
    chunk = wire.decode(b"".join(vmas))
    counts = [len(data) // wire.RECORD_SIZE - 1 for data in vmas]
    first = np.concatenate(([0], np.cumsum(counts)))
    return Walked(chunk.of(Kind.VMA), chunk.of(Kind.RUN), first, resume)


class FakeTask:
    """``Task``; an mm can be swapped or taken away. Only the leader lends it unless told."""

    def __init__(self, space: FakeMm | None, *, tid: int = 100, tgid: int = 100) -> None:
        self.space = space
        self.tid = tid
        self.tgid = tgid
        self.lends = tid == tgid

    def comm(self) -> bytes:
        return b"target"

    def start_time(self) -> int:
        return 0

    def mm_flags(self) -> MmFlag:
        return MmFlag(0)

    def mm(self) -> FakeMm | None:
        return self.space


class FakeTasks:
    """``Tasks`` from a list that may be changed."""

    def __init__(self, *tasks: FakeTask) -> None:
        self.tasks = list(tasks)

    def find(self, tid: int) -> FakeTask | None:
        return next((task for task in self.tasks if task.tid == tid), None)

    def after(self, tid: int) -> FakeTask | None:
        tids = [task.tid for task in self.tasks]
        at = tids.index(tid) + 1 if tid else 0
        return self.tasks[at] if at < len(tids) else None


class Reading:
    """A stream over fakes: ``read()`` gives the names of the records of one chunk."""

    def __init__(self, program: WalkProgram, *tasks: FakeTask) -> None:
        self.tasks = FakeTasks(*tasks)
        self.iterator = TaskVma(self.tasks, program)
        self.file = SeqFile(self.iterator)

    def read(self, count: int = 511) -> list[str]:
        """One fill that ends behind ``count`` records, if it was not cut before."""
        data = b""
        missing = count * wire.RECORD_SIZE
        while missing > 0 and (part := self.file.read(missing)):
            data += part
            missing = -len(data) % wire.RECORD_SIZE
        return names(data)

    def rest(self) -> list[str]:
        return [line for chunk in iter(self.read, []) for line in chunk]


def name(start: int, end: int, vm_flags: int) -> str:
    return f"{chr(vm_flags)}{start // PAGE_SIZE}-{end // PAGE_SIZE}"


def names(data: bytes) -> list[str]:
    """``TASK100:1`` (tid, mm), ``A0-2`` (with CONT, MORE), ``run``, ``END`` (and its status)."""
    return list(_names(data))


def _names(data: bytes) -> Iterable[str]:
    for at in range(0, len(data), wire.RECORD_SIZE):
        chunk = wire.decode(data[at : at + wire.RECORD_SIZE])
        kind = Kind(int(chunk.kinds[0]))
        record = chunk.of(kind)[0]
        if kind is Kind.TASK:
            yield f"TASK{record['tid']}:{record['mm']}"
        elif kind is Kind.VMA:
            bits = VmaFlag(int(record["flags"]))
            cont = "+" if bits & VmaFlag.CONT else ""
            more = "+" if bits & VmaFlag.MORE else ""
            shown = name(int(record["start"]), int(record["end"]), int(record["vm_flags"]))
            yield f"{cont}{shown}{more}"
        elif kind is Kind.RUN:
            yield "run" if record["backing"] != Backing.UNKNOWN else f"unknown:{record['err']}"
        elif kind is Kind.ROLLUP:
            flags = "".join(
                f"+{flag.name}"
                for flag in RollupFlag(int(record["flags"]))
                if flag is not RollupFlag.GAP
            )
            size = int(record["size"]) // PAGE_SIZE
            yield f"ROLLUP:{record['vmas']}:{size}:{int(record['bytes_2m']) >> 21}{flags}"
        else:
            status = Status(int(record["status"]))
            yield "END" if status is Status.COMPLETE else f"END:{status.name}"


class Reference:
    """The emulator that was proved equal to the kernel's iterator, with records of any size.

    Unlike the code under test it is one loop: no task, no program, no buffer of its own.
    """

    def __init__(self, task: FakeTask) -> None:
        self.task = task
        self.previous = (0, 0)
        self.started = self.done = False
        self.left = b""
        self.shown_mm = 0
        self.counts = {"tasks": 0, "vmas": 0, "runs": 0}

    def read(self, size: int) -> bytes:
        if not self.left and not self.done:
            self.left = self._fill(size)
        out, self.left = self.left[:size], self.left[size:]
        return out

    def _find(self, mm: FakeMm) -> Vma | None:
        found = mm.find_vma(self.previous[1] - 1)
        if found is not None and found[:2] == self.previous:
            return mm.find_vma(found.end)
        return found

    def _fill(self, size: int) -> bytes:
        out = b""
        mm = self.task.space
        vma = None if mm is None else self._find(mm) if self.started else mm.find_vma(0)
        self.started = True
        while mm is not None and vma is not None:
            data = said(vma, 0, mm.count(vma))
            new = mm.identity != self.shown_mm
            if new:
                data = records.task(source=Source.BPF, mm=mm.identity) + data
            if len(out) + len(data) >= 32768:
                break
            out += data
            self.shown_mm = mm.identity
            self.counts["tasks"] += new
            self.counts["vmas"] += 1
            self.counts["runs"] += len(data) // wire.RECORD_SIZE - 1 - new
            if mm.contended():
                self.previous = vma[:2]
                vma = self._find(mm)
            else:
                vma = mm.find_vma(vma.end)
            if len(out) >= size:
                break
        if vma is not None:
            self.previous = ((1 << 64) - 1, vma.end)
            return out
        trailer = records.end(**self.counts)
        if len(out) + len(trailer) < 32768:
            self.done = True
            return out + trailer
        self.task.space = None
        return out
