"""The program's side: TASK, VMA, RUN and END, and VMAs that leave in pieces."""

from __future__ import annotations

import pytest

from hpview import wire
from hpview.stream.cursor import MAX_RESTARTS
from hpview.stream.handover import Handover
from hpview.stream.program import PIECE_RUNS, WalkProgram
from hpview.stream.seq_file import SeqFile
from hpview.stream.task_vma import Mm, TaskVma
from hpview.wire import PAGE_SIZE, Kind, Source, Status, VmaFlag
from tests.fakemm import FakeMm, FakeTask, FakeTasks, names

SIZES = (64, 100, 4096, 32767, 1 << 20)
FITS = 32767 // 64


class _Task(FakeTask):
    """A task with any mm."""

    def __init__(self, mm: Mm) -> None:
        super().__init__(None)
        self.any: Mm | None = mm

    def mm(self) -> Mm | None:  # type: ignore[override]
        return self.any


class Opened:
    """The whole of a stream but for the files: read() retries on EAGAIN."""

    def __init__(self, mm: Mm, *, status: Status = Status.COMPLETE) -> None:
        self.task = _Task(mm)
        self.tasks = FakeTasks(self.task)
        self.program = WalkProgram(lambda: Source.PAGEMAP_SCAN, lambda: status)
        self.file = SeqFile(TaskVma(self.tasks, self.program))
        self.out = Handover(self.file.read, self.program.take_spill, None)

    def read(self, size: int = 32768) -> bytes:
        while True:
            try:
                return self.out.read(size)
            except BlockingIOError:
                continue

    def drain(self, size: int = 32768) -> bytes:
        return b"".join(iter(lambda: self.read(size), b""))


def large(count: int, before: str = "A", behind: str = "C") -> FakeMm:
    """A VMA with so many runs between others."""
    mm = FakeMm(f"{before}B{behind}")
    mm.runs = {"B": count}
    return mm


def check_counts(data: bytes) -> None:
    """The trailer counts what was written, and stands at the end."""
    chunk = wire.decode(data)
    assert chunk.positions(Kind.END).tolist() == [len(chunk.kinds) - 1]
    end = chunk.of(Kind.END)[0]
    for name, kind in (("tasks", Kind.TASK), ("vmas", Kind.VMA), ("runs", Kind.RUN)):
        assert end[name] == len(chunk.positions(kind)), name


