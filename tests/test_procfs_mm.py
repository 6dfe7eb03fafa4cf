"""An address space behind /proc, with made-up VMAs and regions: batches, pieces, failures."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from hpview import wire
from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess
from hpview.kernelfs.pagemap import REGION, Category
from hpview.stream import procfs_mm
from hpview.stream.procfs_mm import ProcMm
from hpview.stream.task_vma import Vma
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, Kind, Records, VmaFlag
from tests.fakemm import names
from tests.test_program import Opened, check_counts


class Ranges:
    """``Mappings`` from a list."""

    def __init__(self, *spans: tuple[int, int]) -> None:
        self.vmas = [Vma(a, b, 3, 0, 0, 0, PAGE_SIZE) for a, b in spans]
        self.failing: Exception | None = None

    def refresh(self) -> None:
        if self.failing is not None:
            raise self.failing

    def find_vma(self, address: int) -> Vma | None:
        self.refresh()
        return next((v for v in self.vmas if v.end > address), None)


class Alternating:
    """``Regions``: slots with one and with two present pages by turns; at most ``reach`` bytes.

    Attributes:
        failing: Raised instead for ranges that begin at or above an address.
        scans: Slots asked for, scan by scan.
    """

    def __init__(self, reach: int = 1 << 40) -> None:
        self.reach = reach
        self.widest_gap = 1 << 64
        self.scans: list[int] = []
        self.failing: tuple[int, Exception] | None = None

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        self.scans.append((end - start) // SLOT_SIZE)
        if self.failing and start >= self.failing[0]:
            raise self.failing[1]
        until = min(end, start + self.reach)
        slots = np.arange(start // SLOT_SIZE, -(-until // SLOT_SIZE), dtype=np.uint64)
        out = np.zeros(len(slots), REGION)
        out["start"] = slots * np.uint64(SLOT_SIZE)
        out["end"] = out["start"] + (1 + slots % 2) * PAGE_SIZE
        out["categories"] = Category.PRESENT
        return out, until


@pytest.mark.parametrize("reach", [SLOT_SIZE, 6 * SLOT_SIZE + PAGE_SIZE, 1 << 40])
@pytest.mark.parametrize("count", [1, 512, 1023, 2500])
def test_pieces_of_an_address_space_behind_proc(count: int, reach: int) -> None:
    if reach == SLOT_SIZE:
        count = min(count, 200)
    begin = SLOT_SIZE
    end = begin + count * SLOT_SIZE
    maps = Ranges((PAGE_SIZE, 2 * PAGE_SIZE), (begin, end), (end, end + 3 * SLOT_SIZE))
    data = Opened(ProcMm(1, maps, Alternating(reach))).drain()
    check_counts(data)
    chunk = wire.decode(data)
    runs = chunk.of(Kind.RUN)
    assert runs["start"].tolist() == list(range(begin, end + 3 * SLOT_SIZE, SLOT_SIZE))
    assert runs["present"].tolist() == [1 + at // SLOT_SIZE % 2 for at in runs["start"].tolist()]
    assert int(chunk.of(Kind.VMA)["pages_4k"].sum()) == int(runs["present"].sum())


GONE = NoSuchProcess(1)
DENIED = AccessDenied(1)
DENIED.__cause__ = PermissionError(errno.EACCES, "no")
FAILURES = [
    (OSError(errno.EIO, "bad"), errno.EIO),
    (GONE, errno.ESRCH),
    (DENIED, errno.EACCES),
]


@pytest.mark.parametrize(("failure", "number"), FAILURES)
def test_backing_that_cannot_be_read_is_told_as_unknown(failure: Exception, number: int) -> None:
    maps = Ranges((0, SLOT_SIZE), (4 * SLOT_SIZE, 6 * SLOT_SIZE))
    regions = Alternating(SLOT_SIZE)
    regions.failing = (4 * SLOT_SIZE, failure)
    data = Opened(ProcMm(1, maps, regions)).drain()
    check_counts(data)
    chunk = wire.decode(data)
    assert chunk.of(Kind.VMA)["flags"].tolist() == [0, VmaFlag.READ_ERROR]
    assert chunk.of(Kind.VMA)["start"].tolist() == [v.start for v in maps.vmas]
    run = chunk.of(Kind.RUN)[1]
    assert (run["start"], run["end"]) == (4 * SLOT_SIZE, 6 * SLOT_SIZE)
    assert (run["backing"], run["err"], run["present"]) == (Backing.UNKNOWN, number, 0)
    assert chunk.of(Kind.END)["read_errors"].tolist() == [1]


@pytest.mark.parametrize("failure", [NoSuchProcess(1), NoMemoryMap(1, "a zombie")])
def test_a_process_that_goes_in_mid_read_ends_there(failure: Exception) -> None:
    maps = Ranges((0, SLOT_SIZE), (4 * SLOT_SIZE, 6 * SLOT_SIZE))
    stream = Opened(ProcMm(1, maps, Alternating()))
    assert len(stream.read(64)) == 64
    maps.failing = failure
    assert names(stream.drain())[-1] == "END"


def test_vmas_are_described_in_growing_batches() -> None:
    maps = Ranges(*((at * SLOT_SIZE, (at + 1) * SLOT_SIZE) for at in range(400)))
    regions = Alternating()
    data = Opened(ProcMm(1, maps, regions)).drain(1 << 20)
    assert regions.scans[:3] == [8, 32, 128]
    assert wire.decode(data).of(Kind.RUN)["start"].tolist() == [v.start for v in maps.vmas]


def test_gaps_that_would_cost_more_than_another_scan_are_left_out() -> None:
    edges = (0, 1, 3, 7, 8)
    maps = Ranges(*((at * SLOT_SIZE, (at + 1) * SLOT_SIZE) for at in edges))
    regions = Alternating()
    regions.widest_gap = 2 * SLOT_SIZE
    data = Opened(ProcMm(1, maps, regions)).drain(1 << 20)
    assert regions.scans == [4, 2]
    assert wire.decode(data).of(Kind.RUN)["start"].tolist() == [v.start for v in maps.vmas]


def test_nothing_behind_a_gap_is_scanned_before_what_is_left_in_front_of_it() -> None:
    maps = Ranges((0, 10 * SLOT_SIZE), (20 * SLOT_SIZE, 21 * SLOT_SIZE))
    regions = Alternating(4 * SLOT_SIZE)
    regions.widest_gap = SLOT_SIZE
    data = Opened(ProcMm(1, maps, regions)).drain(1 << 20)
    assert regions.scans == [10, 6, 2, 1]
    starts = [at * SLOT_SIZE for at in (*range(10), 20)]
    assert wire.decode(data).of(Kind.RUN)["start"].tolist() == starts


def test_scattered_vmas_are_scanned_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs_mm, "_SCATTERED", 2 * SLOT_SIZE)
    maps = Ranges(*((at * SLOT_SIZE, (at + 1) * SLOT_SIZE) for at in range(0, 40, 4)))
    regions = Alternating()
    regions.widest_gap = SLOT_SIZE
    mm = ProcMm(1, maps, regions)
    mm.walk(maps.vmas[0], 0)
    assert regions.scans == [1] * 3
    data = Opened(mm).drain(1 << 20)
    assert wire.decode(data).of(Kind.RUN)["start"].tolist() == [v.start for v in maps.vmas]


def test_a_lookup_forgets_the_batch() -> None:
    maps = Ranges(*((at * SLOT_SIZE, (at + 1) * SLOT_SIZE) for at in range(4)))
    regions = Alternating()
    mm = ProcMm(1, maps, regions)
    first = mm.first()
    assert first is not None
    mm.walk(first, first.start)
    second = mm.next(first)
    assert second is not None
    maps.vmas[1] = maps.vmas[1]._replace(vm_flags=1)
    assert mm.next(first) == second
    again = mm.find_vma(second.start)
    assert again == maps.vmas[1]
    assert mm.next(first) == maps.vmas[1]
    before = len(regions.scans)
    assert wire.decode(mm.walk(again, again.start).records).of(Kind.VMA)["vm_flags"] == [1]
    assert len(regions.scans) == before + 1


def test_a_piece_is_described_by_a_scan_of_its_own() -> None:
    maps = Ranges((0, 4 * SLOT_SIZE), (4 * SLOT_SIZE, 8 * SLOT_SIZE))
    mm = ProcMm(1, maps, Alternating())
    first, second = maps.vmas
    mm.walk(first, first.start)
    piece = wire.decode(mm.walk(second, 6 * SLOT_SIZE).records)
    assert piece.of(Kind.RUN)["start"].tolist() == [6 * SLOT_SIZE, 7 * SLOT_SIZE]
    assert piece.of(Kind.VMA)["start"].tolist() == [second.start]
