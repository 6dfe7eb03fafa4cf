"""VMAs that are their own run, and pieces whose shape changed: the same in one go as singly."""

from __future__ import annotations

import pytest

from hpview.errors import CorruptStream
from hpview.space.address_space import AddressSpace
from hpview.space.vma import Mark
from hpview.wire import RECORD_SIZE, Backing, VmaFlag
from tests.records import rollup, run, sealed, task, vma

BASE = 0x2000_0000_0000
PAGE = 4096
SLOT = 1 << 21
SINGLE, CONT, MORE = VmaFlag.SINGLE, VmaFlag.CONT, VmaFlag.MORE


def fed(data: bytes, step: int = 0) -> AddressSpace:
    space = AddressSpace()
    for at in range(0, len(data), step or len(data)):
        space.feed(data[at : at + (step or len(data))])
    return space


def test_a_vma_that_is_its_own_run() -> None:
    data = vma(BASE, BASE + 3 * PAGE, pages_4k=2, pages_swap=1, flags=SINGLE)
    data += vma(BASE + SLOT, BASE + SLOT + PAGE, pages_swap=1, flags=SINGLE)
    space = fed(sealed(task(), data))
    assert space.complete
    assert space.vmas["flags"].tolist() == [0, 0]
    assert space.runs[["start", "end", "present", "swapped", "backing"]].tolist() == [
        (BASE, BASE + 3 * PAGE, 2, 1, Backing.PTE_4K),
        (BASE + SLOT, BASE + SLOT + PAGE, 0, 1, Backing.SWAP),
    ]
    assert space.totals.bytes_4k == 2 * PAGE
    assert space.totals.bytes_swap == 2 * PAGE


LEAF = run(BASE + PAGE, BASE + 2 * PAGE, Backing.PMD_2M)


@pytest.mark.parametrize(
    "data",
    [
        vma(BASE, BASE + SLOT + PAGE, pages_4k=1, flags=SINGLE),
        vma(BASE, BASE + PAGE, pages_4k=2, flags=SINGLE),
        vma(BASE, BASE + PAGE, pages_4k=1 << 31, pages_swap=1, flags=SINGLE),
        vma(BASE, BASE + PAGE, pages_4k=1, flags=SINGLE | MORE),
        vma(BASE, BASE + PAGE, pages_4k=1, flags=SINGLE | CONT),
        vma(BASE, BASE + SLOT, pages_4k=1, flags=SINGLE)
        + run(BASE, BASE + SLOT, Backing.PTE_4K, present=1),
        vma(BASE, BASE + 3 * PAGE) + LEAF,
        vma(BASE, BASE + 3 * PAGE, flags=MORE) + vma(BASE, BASE + 3 * PAGE, flags=CONT) + LEAF,
        vma(BASE, BASE + PAGE) + rollup(vmas=1),
    ],
)
@pytest.mark.parametrize("step", [0, RECORD_SIZE])
def test_what_cannot_be_is_refused(data: bytes, step: int) -> None:
    with pytest.raises(CorruptStream):
        fed(task() + data, step)


PIECES = {
    "grew": [(8, 0), (10, 0)],
    "shrank": [(8, 0), (6, 0)],
    "shrank over an older one, and back": [(8, 0), (6, 0), (8, 0)],
    "other permissions for a time": [(8, 3), (8, 1), (8, 3)],
    "no change": [(8, 3), (8, 3), (8, 3)],
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_of_a_vma_that_changes(name: str) -> None:
    older = vma(BASE + 7 * SLOT, BASE + 8 * SLOT, pages_4k=1, flags=SINGLE)
    data = task() + older
    shapes = PIECES[name]
    for i, (slots, vm_flags) in enumerate(shapes):
        flags = (CONT if i else 0) | (MORE if i < len(shapes) - 1 else 0)
        data += vma(BASE, BASE + slots * SLOT, vm_flags=vm_flags, pages_4k=1, flags=flags)
        data += run(BASE + i * SLOT, BASE + (i + 1) * SLOT, Backing.PTE_4K, present=1)
    data = sealed(data)
    whole, singly = fed(data), fed(data, RECORD_SIZE)
    for space in (whole, singly):
        row = space.vmas[space.index_at(BASE)]
        assert row["end"] == BASE + shapes[-1][0] * SLOT
        assert row["bytes_4k"] == len(shapes) * PAGE
        assert bool(row["marks"] & Mark.CHANGED)
        assert not row["marks"] & Mark.PARTIAL
        assert space.totals.bytes_4k == int(space.vmas["bytes_4k"].sum())
    assert whole.vmas.tolist() == singly.vmas.tolist()
    assert whole.runs.tolist() == singly.runs.tolist()
