"""States of pages, of a real process whose memory is known."""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np
import pytest

from hpview.demo import Demo
from hpview.errors import BackendUnavailable, NoSuchProcess
from hpview.kernelfs.pagemap import Pagemap
from hpview.pages.page import PageBit
from hpview.pages.slot import read_slot
from hpview.pages.states import PageState, read_states
from hpview.wire import PAGE_SIZE, SLOT_SIZE


def test_pages_of_this_process() -> None:
    with mmap.mmap(-1, 3 * SLOT_SIZE) as memory:
        start = np.frombuffer(memory, np.uint8).ctypes.data
        slot = -(-start // SLOT_SIZE) * SLOT_SIZE
        first = (slot - start) // PAGE_SIZE
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
        for page in (0, 7, 511, 512 + 3):
            memory[(first + page) * PAGE_SIZE] = 1
        slots = np.array([slot, slot + SLOT_SIZE], dtype=np.uint64)
        states = read_states(os.getpid(), slots)
        assert np.flatnonzero(states[0] == PageState.PRESENT).tolist() == [0, 7, 511]
        assert np.flatnonzero(states[1][: 512 - first]).tolist()[:1] == [3]


def test_the_demo_has_every_state() -> None:
    with Demo.spawn() as demo:
        slots = sorted({r.start // SLOT_SIZE * SLOT_SIZE for r in demo.regions})
        states = read_states(demo.pid, np.array(slots, dtype=np.uint64))
        for slot, row in zip(slots, states, strict=True):
            pages = read_slot(demo.pid, slot, slot + SLOT_SIZE)
            at = (pages.start - slot) // PAGE_SIZE
            here = row[at : at + len(pages)]
            for bit, state in (
                (PageBit.GUARD, PageState.GUARD),
                (PageBit.SWAPPED, PageState.SWAPPED),
            ):
                if bit in pages.known:
                    assert ((here == state) == pages.having(bit)).all()
            if PageBit.ZERO in pages.known and PageBit.HUGE in pages.known:
                zero = pages.having(PageBit.ZERO)
                assert ((here == PageState.ZERO) == zero).all()
                assert ((here == PageState.HUGE) == (pages.having(PageBit.HUGE) & ~zero)).all()


@pytest.mark.root
@pytest.mark.usefixtures("swap")
def test_the_demo_has_swapped_pages_where_there_is_swap() -> None:
    with Demo.spawn() as demo:
        region = demo.region("swapped out")
        assert region is not None
        swapped, present = region.expect.bytes_swap, region.expect.bytes_4k
        slots = np.arange(region.start, region.end, SLOT_SIZE, dtype=np.uint64)
        states = read_states(demo.pid, slots)
        assert 0 < swapped == np.count_nonzero(states == PageState.SWAPPED) * PAGE_SIZE
        assert present == np.count_nonzero(states == PageState.PRESENT) * PAGE_SIZE
        for slot, row in zip(slots.tolist(), states, strict=True):
            pages = read_slot(demo.pid, slot, slot + SLOT_SIZE)
            assert ((row == PageState.SWAPPED) == pages.having(PageBit.SWAPPED)).all()


def test_without_a_scan_entries_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BackendUnavailable("PAGEMAP_SCAN", "not here")

    monkeypatch.setattr(Pagemap, "scan", refuse)
    with mmap.mmap(-1, 2 * SLOT_SIZE) as memory:
        ctypes.memset(np.frombuffer(memory, np.uint8).ctypes.data, 1, 2 * SLOT_SIZE)
        start = np.frombuffer(memory, np.uint8).ctypes.data
        slot = -(-start // SLOT_SIZE) * SLOT_SIZE
        states = read_states(os.getpid(), np.array([slot], dtype=np.uint64))
        assert (states == PageState.PRESENT).all()


def test_no_slots_and_no_process() -> None:
    assert read_states(os.getpid(), np.zeros(0, dtype=np.uint64)).shape == (0, 512)
    with pytest.raises(NoSuchProcess):
        read_states(1 << 22, np.zeros(1, dtype=np.uint64))
