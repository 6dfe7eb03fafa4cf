"""An address space behind /proc, with made-up VMAs and regions: batches, pieces, failures."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    def behind(self, vma: Vma, count: int) -> NDArray[np.uint64]:
        self.refresh()
        found = [v for v in self.vmas if v.end > vma.end][:count]
        return np.array(found, np.uint64).reshape(-1, 7)


class Alternating:
    """``Regions``: slots with one and with two present pages by turns; at most ``reach`` bytes.

    Attributes:
        failing: Raised instead for ranges that begin at or above an address.
        scans: Slots asked for, scan by scan.
    """

    def __init__(self, reach: int = 1 << 40) -> None:
        self.reach = reach
        self.widest_gap = (1 << 64) - 1
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


def told(data: bytes) -> list[tuple[int, int]]:
    """Start and present pages of each run, those included that the flag SINGLE stands for."""
    chunk = wire.decode(data)
    vmas, runs = chunk.of(Kind.VMA), chunk.of(Kind.RUN)
    single = vmas[(vmas["flags"] & VmaFlag.SINGLE) != 0]
    found = [(int(r["start"]), int(r["present"])) for r in runs]
    return sorted(found + [(int(v["start"]), int(v["pages_4k"])) for v in single])


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
    starts = range(begin, end + 3 * SLOT_SIZE, SLOT_SIZE)
    assert told(data) == [(at, 1 + at // SLOT_SIZE % 2) for at in starts]
    assert int(wire.decode(data).of(Kind.VMA)["pages_4k"].sum()) == sum(n for _, n in told(data))


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
    assert chunk.of(Kind.VMA)["flags"].tolist() == [VmaFlag.SINGLE, VmaFlag.READ_ERROR]
    assert chunk.of(Kind.VMA)["start"].tolist() == [v.start for v in maps.vmas]
    run = chunk.of(Kind.RUN)[0]
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


class Pairs:
    """``Regions``: a zero page and a present one in each slot, so that it takes a RUN."""

    widest_gap = (1 << 64) - 1

    def __init__(self) -> None:
        self.scans: list[int] = []

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        self.scans.append((end - start) // SLOT_SIZE)
        slots = np.arange(start // SLOT_SIZE, -(-end // SLOT_SIZE), dtype=np.uint64)
        out = np.zeros(2 * len(slots), REGION)
        out["start"] = np.repeat(slots * np.uint64(SLOT_SIZE), 2)
        out["start"][1::2] += PAGE_SIZE
        out["end"] = out["start"] + PAGE_SIZE
        out["categories"][::2] = Category.PRESENT
        out["categories"][1::2] = Category.PRESENT | Category.PFNZERO
        return out, end


def one_slot_each(count: int, step: int = 1) -> Ranges:
    return Ranges(*((i * SLOT_SIZE, (i + 1) * SLOT_SIZE) for i in range(0, count * step, step)))


def test_a_batch_is_what_the_buffer_has_room_for() -> None:
    regions = Alternating()
    data = Opened(ProcMm(1, one_slot_each(1500), regions)).drain()
    assert regions.scans == [511, 511, 479]
    assert wire.decode(data).of(Kind.VMA)["flags"].tolist() == [VmaFlag.SINGLE] * 1500


def test_a_batch_is_measured_by_the_records_of_the_one_before() -> None:
    pairs = Pairs()
    mm = ProcMm(1, one_slot_each(1500), pairs)
    data = Opened(mm).drain()
    assert pairs.scans == [511, *[256] * 4, 225]
    assert len(wire.decode(data).of(Kind.RUN)) == 1500


@pytest.mark.parametrize("size", [64, 640])
def test_a_small_read_looks_no_further_than_it_needs(size: int) -> None:
    regions = Alternating()
    stream = Opened(ProcMm(1, one_slot_each(50), regions))
    for _ in range(3):
        stream.read(size)
    assert max(regions.scans) <= size // 64
    assert sum(regions.scans) <= 3 * size // 64 + 3


@pytest.mark.parametrize("size", [64, 100, 640, 5000, 32768, 1 << 20])
def test_any_size_yields_the_same_bytes(size: int) -> None:
    maps = Ranges(*((i * PAGE_SIZE, (i + 1) * PAGE_SIZE) for i in range(0, 3000, 3)))
    maps.vmas.insert(200, Vma(600 * PAGE_SIZE, 603 * PAGE_SIZE, 1, 0, 0, 0, PAGE_SIZE))
    maps.vmas.sort()
    maps.vmas.append(Vma(1 << 30, (1 << 30) + 2000 * SLOT_SIZE, 3, 0, 0, 0, PAGE_SIZE))
    once = Opened(ProcMm(1, maps, Pairs())).drain()
    assert Opened(ProcMm(1, maps, Pairs())).drain(size) == once


def test_a_large_vma_is_walked_by_itself() -> None:
    maps = Ranges((0, SLOT_SIZE), (SLOT_SIZE, 400 * SLOT_SIZE), (400 * SLOT_SIZE, 401 * SLOT_SIZE))
    regions = Alternating()
    Opened(ProcMm(1, maps, regions)).drain()
    assert regions.scans == [1, 399, 1]


def test_gaps_that_would_cost_more_than_another_scan_are_left_out() -> None:
    edges = (0, 1, 3, 7, 8)
    maps = Ranges(*((at * SLOT_SIZE, (at + 1) * SLOT_SIZE) for at in edges))
    regions = Alternating()
    regions.widest_gap = 2 * SLOT_SIZE
    data = Opened(ProcMm(1, maps, regions)).drain(1 << 20)
    assert regions.scans == [4, 2]
    assert [start for start, _ in told(data)] == [v.start for v in maps.vmas]


def test_nothing_behind_a_gap_is_scanned_before_what_is_left_in_front_of_it() -> None:
    maps = Ranges((0, 10 * SLOT_SIZE), (20 * SLOT_SIZE, 21 * SLOT_SIZE))
    regions = Alternating(4 * SLOT_SIZE)
    regions.widest_gap = SLOT_SIZE
    data = Opened(ProcMm(1, maps, regions)).drain(1 << 20)
    assert regions.scans == [10, 6, 2, 1]
    assert [start // SLOT_SIZE for start, _ in told(data)] == [*range(10), 20]


def test_scattered_vmas_are_scanned_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs_mm, "_SCATTERED", 2 * SLOT_SIZE)
    maps = one_slot_each(10, 4)
    regions = Alternating()
    regions.widest_gap = SLOT_SIZE
    mm = ProcMm(1, maps, regions)
    assert len(mm.walk(maps.vmas[0], 0, 511).vmas) == 3
    assert regions.scans == [1] * 3
    data = Opened(mm).drain(1 << 20)
    assert wire.decode(data).of(Kind.VMA)["start"].tolist() == [v.start for v in maps.vmas]


def test_a_lookup_forgets_the_batch() -> None:
    maps = one_slot_each(4)
    regions = Alternating()
    mm = ProcMm(1, maps, regions)
    first = mm.find_vma(0)
    assert first is not None
    assert len(mm.walk(first, first.start, 511).vmas) == 4
    second = mm.next(first)
    assert second is not None
    maps.vmas[1] = maps.vmas[1]._replace(vm_flags=1)
    assert mm.next(first) == second
    again = mm.find_vma(second.start)
    assert again == maps.vmas[1]
    assert mm.next(first) == maps.vmas[1]
    before = len(regions.scans)
    assert mm.walk(again, again.start, 1).vmas["vm_flags"].tolist() == [1]
    assert len(regions.scans) == before + 1


def test_the_rest_of_a_batch_is_not_scanned_again() -> None:
    maps = one_slot_each(6)
    regions = Alternating()
    mm = ProcMm(1, maps, regions)
    whole = mm.walk(maps.vmas[0], 0, 511)
    third = mm.next(maps.vmas[0], 2)
    assert third == maps.vmas[2]
    rest = mm.walk(third, third.start, 1)
    assert rest.vmas.tolist() == whole.vmas[2:].tolist()
    assert rest.first.tolist() == [0] * 5
    assert mm.next(maps.vmas[0], 6) is None
    assert len(regions.scans) == 1


def test_the_rest_of_a_batch_has_its_own_runs() -> None:
    maps = one_slot_each(6)
    mm = ProcMm(1, maps, Pairs())
    whole = mm.walk(maps.vmas[0], 0, 511)
    rest = mm.walk(maps.vmas[4], maps.vmas[4].start, 511)
    assert rest.first.tolist() == [0, 1, 2]
    assert rest.runs.tobytes() == whole.runs[4:].tobytes()


def test_a_piece_is_described_by_a_scan_of_its_own() -> None:
    maps = Ranges((0, 4 * SLOT_SIZE), (4 * SLOT_SIZE, 8 * SLOT_SIZE))
    mm = ProcMm(1, maps, Alternating())
    first, second = maps.vmas
    mm.walk(first, first.start, 511)
    piece = mm.walk(second, 6 * SLOT_SIZE, 511)
    assert piece.runs["start"].tolist() == [6 * SLOT_SIZE, 7 * SLOT_SIZE]
    assert piece.vmas["start"].tolist() == [second.start]


class Torn(Ranges):
    """VMAs that were merged while they were read: the list tells both, a lookup the truth."""

    def behind(self, vma: Vma, count: int) -> NDArray[np.uint64]:
        torn = [v for v in self.vmas if v.end > vma.end]
        return np.array([v for v in (*self.before, *torn) if v.end > vma.end], np.uint64)[:count]

    @property
    def before(self) -> list[Vma]:
        return [self.vmas[1]._replace(end=self.vmas[1].start + PAGE_SIZE)]


@pytest.mark.parametrize("largest", [2, 512])
def test_a_vma_that_grows_while_it_is_read_is_shown_again_as_it_is(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procfs_mm, "LARGEST_BATCH", largest)
    maps = Torn((0, PAGE_SIZE), (4 * PAGE_SIZE, 8 * PAGE_SIZE), (9 * PAGE_SIZE, 10 * PAGE_SIZE))
    regions = Alternating()
    stream = Opened(ProcMm(1, maps, regions))
    data = b"".join(stream.read() for _ in range(2))
    vmas = wire.decode(data).of(Kind.VMA)
    spans = [(v["start"] // PAGE_SIZE, v["end"] // PAGE_SIZE) for v in vmas]
    assert spans == [(0, 1), (4, 5), (4, 8), (9, 10)]
    assert len(regions.scans) == 2
