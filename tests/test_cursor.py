"""Where a VMA goes on: the rules for one that changed between two pieces."""

from __future__ import annotations

import pytest

from hpview.stream.cursor import MAX_RESTARTS, Cursor, Place
from hpview.stream.task_vma import Vma


def vma(start: int, end: int) -> Vma:
    return Vma(start, end, 3, 0, 0, 0, 4096)


def cursor(resume: int | None = 60) -> Cursor:
    """Of mm 1, in the VMA from 10 to 100."""
    out = Cursor()
    out.stay_at(1, vma(10, 100), resume)
    return out


@pytest.mark.parametrize(
    ("resume", "mm", "start", "end", "place"),
    [
        (60, 1, 10, 100, Place.INSIDE),
        (60, 1, 10, 300, Place.INSIDE),
        (60, 1, 10, 61, Place.INSIDE),
        (60, 1, 10, 60, Place.START),
        (60, 1, 9, 100, Place.START),
        (60, 1, 60, 100, Place.START),
        (60, 2, 10, 100, Place.START),
        (None, 1, 10, 100, Place.BEHIND),
        (None, 1, 10, 300, Place.BEHIND),
        (None, 1, 10, 20, Place.BEHIND),
        (None, 1, 11, 100, Place.START),
        (None, 2, 10, 100, Place.START),
    ],
)
def test_a_place_by_what_has_become_of_the_vma(
    resume: int | None, mm: int, start: int, end: int, place: Place
) -> None:
    one = cursor(resume)
    assert one.is_inside(mm, vma(start, end)) == (place is Place.INSIDE)
    assert one.find_place(mm, vma(start, end)) is place
    assert one.active == (place is not Place.START)
    assert not one.gives_up


def test_without_a_cursor_a_vma_is_begun() -> None:
    one = Cursor()
    assert one.find_place(0, vma(0, 5)) is Place.START
    assert not one.unfinished


def restart(one: Cursor, times: int) -> None:
    for i in range(times):
        assert one.find_place(1, vma(11 - i % 2, 100)) is Place.START
        one.stay_at(1, vma(11 - i % 2, 100), 60)


def test_it_is_given_up_after_so_many_restarts() -> None:
    one = cursor()
    restart(one, MAX_RESTARTS)
    assert not one.gives_up
    restart(one, 1)
    assert one.gives_up
    one.leave()
    assert not one.gives_up


@pytest.mark.parametrize(("mm", "start", "end"), [(1, 100, 120), (1, 0, 10), (2, 10, 100)])
def test_what_does_not_overlap_is_no_restart(mm: int, start: int, end: int) -> None:
    one = cursor()
    restart(one, MAX_RESTARTS)
    assert one.find_place(mm, vma(start, end)) is Place.START
    one.stay_at(mm, vma(start, end), start + 1)
    assert one.find_place(mm, vma(start + 2, end)) is Place.START
    assert not one.gives_up
