"""Which VMA comes next: every case of kernel/bpf/task_iter.c, and the ones its comment omits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.stream.program import WalkProgram
from hpview.wire import Source, Status
from tests.fakemm import FakeMm, FakeTask, Reading, Reference

TASK = "TASK100:1"


def program() -> WalkProgram:
    return WalkProgram(lambda: Source.BPF, lambda: Status.COMPLETE)


def reading(mm: FakeMm | None, *more: FakeTask) -> Reading:
    return Reading(program(), FakeTask(mm), *more)


def interrupted(before: str, count: int, after: str) -> tuple[list[str], list[str]]:
    """What a first read of ``count`` VMAs shows, and what the rest after a change does."""
    mm = FakeMm(before)
    stream = reading(mm)
    first = stream.read(count + 1)
    mm.become(after)
    return first[1:], stream.rest()


def contended(before: str, shown: int, after: str) -> list[str]:
    """All that is shown when a writer comes in behind the ``shown``-th VMA."""
    mm = FakeMm(before)
    mm.contention = [None] * (shown - 1) + [lambda: mm.become(after)]
    return reading(mm).rest()[1:]


def test_a_quiet_process_is_shown_whole_with_its_task_first_and_a_trailer() -> None:
    assert reading(FakeMm("AAB..C")).rest() == [TASK, "A0-2", "B2-3", "C5-6", "END"]


def test_one_vma_a_read() -> None:
    stream = reading(FakeMm("AAB..C"))
    assert [stream.read(1) for _ in range(5)] == [[TASK], ["A0-2"], ["B2-3"], ["C5-6"], ["END"]]


def test_after_the_end_there_is_nothing_for_good_whatever_appears() -> None:
    mm = FakeMm("AB")
    stream = reading(mm)
    assert stream.rest() == [TASK, "A0-1", "B1-2", "END"]
    mm.become("ABCD")
    assert [stream.file.read(size) for size in (1, 64, 32768)] == [b"", b"", b""]


def test_an_empty_address_space_has_a_trailer_only() -> None:
    assert reading(FakeMm("....")).rest() == ["END"]


def test_case_1_the_shown_vma_is_freed_and_the_next_one_exists() -> None:
    assert contended("AABBCC", 2, "AA..CC") == ["A0-2", "B2-4", "C4-6", "END"]


def test_case_2_the_shown_vma_still_exists() -> None:
    assert contended("AABBCC", 2, "AABBCC") == ["A0-2", "B2-4", "C4-6", "END"]


def test_case_2_and_a_new_one_has_come_behind_it() -> None:
    assert contended("AABB..CC", 2, "AABBDDCC") == ["A0-2", "B2-4", "D4-6", "C6-8", "END"]


def test_case_3_no_more_vma_in_this_mm() -> None:
    assert contended("AABBCC", 2, "AA....") == ["A0-2", "B2-4", "END"]


def test_case_4_1_another_vma_covers_the_same_range_and_is_skipped() -> None:
    assert contended("AABBCC", 2, "AAXXCC") == ["A0-2", "B2-4", "C4-6", "END"]


def test_case_4_1_at_the_end_of_the_mm() -> None:
    assert contended("AABB", 2, "AAXX") == ["A0-2", "B2-4", "END"]


def test_case_4_2_another_vma_covers_more_and_is_shown() -> None:
    assert contended("AABBCC", 2, "AABBBB") == ["A0-2", "B2-4", "B2-6", "END"]


def test_case_4_2_another_vma_covers_less_and_is_shown() -> None:
    assert contended("AABBBC", 2, "AAXXBC") == ["A0-2", "B2-5", "B4-5", "C5-6", "END"]


def test_case_4_2_through_a_pending_vma_that_grew_at_its_end() -> None:
    assert interrupted("AABB..", 1, "AABBBB") == (["A0-2"], ["B2-6", "END"])


def test_the_pending_vma_is_shown_by_the_next_read() -> None:
    assert interrupted("AABBCC", 1, "AABBCC") == (["A0-2"], ["B2-4", "C4-6", "END"])


def test_a_pending_vma_of_equal_range_is_not_skipped_as_case_4_1_would() -> None:
    assert interrupted("AABBCC", 1, "AAXXCC") == (["A0-2"], ["X2-4", "C4-6", "END"])


def test_the_head_of_a_pending_vma_is_lost_when_it_is_split() -> None:
    assert interrupted("AABBBBCC", 1, "AAXXBBCC") == (["A0-2"], ["B4-6", "C6-8", "END"])


def test_a_pending_vma_that_was_merged_is_shown_whole_again() -> None:
    assert interrupted("AABBCC", 1, "AAAACC") == (["A0-2"], ["A0-4", "C4-6", "END"])


def test_a_pending_vma_that_is_unmapped_gives_way_to_the_next() -> None:
    assert interrupted("AABBCC", 1, "AA..CC") == (["A0-2"], ["C4-6", "END"])


def test_what_is_mapped_below_the_last_page_of_the_unmapped_pending_one_is_lost() -> None:
    assert interrupted("AABBBBCC", 1, "AAXXX.CC") == (["A0-2"], ["C6-8", "END"])


def test_what_is_mapped_at_its_last_page_is_shown() -> None:
    assert interrupted("AABBBBCC", 1, "AA...XCC") == (["A0-2"], ["X5-6", "C6-8", "END"])


def test_what_is_mapped_above_it_is_shown() -> None:
    assert interrupted("AABB..CC", 1, "AA..XXCC") == (["A0-2"], ["X4-6", "C6-8", "END"])


def test_the_last_vma_is_pending_and_goes() -> None:
    assert interrupted("AABB", 1, "AA..") == (["A0-2"], ["END"])


def test_an_exec_between_reads_goes_on_at_the_same_address_in_the_new_mm() -> None:
    stream = reading(FakeMm("AABBCC"))
    assert stream.read(2) == [TASK, "A0-2"]
    stream.tasks.tasks[0].space = FakeMm("XYYYZ.W", identity=2)
    assert stream.rest() == ["TASK100:2", "Y1-4", "Z4-5", "W6-7", "END"]


def test_an_exit_between_reads_is_followed_by_the_trailer() -> None:
    stream = reading(FakeMm("AABBCC"))
    assert stream.read(2) == [TASK, "A0-2"]
    stream.tasks.tasks[0].space = None
    assert stream.rest() == ["END"]


def test_a_task_that_is_reaped_between_reads_ends_the_iteration() -> None:
    stream = reading(FakeMm("AABBCC"), FakeTask(FakeMm("D", identity=2), tid=101))
    assert stream.read(2) == [TASK, "A0-2"]
    del stream.tasks.tasks[0]
    assert stream.rest() == ["END"]


def test_another_thread_with_the_same_mm_is_silent() -> None:
    mm = FakeMm("AAB")
    assert reading(mm, FakeTask(mm, tid=101)).rest() == [TASK, "A0-2", "B2-3", "END"]


def test_silent_also_when_a_read_ends_before_it_or_inside_it() -> None:
    mm = FakeMm("AAB")
    for count in range(1, 5):
        stream = reading(mm, FakeTask(mm, tid=101), FakeTask(mm, tid=102))
        lines = [line for chunk in iter(lambda: stream.read(count), []) for line in chunk]  # noqa: B023
        assert lines == [TASK, "A0-2", "B2-3", "END"]


def test_another_process_with_the_same_mm_is_shown() -> None:
    mm = FakeMm("AB")
    lines = reading(mm, FakeTask(mm, tid=200, tgid=200)).rest()
    assert lines == [TASK, "A0-1", "B1-2", "TASK200:1", "A0-1", "B1-2", "END"]


def lender(mm: FakeMm | None, tid: int) -> FakeTask:
    """The first live thread of a dead leader."""
    task = FakeTask(mm, tid=tid)
    task.lends = True
    return task


def test_a_dead_leader_borrows_from_its_first_live_thread() -> None:
    mm = FakeMm("AB")
    stream = reading(None, FakeTask(None, tid=101), lender(mm, 102), FakeTask(mm, tid=103))
    assert stream.rest() == ["TASK102:1", "A0-1", "B1-2", "END"]


def test_and_the_iteration_goes_on_in_that_thread() -> None:
    stream = reading(None, lender(FakeMm("ABC"), 101))
    assert stream.read(2) == ["TASK101:1", "A0-1"]
    assert stream.rest() == ["B1-2", "C2-3", "END"]


def test_a_leader_that_dies_between_reads_is_shown_anew_by_its_first_live_thread() -> None:
    mm = FakeMm("ABC")
    stream = reading(mm, FakeTask(mm, tid=101))
    assert stream.read(2) == [TASK, "A0-1"]
    stream.tasks.tasks[0].space = None
    stream.tasks.tasks[1].lends = True
    assert stream.rest() == ["TASK101:1", "A0-1", "B1-2", "C2-3", "END"]


def test_the_trailer_comes_once_also_when_it_had_to_wait_for_the_next_read() -> None:
    mm = FakeMm("AB")
    mm.runs = {"A": 255, "B": 253}
    stream = reading(mm)
    assert len(stream.read()) == 511
    assert stream.rest() == ["END"]
    assert stream.file.read(64) == b""


def test_runs_follow_their_vma() -> None:
    mm = FakeMm("AB")
    mm.runs = {"A": 2}
    assert reading(mm).rest() == [TASK, "A0-1", "run", "run", "B1-2", "END"]


PAGES = 24
LETTERS = "ABC.DE"
RUNS = {"B": 1, "C": 120, "D": 300}


@dataclass(frozen=True)
class Change:
    """Pages from ``at`` on get a letter; exec starts over with one letter everywhere."""

    at: int
    length: int
    letter: str
    exec: bool = False

    def apply(self, task: FakeTask) -> None:
        mm = task.space
        if mm is None:
            return
        if self.exec:
            task.space = FakeMm(self.letter * self.length, identity=mm.identity + 1)
            task.space.runs = mm.runs
            task.space.contention = mm.contention
            task.space.batch_size = mm.batch_size
        else:
            mm.change(self.at, (self.letter * self.length)[: PAGES - self.at])


letters = st.sampled_from(LETTERS)
spaces = st.text(letters, min_size=PAGES, max_size=PAGES)
changes = st.builds(Change, st.integers(0, PAGES - 1), st.integers(1, 6), letters)
execs = st.builds(Change, st.just(0), st.integers(1, PAGES), letters, st.just(True))
reads = st.tuples(
    st.one_of(st.integers(1, 300), st.integers(1, 40000), st.just(32768)),
    st.lists(st.one_of(changes, changes, execs), max_size=3),
)


@settings(max_examples=50)
@given(
    spaces,
    st.lists(st.one_of(st.none(), st.none(), changes), max_size=60),
    st.lists(reads, min_size=5, max_size=40),
    st.sampled_from((1, 2, 5, 30)),
)
def test_random_changes_between_random_reads_give_what_the_reference_gives(
    pages: str,
    contention: list[Change | None],
    script: list[tuple[int, list[Change]]],
    batch_size: int,
) -> None:
    def target() -> FakeTask:
        mm = FakeMm(pages)
        mm.runs = RUNS
        task = FakeTask(mm)
        mm.contention = [None if c is None else partial(c.apply, task) for c in contention]
        return task

    ours, theirs = target(), target()
    assert ours.space is not None
    ours.space.batch_size = batch_size
    stream, reference = Reading(program(), ours), Reference(theirs)
    for size, happens in script:
        assert stream.file.read(size) == reference.read(size)
        for change in happens:
            change.apply(ours)
            change.apply(theirs)
    for _ in range(200):
        data = stream.file.read(32768)
        assert data == reference.read(32768)
        if not data:
            return
    raise AssertionError("the stream does not end")
