"""How a read() says that it found its place, case by case."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hpview.stream.base import Resume
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.program import PIECE_RUNS, WalkProgram
from hpview.wire import Source, Status
from tests.children import child
from tests.fakemm import FakeMm, FakeTask, Reading

if TYPE_CHECKING:
    from collections.abc import Callable


def reading(pages: str, *more: FakeTask) -> Reading:
    program = WalkProgram(lambda: Source.BPF, lambda: Status.COMPLETE)
    return Reading(program, FakeTask(FakeMm(pages)), *more)


def resumed(before: str, after: str) -> Resume | None:
    """How the second read begins; B is pending, from page 2 to 4."""
    stream = reading(before)
    assert stream.read(2)[-1] == "A0-2"
    mm = stream.tasks.tasks[0].space
    assert mm is not None
    mm.become(after)
    stream.read(1)
    return stream.iterator.resume


@pytest.mark.parametrize(
    ("after", "case"),
    [
        ("AABBCC", Resume.SAME),
        ("..BB..", Resume.SAME),
        ("AA..CC", Resume.GONE),
        ("AA...C", Resume.GONE),
        ("AAXXCC", Resume.REPLACED),
        ("AAXBCC", Resume.CHANGED),
        ("AABBBB", Resume.CHANGED),
        ("BBBBCC", Resume.CHANGED),
        ("AA....", Resume.END),
    ],
)
def test_by_what_stands_at_the_last_page_of_the_pending_vma(after: str, case: Resume) -> None:
    assert resumed("AABBCC", after) is case


def test_the_first_read() -> None:
    stream = reading("AB")
    assert stream.iterator.resume is None
    stream.read(1)
    assert stream.iterator.resume is Resume.FIRST


def test_an_address_space_without_a_vma() -> None:
    stream = reading("...")
    assert stream.read() == ["END"]
    assert stream.iterator.resume is Resume.END


def test_a_read_behind_the_end() -> None:
    stream = reading("AB")
    while stream.read():
        pass
    assert stream.iterator.resume is Resume.END


def test_on_to_the_next_task() -> None:
    stream = reading("AABB", FakeTask(FakeMm("CC", identity=2), tid=200, tgid=200))
    stream.read(2)
    stream.tasks.tasks[0].space = None
    assert stream.read() == ["TASK200:2", "C0-2", "END"]
    assert stream.iterator.resume is Resume.END


def test_an_exec_to_an_equal_layout() -> None:
    stream = reading("AABB")
    stream.read(2)
    stream.tasks.tasks[0].space = FakeMm("AABB", identity=2)
    assert stream.read() == ["TASK100:2", "B2-4", "END"]
    assert stream.iterator.resume is Resume.OTHER_MM


@pytest.mark.parametrize("after", ["AAXX", "....CC", "AAAB", "BBBBB"])
def test_an_exec_is_an_exec_whatever_stands_there(after: str) -> None:
    stream = reading("AABB")
    stream.read(2)
    stream.tasks.tasks[0].space = FakeMm(after, identity=2)
    stream.read()
    assert stream.iterator.resume is Resume.OTHER_MM


def test_an_exec_to_an_image_without_a_vma_above() -> None:
    stream = reading("AABB")
    stream.read(2)
    stream.tasks.tasks[0].space = FakeMm("A", identity=2)
    assert stream.read() == ["END"]
    assert stream.iterator.resume is Resume.END


def pieces(change: Callable[[FakeMm], None]) -> Resume | None:
    """How the read behind the first piece of BB begins."""
    program = WalkProgram(lambda: Source.BPF, lambda: Status.COMPLETE)
    mm = FakeMm("BBC")
    mm.runs = {"B": PIECE_RUNS + 5}
    stream = Reading(program, FakeTask(mm))
    with pytest.raises(BlockingIOError):
        stream.file.read(32768)
    program.take_spill()
    change(mm)
    with suppress(BlockingIOError):
        stream.file.read(32768)
    return stream.iterator.resume


def test_inside_a_vma() -> None:
    assert pieces(lambda mm: None) is Resume.INSIDE
    assert pieces(lambda mm: mm.become("BBBC")) is Resume.INSIDE


def test_not_inside_one_that_begins_elsewhere() -> None:
    assert pieces(lambda mm: mm.become(".BC")) is Resume.CHANGED
    assert pieces(lambda mm: mm.become("..C")) is Resume.GONE


def test_behind_one_that_was_handed_over_whole() -> None:
    program = WalkProgram(lambda: Source.BPF, lambda: Status.COMPLETE)
    mm = FakeMm("BBC")
    mm.runs = {"B": PIECE_RUNS}
    stream = Reading(program, FakeTask(mm))
    with pytest.raises(BlockingIOError):
        stream.file.read(32768)
    program.take_spill()
    assert stream.read() == ["C2-3", "END"]
    assert stream.iterator.resume is Resume.SAME


def test_bytes_that_were_left_over() -> None:
    with child("") as process, ProcfsBackend().open(process.pid) as stream:
        assert stream.resume is None
        stream.read(64)
        assert stream.resume is Resume.FIRST
        stream.read(1)
        assert stream.resume is Resume.BUFFER
        stream.read(63)
        assert stream.resume is Resume.BUFFER
        stream.read(64)
        assert stream.resume is Resume.SAME
        while stream.read():
            pass
        assert stream.resume is Resume.END
