"""Cells below a slot: exact where its pages are known, and no byte more or less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.pages.states import PageState
from hpview.space import fine
from hpview.space.address_space import AddressSpace
from hpview.space.fine import Pages
from hpview.space.slots import cells
from hpview.ui.widgets import map_cells
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing
from tests.records import GIB, MIB, Script, run

if TYPE_CHECKING:
    import pytest

BASE = 0x7F00_0000_0000
EXAMPLES = settings(max_examples=40)


@EXAMPLES
@given(
    st.sampled_from([1 << shift for shift in range(12, 21)]),
    st.integers(0, 3),
    st.integers(1, 700),
    st.integers(0, 2**32 - 1),
)
def test_cells_of_known_slots_count_their_pages(
    cell: int, lead: int, count: int, seed: int
) -> None:
    space = AddressSpace()
    half = run(BASE, BASE + 4 * SLOT_SIZE, Backing.PTE_4K, present=256)
    space.feed(Script().vma(BASE, BASE + 4 * SLOT_SIZE, half).data)
    states = np.random.default_rng(seed).integers(0, 6, (2, 512), dtype=np.uint8)
    pages = Pages()
    pages.add(np.array([BASE, BASE + 2 * SLOT_SIZE], dtype=np.uint64), states)
    start = BASE + lead * cell
    spread = cells(space, start, count, cell)
    got = cells(space, start, count, cell)
    exact = pages.refine(got, cell)
    known = {BASE: states[0], BASE + 2 * SLOT_SIZE: states[1]}
    for i, address in enumerate(got.start.tolist()):
        slot = address // SLOT_SIZE * SLOT_SIZE
        assert exact[i] == (slot in known)
        if slot not in known:
            assert got.bytes_4k[i] == spread.bytes_4k[i]
            continue
        first = (address - slot) // PAGE_SIZE
        here = known[slot][first : first + cell // PAGE_SIZE].tolist()
        assert got.bytes_4k[i] == here.count(PageState.PRESENT) * PAGE_SIZE
        assert got.bytes_2m[i] == here.count(PageState.HUGE) * PAGE_SIZE
        assert got.bytes_swap[i] == here.count(PageState.SWAPPED) * PAGE_SIZE
        assert got.bytes_zero[i] == here.count(PageState.ZERO) * PAGE_SIZE


def test_what_is_lacking_and_what_is_forgotten() -> None:
    pages = Pages()
    slots = np.array([0, SLOT_SIZE, 2 * SLOT_SIZE], dtype=np.uint64)
    pages.add(slots[1:2], np.zeros((1, 512), dtype=np.uint8))
    assert pages.lacking(slots).tolist() == [0, 2 * SLOT_SIZE]
    assert SLOT_SIZE in pages
    pages.clear()
    assert pages.lacking(slots).tolist() == slots.tolist()


def test_the_oldest_slots_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine, "MOST", 8)
    pages = Pages()
    slots = np.arange(12, dtype=np.uint64) * np.uint64(SLOT_SIZE)
    states = np.arange(12, dtype=np.uint8)[:, np.newaxis] % 6 * np.ones(512, dtype=np.uint8)
    pages.add(slots[:6], states[:6])
    pages.add(slots[:1], states[:1])
    pages.add(slots[6:], states[6:])
    assert [slot for slot in range(12) if slot * SLOT_SIZE in pages] == [0, 5, *range(6, 12)]
    found = cells(AddressSpace(), 0, 24, SLOT_SIZE // 2)
    exact = pages.refine(found, SLOT_SIZE // 2)
    assert np.flatnonzero(exact[::2]).tolist() == [0, 5, *range(6, 12)]
    assert np.flatnonzero(found.bytes_4k[::2]).tolist() == [7]
    assert np.flatnonzero(found.bytes_2m[::2]).tolist() == [5, 11]


def test_more_slots_than_can_be_kept_are_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine, "MOST", 8)
    monkeypatch.setattr(map_cells, "MOST", 8)
    monkeypatch.setattr(map_cells, "_MOST_WANTED", 3)
    space = AddressSpace()
    half = run(BASE, BASE + 20 * SLOT_SIZE, Backing.PTE_4K, present=256)
    space.feed(Script().vma(BASE, BASE + 20 * SLOT_SIZE, half).data)
    shown = map_cells.MapCells(space, Pages(), SLOT_SIZE // 2, 4)
    for first in (4, 0):
        reads = 0
        while len(wanted := shown.wanted(first, 9)):
            shown.pages.add(wanted, np.zeros((len(wanted), 512), dtype=np.uint8))
            reads += 1
            assert reads < 10


def test_nothing_is_refined_without_pages() -> None:
    space = AddressSpace()
    space.feed(Script().vma(BASE, BASE + MIB).data)
    assert not Pages().refine(cells(space, BASE, 4, PAGE_SIZE), PAGE_SIZE).any()


def test_pages_of_an_older_reading_are_read_again_and_dropped_where_they_changed() -> None:
    slots = np.arange(BASE, BASE + 4 * SLOT_SIZE, SLOT_SIZE, dtype=np.uint64)
    pages = Pages()
    pages.add(slots, np.zeros((4, 512), dtype=np.uint8))
    assert not len(pages.lacking(slots))
    changed = np.array([BASE + SLOT_SIZE + PAGE_SIZE], dtype=np.uint64)
    pages.outdate(changed, changed + np.uint64(SLOT_SIZE))
    assert [slot in pages for slot in slots.tolist()] == [True, False, False, True]
    assert pages.lacking(slots).tolist() == slots.tolist()
    pages.add(slots[:2], np.ones((2, 512), dtype=np.uint8))
    assert pages.lacking(slots).tolist() == slots[2:].tolist()
    nothing = slots[:0]
    pages.outdate(nothing, nothing)
    assert len(pages) == 3
    pages.clear()
    assert pages.lacking(slots).tolist() == slots.tolist()


def test_wanted_are_the_slots_of_which_pages_would_tell_more() -> None:
    script = Script()
    wanted = set()
    for block in range(3):
        for i in range(9):
            start = BASE + block * GIB + i * 3 * MIB + MIB
            backing = Backing.PTE_4K if i else Backing.NONE
            script.vma(start, start + 3 * MIB, run(start, start + 3 * MIB, backing, present=i))
            slots = range(start // SLOT_SIZE, -(-(start + 3 * MIB) // SLOT_SIZE))
            wanted |= {slot * SLOT_SIZE for slot in slots if i}
    space = AddressSpace()
    space.feed(script.data)
    shown = map_cells.MapCells(space, Pages(), MIB // 4, 32)
    assert shown.wanted(0, shown.grid.rows).tolist() == sorted(wanted)
    first = shown.grid.row(0)
    assert shown.wanted(0, 0).tolist() == sorted(s for s in wanted if s < first.end)
    assert not len(map_cells.MapCells(space, Pages(), SLOT_SIZE, 32).wanted(0, 99))
