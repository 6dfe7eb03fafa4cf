"""Cells below a slot: exact where its pages are known, and no byte more or less."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.pages.states import PageState
from hpview.space.address_space import AddressSpace
from hpview.space.fine import Pages
from hpview.space.slots import cells
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing
from tests.records import MIB, Script, run

BASE = 0x7F00_0000_0000
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


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
    many = np.arange(8192, dtype=np.uint64) * np.uint64(SLOT_SIZE)
    pages.add(many, np.zeros((8192, 512), dtype=np.uint8))
    pages.add(many[:1] + np.uint64(1 << 40), np.zeros((1, 512), dtype=np.uint8))
    assert len(pages) == 1


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