@pytest.mark.parametrize("count", [0, 1, 509, 510, 511, 512, 1021, 1022, 1023, 2044, 5000])
@pytest.mark.parametrize("before", ["", "A"])
def test_a_vma_of_any_number_of_runs_is_whole(count: int, before: str) -> None:
    data = Opened(large(count, before)).drain()
    check_counts(data)
    chunk = wire.decode(data)
    vmas = chunk.of(Kind.VMA)
    mine = vmas[vmas["vm_flags"] == ord("B")]
    pieces = max(1, -(-count // PIECE_RUNS))
    cont = [False] + [True] * (pieces - 1)
    assert ((mine["flags"] & VmaFlag.CONT) != 0).tolist() == cont
    assert ((mine["flags"] & VmaFlag.MORE) != 0).tolist() == [*cont[1:], False]
    assert int(mine["slots_2m"].sum()) == count
    starts = chunk.of(Kind.RUN)["start"]
    assert starts.tolist() == list(range(len(before) * PAGE_SIZE, len(before) * PAGE_SIZE + count))
    assert len(vmas) == pieces + len(before) + 1


@pytest.mark.parametrize("count", [1, 509, 510, 1023, 3000])
def test_any_size_yields_the_same_bytes(count: int) -> None:
    once = Opened(large(count)).drain()
    assert {Opened(large(count)).drain(size) for size in SIZES} == {once}
    if count < 100:
        assert Opened(large(count)).drain(1) == once


def test_what_fits_an_empty_buffer_goes_through_it() -> None:
    whole = Opened(large(FITS - 2, before=""))
    assert len(whole.file.read(32768)) == FITS * 64
    assert whole.program.take_spill() == b""
    spilt = Opened(large(FITS - 1, before=""))
    with pytest.raises(BlockingIOError):
        spilt.file.read(32768)
    assert len(spilt.program.take_spill()) == (FITS + 1) * 64


def test_a_vma_that_overflows_a_used_buffer_comes_whole_with_the_next_read() -> None:
    stream = Opened(large(FITS - 1))
    assert names(stream.read()) == ["TASK100:1", "A0-1"]
    assert names(stream.read())[0] == "B1-2"
    assert names(stream.read()) == ["C2-3", "END"]


def test_the_spill_is_taken_once() -> None:
    stream = Opened(large(PIECE_RUNS + 1, before=""))
    with pytest.raises(BlockingIOError):
        stream.file.read(1)
    assert stream.program.take_spill()
    assert stream.program.take_spill() == b""


def test_nothing_goes_on_while_a_spill_waits() -> None:
    mm = large(PIECE_RUNS + 1, before="")
    stream = Opened(mm)
    for _ in range(3):
        with pytest.raises(BlockingIOError):
            stream.file.read(1)
    assert mm.walked == ["B0-1+0"]


def test_a_piece_waits_behind_what_was_collected_before_it() -> None:
    stream = Opened(large(PIECE_RUNS + 1))
    assert names(stream.read()) == ["TASK100:1", "A0-1"]
    assert names(stream.read(1 << 20)) == ["B1-2+"] + ["run"] * PIECE_RUNS
    assert names(stream.read()) == ["+B1-2", "run", "C2-3", "END"]


def second_read(mm: FakeMm, pages: str) -> list[str]:
    """All VMAs, the address space having changed after the first piece of the first."""
    stream = Opened(mm)
    data = stream.read(1 << 20)
    mm.become(pages)
    data += stream.drain()
    check_counts(data)
    return [line for line in names(data) if line != "run"][1:]


def test_a_vma_that_grew_between_two_pieces_goes_on() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    assert second_read(mm, "BBC") == ["B0-1+", "+B0-2", "C2-3", "END"]
    assert mm.walked == ["B0-1+0", f"B0-2+{PIECE_RUNS}", "C2-3+0"]


def test_one_whose_flags_changed_too() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    mm.runs["X"] = PIECE_RUNS + 2
    assert second_read(mm, "XC") == ["B0-1+", "+X0-1", "C1-2", "END"]
    assert mm.walked[1] == f"X0-1+{PIECE_RUNS}"


def test_one_whose_end_went_is_left_unfinished_as_find_vma_has_it() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    mm.become("BBBC")
    assert second_read(mm, "B..C") == ["B0-3+", "C3-4", "END"]


def test_one_that_was_merged_with_the_vma_below_is_walked_anew() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    mm.become(".BBC")
    assert second_read(mm, "BBBC") == ["B1-3+", "B0-3+", "+B0-3", "C3-4", "END"]


def test_one_that_begins_elsewhere_is_walked_anew() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    mm.become("BBBC")
    assert second_read(mm, ".BBC") == ["B0-3+", "B1-3+", "+B1-3", "C3-4", "END"]


def test_one_that_was_handed_over_whole_is_not_repeated_whatever_its_end_is() -> None:
    mm = large(PIECE_RUNS, before="")
    assert second_read(mm, "BBC") == ["B0-1", "C2-3", "END"]


def restarted(times: int) -> tuple[list[str], bytes]:
    """A VMA of pieces whose start moves that often; then nothing changes any more."""
    mm = large(PIECE_RUNS + 5, before="")
    stream = Opened(mm)
    data = b""
    for i in range(times + 1):
        mm.become("BBBC" if i % 2 else ".BBC")
        data += stream.read(1 << 20)
    data += stream.drain()
    check_counts(data)
    return [line for line in names(data) if line != "run"][1:], data


def test_a_vma_that_changes_for_ever_is_given_up() -> None:
    lines, data = restarted(MAX_RESTARTS)
    assert len(lines) == MAX_RESTARTS + 4
    assert lines[-4:] == ["B1-3+", "+B1-3", "C3-4", "END"]
    assert not wire.decode(data).of(Kind.END)["read_errors"][0]

    lines, data = restarted(MAX_RESTARTS + 1)
    chunk = wire.decode(data)
    assert [line[-1] for line in lines[: MAX_RESTARTS + 1]] == ["+"] * (MAX_RESTARTS + 1)
    assert lines[MAX_RESTARTS + 1 :] == ["B0-3", "unknown:11", "C3-4", "END"]
    assert chunk.of(Kind.VMA)["flags"][-2] == VmaFlag.READ_ERROR
    rest = chunk.of(Kind.RUN)[-1]
    assert (rest["start"], rest["end"]) == (PIECE_RUNS, 3 * PAGE_SIZE)
    assert chunk.of(Kind.END)["read_errors"].tolist() == [1]


def test_a_vma_elsewhere_is_no_restart() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    stream = Opened(mm)
    data = b""
    for page in range(0, 2 * MAX_RESTARTS + 4, 2):
        mm.become("." * page + "B")
        data += stream.read(1 << 20)
    assert not any(line.startswith("unknown") for line in names(data))


def test_what_surely_overflows_is_not_walked() -> None:
    mm = FakeMm("AB")
    mm.runs = {"A": FITS - 2, "B": 3}
    stream = Opened(mm)
    assert len(stream.read()) == FITS * 64
    assert mm.walked == ["A0-1+0"]
    assert names(stream.read()) == ["B1-2", "run", "run", "run", "END"]


def test_a_vma_that_went_between_two_pieces_is_left_unfinished() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    assert second_read(mm, ".C") == ["B0-1+", "C1-2", "END"]


def test_a_later_vma_like_the_unfinished_one_is_no_continuation() -> None:
    mm = large(PIECE_RUNS + 5, before="")
    stream = Opened(mm)
    stream.read(1 << 20)
    other = FakeMm("BC", identity=2)
    other.runs = mm.runs
    stream.task.any = other
    lines = [line for line in names(stream.drain()) if line != "run"]
    assert lines == ["TASK100:2", "B0-1+", "+B0-1", "C1-2", "END"]


@pytest.mark.parametrize("count", [FITS, PIECE_RUNS + 5])
@pytest.mark.parametrize("size", [1, 64, 32768])
def test_a_spill_is_not_lost_when_the_process_exits_while_it_waits(count: int, size: int) -> None:
    stream = Opened(large(count))
    first = stream.read()
    assert names(first) == ["TASK100:1", "A0-1"]
    stream.task.any = None
    data = first + stream.drain(size)
    check_counts(data)
    assert len(wire.decode(data).of(Kind.RUN)) == min(count, PIECE_RUNS)


def test_a_task_comes_first_in_a_spill() -> None:
    stream = Opened(large(PIECE_RUNS, before=""))
    lines = names(stream.read(1 << 20))
    assert lines == ["TASK100:1", "B0-1"] + ["run"] * PIECE_RUNS


def test_the_status_is_asked_for_the_trailer() -> None:
    assert names(Opened(FakeMm("A"), status=Status.PERMISSION).drain())[-1] == "END:PERMISSION"
