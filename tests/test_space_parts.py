"""Parts of slots, against a search page by page."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.space.parts import part_at, part_beside
from hpview.space.vma import VMA
from hpview.wire import PAGE_SIZE, SLOT_PAGES

SLOTS = 6
PAGES = SLOTS * SLOT_PAGES
BASE = 1 << 40


def vmas(bounds: list[tuple[int, int]]) -> np.ndarray:
    """VMAs by pages behind BASE."""
    out = np.zeros(len(bounds), VMA)
    for row, (start, end) in zip(out, bounds, strict=True):
        row["start"], row["end"] = BASE + start * PAGE_SIZE, BASE + end * PAGE_SIZE
    return out


def owners(bounds: list[tuple[int, int]]) -> list[tuple[int, int] | None]:
    """Slot and VMA of each page; None where nothing is mapped."""
    out: list[tuple[int, int] | None] = [None] * PAGES
    for number, (start, end) in enumerate(bounds):
        for page in range(start, end):
            out[page] = page // SLOT_PAGES, number
    return out


def around(owned: list[tuple[int, int] | None], page: int) -> tuple[int, int]:
    """The part that a page belongs to."""
    first = last = page
    while first > 0 and owned[first - 1] == owned[page]:
        first -= 1
    while last + 1 < PAGES and owned[last + 1] == owned[page]:
        last += 1
    return first, last + 1


def parts(owned: list[tuple[int, int] | None]) -> list[tuple[int, int]]:
    """All parts, in the order of their addresses."""
    out = []
    for _, pages in groupby(range(PAGES), owned.__getitem__):
        first, *rest = pages
        if owned[first]:
            out.append((first, first + len(rest) + 1))
    return out


def in_pages(part: tuple[int, int] | None) -> tuple[int, int] | None:
    return part and ((part[0] - BASE) // PAGE_SIZE, (part[1] - BASE) // PAGE_SIZE)


@st.composite
def layouts(draw: st.DrawFn) -> list[tuple[int, int]]:
    edge = st.one_of(
        st.integers(0, PAGES), st.integers(0, SLOTS).map(lambda slot: slot * SLOT_PAGES)
    )
    cuts = sorted(draw(st.sets(edge, max_size=10)))
    pairs = pairwise(cuts)
    return [pair for pair in pairs if draw(st.booleans())]


@given(layouts(), st.integers(0, PAGES - 1))
def test_the_part_at_a_page(bounds: list[tuple[int, int]], page: int) -> None:
    owned = owners(bounds)
    slot = range(page // SLOT_PAGES * SLOT_PAGES, (page // SLOT_PAGES + 1) * SLOT_PAGES)
    found = page if owned[page] else next((p for p in slot if owned[p]), None)
    expected = None if found is None else around(owned, found)
    assert in_pages(part_at(vmas(bounds), BASE + page * PAGE_SIZE)) == expected


@given(layouts())
def test_stepping_meets_every_part_once(bounds: list[tuple[int, int]]) -> None:
    every = parts(owners(bounds))
    table = vmas(bounds)
    for step, expected in (1, every), (-1, every[::-1]):
        met = []
        at = (BASE, BASE) if step > 0 else (BASE + PAGES * PAGE_SIZE,) * 2
        while (part := part_beside(table, *at, step)) is not None:
            met.append(in_pages(part))
            at = part
        assert met == expected


@pytest.mark.parametrize("step", [-1, 1])
def test_a_part_that_changed_does_not_hold_one_back(step: int) -> None:
    table = vmas([(0, 4 * SLOT_PAGES)])
    low, high = BASE + 600 * PAGE_SIZE, BASE + 700 * PAGE_SIZE
    found = part_beside(table, low, high, step)
    assert in_pages(found) == ((512, 600) if step < 0 else (700, 1024))
