"""The log of changes and the marks made of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.kernelfs.maps import Mapping
from hpview.space.address_space import AddressSpace
from hpview.space.changelog import KEPT, MARKED_SCANS, NO_MARKS, ChangeLog, Marks
from hpview.space.changes import CHANGE, ChangeKind
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Records
from tests.records import Script

EMPTY = AddressSpace()
K = ChangeKind
EXAMPLES = settings(max_examples=60)


def found(*ranges: tuple[int, int, int]) -> Records:
    """Changes of slots from ``lo`` to ``hi``."""
    out = np.zeros(len(ranges), dtype=CHANGE)
    for row, (lo, hi, kind) in zip(out, ranges, strict=True):
        row["start"], row["end"], row["kind"] = lo * SLOT_SIZE, hi * SLOT_SIZE, kind
    return out


def plain(marks: Marks) -> list[tuple[int, int, int, int]]:
    columns = marks.start // SLOT_SIZE, marks.end // SLOT_SIZE, marks.kind, marks.age
    return list(zip(*(column.tolist() for column in columns), strict=True))


def named(name: str) -> AddressSpace:
    """One VMA of that name."""
    out = AddressSpace()
    out.feed(Script().vma(0, SLOT_SIZE).end().data)
    out.set_names(np.zeros(1, dtype=np.uint64), [Mapping(0, SLOT_SIZE, 3, 0, 0, 0, name)])
    return out


def test_the_newest_change_of_a_slot_is_marked() -> None:
    log = ChangeLog()
    log.add(found((0, 10, K.FILLED)), EMPTY, EMPTY, 100.0)
    log.add(found((2, 4, K.BECAME_HUGE), (12, 13, K.SPLIT)), EMPTY, EMPTY, 102.0)
    marks = log.marks(102.0)
    assert plain(marks) == [
        (0, 2, K.FILLED, 1),
        (2, 4, K.BECAME_HUGE, 0),
        (4, 10, K.FILLED, 1),
        (12, 13, K.SPLIT, 0),
    ]
    assert marks.counts[K.FILLED] == 8
    assert marks.counts[K.BECAME_HUGE] == 2
    assert marks.counts.sum() == 11


def test_marks_last_for_ten_seconds_or_five_readings() -> None:
    log = ChangeLog()
    log.add(found((0, 1, K.FILLED)), EMPTY, EMPTY, 100.0)
    for scan in range(MARKED_SCANS - 1):
        log.add(found(), EMPTY, EMPTY, 200.0 + scan)
        assert len(log.marks(1000.0).kind) == 1
    log.add(found(), EMPTY, EMPTY, 204.0)
    assert log.marks(1000.0) is NO_MARKS
    assert len(log.marks(109.9).kind) == 1
    assert log.marks(110.0) is NO_MARKS


def test_the_log_is_bounded_and_says_what_it_dropped() -> None:
    log = ChangeLog()
    for scan in range(3):
        log.add(found(*((i, i + 1, K.FILLED) for i in range(KEPT // 2))), EMPTY, EMPTY, scan)
    assert len(log.rows) == KEPT
    assert log.total - len(log.rows) == KEPT // 2
    assert set(log.rows["scan"].tolist()) == {2, 3}
    log.add(found(*((i, i + 1, K.FILLED) for i in range(KEPT + 5))), EMPTY, EMPTY, 3)
    assert set(log.rows["scan"].tolist()) == {4}
    log.clear()
    assert (len(log.rows), log.total, log.scans) == (0, 0, 0)


def test_names_are_those_of_the_side_that_has_the_vma() -> None:
    old, new = named("gone"), named("[heap]")
    rows = found((0, 1, K.UNMAPPED), (1, 2, K.FILLED), (2, 3, K.FILLED))
    rows["name"] = [old.vmas["name"][0], new.vmas["name"][0], 0]
    log = ChangeLog()
    log.add(rows, old, new, 0.0)
    assert log.rows["name"].tolist() == ["gone", "[heap]", ""]


@EXAMPLES
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6), st.sampled_from(list(K)))),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 20),
    st.integers(1, 12),
    st.sampled_from([PAGE_SIZE, SLOT_SIZE // 2, SLOT_SIZE, 2 * SLOT_SIZE, 8 * SLOT_SIZE]),
)
def test_a_cell_shows_the_first_kind_of_its_newest_changes(
    scans: list[list[tuple[int, int, ChangeKind]]], start: int, count: int, cell: int
) -> None:
    log = ChangeLog()
    slots: dict[int, tuple[int, int]] = {}
    for number, drawn in enumerate(scans, 1):
        ranges = []
        at = 0
        for gap, size, kind in drawn:
            ranges.append((at + gap, at + gap + size, kind))
            at += gap + size
        log.add(found(*ranges), EMPTY, EMPTY, 0.0)
        for lo, hi, kind in ranges:
            slots |= dict.fromkeys(range(lo, hi), (int(kind), len(scans) - number))
    kinds, fresh = log.marks(0.0).cells(start * cell, count, cell)
    for i in range(count):
        lo = (start + i) * cell
        inside = [
            slots[at]
            for at in range(lo // SLOT_SIZE, (lo + cell - 1) // SLOT_SIZE + 1)
            if at in slots
        ]
        first, age = min(inside, default=(0, 1))
        if cell < SLOT_SIZE and lo % SLOT_SIZE:
            first, age = 0, 1
        assert (kinds[i], fresh[i]) == (first, age == 0)
