from __future__ import annotations

import pytest

from hpview.readlog import Log, Place, Read, told
from hpview.stream.base import Resume
from hpview.wire import VmaFlag
from tests import records

MIB = 1 << 20


def read(number: int, **changes: object) -> Read:
    base = Read(64, 64, 1, 0.001, False, Resume.SAME, True, number=number)
    return base._replace(**changes)  # type: ignore[arg-type]


def test_the_log_keeps_the_newest_reads_and_counts_all() -> None:
    log = Log()
    reads = [read(number, again=number % 100 == 0) for number in range(1, 30_001)]
    for at in range(0, len(reads), 700):
        log.add(reads[at : at + 700])
        assert len(log) <= Log.KEPT * 5 // 4
        assert log.total == min(at + 700, 30_000)
    assert log[len(log) - 1].number == 30_000
    assert log[0].number == log.dropped + 1
    assert len(log) >= Log.KEPT
    assert log.agains == 300
    assert [r.number for r in log] == list(range(log.dropped + 1, 30_001))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "case 2: the VMA remembered is still there"),
        ({"again": True, "size": 0}, "EAGAIN: progress, nothing to hand over yet"),
        (
            {"again": True, "size": 0, "pending": (0x1000, 0x9000)},
            "EAGAIN: progress inside 1000, nothing to hand over yet",
        ),
        ({"size": 0, "resume": Resume.END}, "the end: nothing is left to hand over"),
        ({"resume": None}, "not told: no whole record came"),
        ({"resume": Resume.FIRST}, "first: the first VMA of the process"),
    ],
)
def test_a_read_in_words(changes: dict[str, object], words: str) -> None:
    assert told(read(1, **changes)) == words


def test_the_vma_that_came_with_its_task_was_not_looked_for() -> None:
    place = Place()
    place.advance(records.task())
    assert place.conclude(records.vma(MIB, 2 * MIB)) is Resume.BUFFER
    place.advance(records.vma(MIB, 2 * MIB))
    assert place.conclude(records.vma(2 * MIB, 3 * MIB)) is Resume.WENT_ON


def test_a_vma_of_which_more_is_due_is_known_to_wait() -> None:
    place = Place()
    place.advance(records.task() + records.vma(MIB, 9 * MIB, flags=VmaFlag.MORE))
    assert (place.span, place.more) == ((MIB, 9 * MIB), True)
    place.advance(records.vma(MIB, 9 * MIB, flags=VmaFlag.CONT))
    assert not place.more
