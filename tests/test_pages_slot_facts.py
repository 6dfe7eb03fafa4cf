"""What single pages tell of slots, on real processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview.errors import NoSuchProcess
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.thp import read_thp
from hpview.pages import slot_facts
from hpview.pages.slot_facts import Folio, read_slot_facts
from hpview.wire import SLOT_SIZE
from tests.children import child
from tests.fakeproc import FakeProc
from tests.kernel_targets import AREA, PRELUDE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SHARED: Final = (
    PRELUDE
    + """
area(4 * M, NOHUGEPAGE)
for slot in range(3):
    touch(slot)
pid = os.fork()
if not pid:
    signal.pause()
touch(1, 200)
"""
)
"""Slot 0 is shared with a child, of slot 1 all but 200 pages are, slot 3 is empty."""

_SPLIT: Final = (
    PRELUDE
    + """
area(4 * M, HUGEPAGE)
for slot in range(3):
    touch(slot, 1)
pinned = os.pipe()
check(libc.madvise(A + M + 7 * K, K, 4))
check(libc.madvise(A + 2 * M, K, 4))
check(libc.madvise(A, 4 * M, NOHUGEPAGE))
touch(3)
"""
)
"""Slot 0 is huge, 1 and 2 were and lost a page, 3 never was."""


def _slots(count: int) -> NDArray[np.uint64]:
    return AREA + np.arange(count, dtype=np.uint64) * np.uint64(SLOT_SIZE)


def test_pages_that_a_child_maps_too_are_shared() -> None:
    with child(_SHARED, then="os.kill(pid, 9); os.wait()") as process:
        found = read_slot_facts(process.pid, _slots(4))
        assert found["start"].tolist() == _slots(4).tolist()
        assert found["shared"].tolist() == [512, 312, 512, 0]
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@pytest.mark.root
@pytest.mark.skipif(read_thp().enabled in (None, "never"), reason="THP is off")
def test_a_folio_that_lost_a_page_is_told_from_small_ones() -> None:
    with child(_SPLIT) as process:
        found = read_slot_facts(process.pid, _slots(4))
        assert found["folio"].tolist()[1:] == [Folio.SPLIT, Folio.SPLIT, Folio.SMALL]
        assert not found["shared"].any()


def test_only_so_many_slots_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_facts, "MOST", 2)
    found = read_slot_facts(os.getpid(), _slots(3))
    assert found["start"].tolist() == _slots(2).tolist()


def _fake(tmp_path: Path, *, frames: bool, flags: bool) -> FakeProc:
    """Process 42 with four slots at 0, all exclusive but for 9 pages of the last one.

    Behind slot 0 stands a folio of order 9, behind 1 two of order 8, behind 2 one of order 9
    that is mapped a page further on, behind 3 single pages.
    """
    fake = FakeProc(tmp_path)
    here = np.full((4, 512), 1 << 63 | 1 << 56, dtype=np.uint64)
    if frames:
        here |= np.arange(512, 512 * 5, dtype=np.uint64).reshape(4, 512)
        here[2] = np.roll(here[2], 1)
    here[3, 5:14] &= np.uint64(~(1 << 56) & (1 << 64) - 1)
    fake.add_process(42, maps=b"1000-2000 rw-p 00000000 00:00 0 \n", pagemap=here.tobytes())
    if flags:
        head, tail = np.uint64(PageFlag.COMPOUND_HEAD), np.uint64(PageFlag.COMPOUND_TAIL)
        kinds = np.zeros(512 * 5, dtype=np.uint64)
        kinds[512 : 512 * 4] = tail
        kinds[[512, 1024, 1280, 1536]] = head
        (fake.proc / "kpageflags").write_bytes(kinds.tobytes())
    return fake


@pytest.mark.parametrize(
    ("frames", "flags", "folios"),
    [
        (True, True, [Folio.SPLIT, Folio.SMALL, Folio.SMALL, Folio.SMALL]),
        (True, False, [Folio.UNKNOWN] * 4),
        (False, True, [Folio.UNKNOWN] * 4),
    ],
)
def test_folios_are_told_where_frames_are(
    tmp_path: Path, folios: list[Folio], *, frames: bool, flags: bool
) -> None:
    fake = _fake(tmp_path, frames=frames, flags=flags)
    slots = np.arange(4, dtype=np.uint64) * np.uint64(SLOT_SIZE)
    found = read_slot_facts(42, slots, fake.proc)
    assert found["folio"].tolist() == folios
    assert found["shared"].tolist() == [0, 0, 0, 9]


def test_no_slots_need_no_look() -> None:
    assert len(read_slot_facts(os.getpid(), _slots(0))) == 0


def test_a_process_that_is_gone() -> None:
    with child("") as process:
        pid = process.pid
    with pytest.raises(NoSuchProcess):
        read_slot_facts(pid, _slots(1))
