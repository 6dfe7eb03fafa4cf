"""All processes: sums alone, which leave by the spill, and what becomes of pieces."""

from __future__ import annotations

from itertools import count, groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview import wire
from hpview.stream.handover import Handover
from hpview.stream.program import PIECE_RUNS
from hpview.stream.rollup import PATIENCE, SPILL_RECORDS, RollupProgram
from hpview.stream.seq_file import SeqFile
from hpview.stream.task_vma import TaskVma
from hpview.wire import PAGE_SIZE, Kind, RollupFlag, Source, Status
from tests.fakemm import FakeMm, FakeTask, FakeTasks, names

if TYPE_CHECKING:
    from collections.abc import Callable


class Reading:
    """A stream over all of some tasks; time stands still unless told."""

    def __init__(self, *tasks: FakeTask, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.tasks = FakeTasks(*tasks)
        self.program = RollupProgram(lambda: Source.BPF, lambda: Status.COMPLETE, clock)
        self.file = SeqFile(TaskVma(self.tasks, self.program))
        self.out = Handover(self.file.read, self.program.take_spill, None)

    def read(self) -> list[str] | None:
        """The records of one read(); None for EAGAIN."""
        try:
            return names(self.out.read(32768))
        except BlockingIOError:
            return None

    def remaining(self) -> bytes:
        """All that is left."""
        parts = []
        while True:
            try:
                parts.append(self.out.read(32768))
            except BlockingIOError:
                continue
            if not parts[-1]:
                return b"".join(parts)

    def rest(self) -> list[str]:
        return [line for chunk in iter(self.read, []) for line in chunk or []]


def process(pages: str, tid: int = 100, *, mm: int = 1, **runs: int) -> FakeTask:
    space = FakeMm(pages, identity=mm)
    space.runs = runs
    space.batch_size = 5
    return FakeTask(space, tid=tid, tgid=tid)


def test_one_pair_a_process_and_a_trailer() -> None:
    stream = Reading(
        process("AAB.C", A=1, C=2),
        process("...", 101, mm=2),
        process("B", 102, mm=3),
    )
    data = stream.out.read(32768)
    assert names(data) == ["TASK100:1", "ROLLUP:3:4:3", "TASK102:3", "ROLLUP:1:1:0", "END"]
    end = wire.decode(data).of(Kind.END)[0]
    assert [int(end[field]) for field in ("tasks", "vmas", "runs", "read_errors")] == [2, 0, 0, 0]
    assert stream.read() == []


def test_sums_are_in_bytes() -> None:
    data = Reading(process("A", A=3)).out.read(32768)
    rollup = wire.decode(data).of(Kind.ROLLUP)[0]
    fields = ("vmas", "size", "bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap")
    assert [int(rollup[field]) for field in fields] == [1, 4096, 3 << 21, 0, 3 << 12, 0]


def test_silent_threads_are_not_added() -> None:
    mm = FakeMm("AB")
    silent = FakeTask(mm, tid=101)
    assert Reading(FakeTask(mm), silent).rest() == ["TASK100:1", "ROLLUP:2:2:0", "END"]


def test_an_exec_leaves_two_pairs_of_the_same_process() -> None:
    first = process("AAB", A=PIECE_RUNS + 1)
    stream = Reading(first)
    assert stream.read() is None
    first.space = FakeMm("XXXY", identity=2)
    assert stream.rest() == [
        "TASK100:1",
        f"ROLLUP:1:0:{PIECE_RUNS}+PARTIAL",
        "TASK100:2",
        "ROLLUP:2:4:0+PARTIAL",
        "END",
    ]


def test_after_an_exec_the_new_one_is_partial_even_if_the_old_one_was_read_whole() -> None:
    first = process("A")
    assert first.space is not None

    def exec_() -> None:
        first.space = FakeMm("XXXY", identity=2)

    # The read ends behind A, with B pending: nothing was cut.
    ticks = iter([0.0])
    first.space.become("AB")
    first.space.batch_size = 1
    stream = Reading(first, clock=lambda: next(ticks, PATIENCE))
    assert stream.read() is None
    exec_()
    assert stream.rest() == [
        "TASK100:1",
        "ROLLUP:1:1:0+PARTIAL",
        "TASK100:2",
        "ROLLUP:2:4:0+PARTIAL",
        "END",
    ]


def changed(after: str, *, before: str = "BBC", pieces: int = 1, **runs: int) -> list[str]:
    """The rollup of an address space whose B has so many pieces behind it when it changes."""
    target = process(before, B=(pieces + 1) * PIECE_RUNS)
    stream = Reading(target)
    for _ in range(pieces):
        assert stream.read() is None
    assert target.space is not None
    target.space.runs |= runs
    target.space.become(after)
    return stream.rest()[1:-1]


def test_pieces_of_a_vma_are_added() -> None:
    assert changed("BBC") == [f"ROLLUP:2:3:{2 * PIECE_RUNS}"]


def test_it_goes_on_where_it_grew_or_changed_its_flags() -> None:
    assert changed("BBBBC") == [f"ROLLUP:2:5:{2 * PIECE_RUNS}"]
    assert changed("XXC", X=PIECE_RUNS + 7) == [f"ROLLUP:2:3:{PIECE_RUNS + 7}"]


def test_what_comes_below_it_is_not_added() -> None:
    assert changed("BBBC", before=".BBC") == [f"ROLLUP:2:3:{PIECE_RUNS}"]


def test_it_goes_on_when_what_was_counted_of_it_went() -> None:
    below = 5 * PIECE_RUNS - PAGE_SIZE
    assert changed(".BC", pieces=5, B=3000) == [f"ROLLUP:2:3:{5 * PIECE_RUNS + 3000 - below}"]


def test_it_is_partial_when_what_follows_begins_behind_its_place() -> None:
    assert changed(".BC", B=9) == [f"ROLLUP:3:2:{PIECE_RUNS + 9}+PARTIAL"]
    assert changed("..C") == [f"ROLLUP:2:1:{PIECE_RUNS}+PARTIAL"]


def test_it_is_partial_when_the_process_exits() -> None:
    target = process("AB", B=PIECE_RUNS + 1)
    stream = Reading(target)
    assert stream.read() is None
    assert stream.program.due == PAGE_SIZE + PIECE_RUNS
    target.space = None
    assert stream.rest() == ["TASK100:1", f"ROLLUP:2:1:{PIECE_RUNS}+PARTIAL", "END"]


def test_one_that_never_holds_still_is_read_to_its_end_all_the_same() -> None:
    target = process("BBBC", B=40 * PIECE_RUNS)
    stream = Reading(target)
    assert target.space is not None
    reads = 0
    while stream.read() is None:
        reads += 1
        target.space.become("BBBC" if reads % 2 else ".BBC")
    assert reads < 50


def contended(before: str, after: str, *, batch_size: int, **runs: int) -> str:
    """The rollup when a writer comes in behind the second VMA."""
    target = process(before, **runs)
    space = target.space
    assert space is not None
    space.batch_size = batch_size
    space.contention = [None, lambda: space.become(after)]
    return Reading(target).rest()[1]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize(
    ("after", "vmas", "pages"),
    [
        ("AABBCC", 3, 6),
        ("AABBBB", 2, 6),
        ("BBBBCC", 3, 6),
        ("BBBBBB", 2, 6),
        ("AABBBBBBB", 2, 9),
        ("AXXXCC", 3, 6),
        ("AABXCC", 3, 6),
    ],
)
def test_a_vma_shown_again_is_counted_once(
    after: str, vmas: int, pages: int, batch_size: int
) -> None:
    line = contended("AABBCC", after, batch_size=batch_size, A=3, B=5, X=7, C=11)
    slots = 8 + 11 * (after[4] == "C")
    assert line == f"ROLLUP:{vmas}:{pages}:{slots}"


@pytest.mark.parametrize("step", range(1, 5))
def test_one_that_grows_between_reads_is_counted_once(step: int) -> None:
    target = process("A.........BC", A=3)
    assert target.space is not None
    target.space.batch_size = 1
    times = count()
    stream = Reading(target, clock=lambda: next(times) * PATIENCE)
    lines: list[str] = []
    size = 1
    while not lines:
        lines = stream.read() or []
        size = min(size + step, 10)
        target.space.become("A" * size + "." * (10 - size) + "BC")
    vmas, pages, slots = (int(n) for n in lines[1].split("+")[0].split(":")[1:])
    assert (vmas, slots) == (3, 3)
    assert pages <= 12
    assert lines[2:] + stream.rest() == ["END"]


def test_a_vma_that_waits_and_loses_its_head_makes_it_partial() -> None:
    target = process("AABBBBC")
    assert target.space is not None
    target.space.batch_size = 1
    ticks = iter([0.0])
    stream = Reading(target, clock=lambda: next(ticks, PATIENCE))
    assert stream.read() is None
    target.space.become("AAXXBBC")
    assert stream.rest()[1] == "ROLLUP:3:5:0+PARTIAL"


def test_reads_end_by_themselves_when_they_took_long() -> None:
    ticks = count()
    stream = Reading(
        *(process("ABCDE" * 20, 100 + i, mm=i + 1) for i in range(3)),
        clock=lambda: next(ticks) * PATIENCE / 7,
    )
    reads = list(iter(stream.read, []))
    assert len(reads) > 5
    lines = [line for chunk in reads for line in chunk or []]
    pairs = [(f"TASK{100 + i}:{i + 1}", "ROLLUP:100:100:0") for i in range(3)]
    assert lines == [*pairs[0], *pairs[1], *pairs[2], "END"]


def test_reads_end_by_themselves_when_many_records_wait() -> None:
    number = SPILL_RECORDS // 2 + 3
    stream = Reading(*(process("A", 100 + i, mm=i + 1) for i in range(number)))
    first = stream.out.read(1 << 20)
    assert len(first) // 64 == SPILL_RECORDS
    assert len(stream.rest()) == 2 * 3 + 1


@settings(max_examples=30)
@given(
    st.lists(st.text(st.sampled_from("AB.C"), min_size=1, max_size=30), min_size=1, max_size=4),
    st.integers(1, 40),
    st.sampled_from((1, 3, 50)),
)
def test_neither_batches_nor_the_clock_change_the_sums(
    spaces: list[str], batch_size: int, calls: int
) -> None:
    def read(batch_size: int, calls: int) -> list[str]:
        tasks = [process(pages, 100 + i, mm=i + 1, B=1, C=3000) for i, pages in enumerate(spaces)]
        for task in tasks:
            assert task.space is not None
            task.space.batch_size = batch_size
        ticks = count()
        return Reading(*tasks, clock=lambda: next(ticks) * PATIENCE / calls).rest()

    assert read(batch_size, calls) == read(1, 1 << 30)


@settings(max_examples=30)
@given(
    st.text(st.sampled_from("Aa.Bb"), min_size=1, max_size=30),
    st.integers(1, 40),
    st.sampled_from((1, 3, 50)),
)
def test_the_gap_is_the_small_pages_of_what_may_be_huge(
    pages: str, batch_size: int, calls: int
) -> None:
    """Capital letters may: B comes in pieces, so does b."""
    runs = {"A": 2, "a": 5, "B": 2 * PIECE_RUNS + 7, "b": 3 * PIECE_RUNS}
    task = process(pages, **runs)
    assert task.space is not None
    task.space.batch_size = batch_size
    ticks = count()
    stream = Reading(task, clock=lambda: next(ticks) * PATIENCE / calls)
    found = wire.decode(stream.remaining()).of(Kind.ROLLUP)
    letters = [letter for letter, _ in groupby(pages) if letter != "."]
    assert found["bytes_gap"].tolist() == [
        PAGE_SIZE * sum(runs[letter] for letter in letters if letter.isupper())
    ] * bool(letters)
    assert (found["flags"] == RollupFlag.GAP).all()


@pytest.mark.parametrize("size", [1, 63, 64, 1000])
def test_sizes_are_honoured_to_the_byte(size: int) -> None:
    once, small = reading(), reading()
    whole = b"".join(iter(lambda: once.out.read(32768), b""))
    parts = list(iter(lambda: small.out.read(size), b""))
    assert b"".join(parts) == whole
    assert all(len(part) <= size for part in parts)


def reading() -> Reading:
    return Reading(process("AB"), process("AB", 101, mm=2))
