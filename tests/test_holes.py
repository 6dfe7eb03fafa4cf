"""Holes against the plain rule, slot by slot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from hpview.kernelfs.maps import Mapping
from hpview.space.address_space import AddressSpace
from hpview.space.holes import can_be_huge, find_holes, unsettled
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, RunFlag, VmFlag
from tests.records import MIB, RW, Script, run
from tests.space_model import TABLE, scripts, slots_of_run

EXAMPLES = settings(max_examples=60)
BASE = 0x7F00_0000_0000


def space_of(script: Script) -> AddressSpace:
    space = AddressSpace()
    space.feed(script.data)
    return space


def by_hand(space: AddressSpace) -> list[tuple[int, int, int]]:
    """First address of each hole, with its VMA, in order."""
    out = []
    for i, vma in enumerate(space.vmas):
        start, end = int(vma["start"]), int(vma["end"])
        if vma["ino"] or vma["dev"]:
            continue
        for row in space.runs_of(start, end):
            for slot in slots_of_run(row):
                whole = slot.lo % SLOT_SIZE == 0 and slot.hi - slot.lo == SLOT_SIZE
                if whole and slot.backing == Backing.PTE_4K and slot.counts[0]:
                    out.append((slot.lo, slot.hi, i))
    return out


@EXAMPLES
@given(scripts())
def test_holes_are_whole_slots_of_4k_pages(records: list[bytes]) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    found = find_holes(space)
    slots = by_hand(space)
    covered = [
        (address, address + SLOT_SIZE)
        for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True)
        for address in range(start, end, SLOT_SIZE)
    ]
    assert covered == [slot[:2] for slot in slots]
    assert set(np.flatnonzero(found.vmas).tolist()) == {slot[2] for slot in slots}
    # Neighbours of one VMA are one stretch.
    owner = {slot[0]: slot[2] for slot in slots}
    for start in found.start.tolist():
        before = start - SLOT_SIZE
        assert before not in owner or owner[before] != owner[start]


@EXAMPLES
@given(scripts())
def test_what_is_unsettled_is_neither_empty_nor_full(records: list[bytes]) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    found = {int(row["start"]) for row in unsettled(space, 0, 1 << 63)}
    for row in space.runs:
        slots = slots_of_run(row)
        mixed = any(
            sum(count > 0 for count in slot.counts) > 1
            or sum(slot.counts) * 4096 < slot.hi - slot.lo
            for slot in slots
        )
        by_leaf = row["backing"] == Backing.ZERO and row["flags"] & RunFlag.PMD_ZERO
        table = int(row["backing"]) in TABLE and not by_leaf
        assert (int(row["start"]) in found) == (table and mixed)


def test_next_and_previous_stretch() -> None:
    script = Script()
    for i in range(3):
        start = BASE + i * 16 * MIB
        script.vma(start, start + 8 * MIB, run(start, start + 4 * MIB, Backing.PTE_4K, present=9))
    holes = find_holes(space_of(script))
    assert holes.after(0) == BASE
    assert holes.after(BASE) == BASE + 16 * MIB
    assert holes.after(BASE + 32 * MIB) is None
    assert holes.before(BASE + 16 * MIB) == BASE
    assert holes.before(BASE) is None


FILE: dict[str, int] = {"ino": 8, "dev": 1}


@pytest.mark.parametrize(
    ("how", "name", "able"),
    [
        ({}, "", True),
        ({"vm_flags": RW | VmFlag.PFNMAP}, "", False),
        ({"vm_flags": RW | VmFlag.IO}, "", False),
        ({"vm_flags": RW | VmFlag.MIXEDMAP}, "", False),
        # What was said and set against it is a reason, not a limit.
        ({"vm_flags": RW | VmFlag.NOHUGEPAGE}, "", True),
        ({"vm_flags": RW | VmFlag.HUGETLB}, "", True),
        # Once it is large enough a stack is memory like any other.
        ({"vm_flags": RW | VmFlag.GROWSDOWN}, "[stack]", True),
        (FILE, "/usr/lib/x.so", False),
        (FILE, "/dev/zero (deleted)", True),
        (FILE, "/memfd:x (deleted)", True),
        (FILE, "[anon_shmem:x]", True),
        (FILE | {"pgoff": 512}, "/memfd:x", True),
        (FILE | {"pgoff": 511}, "/memfd:x", True),
        (FILE | {"pgoff": 511}, "/dev/zero", True),
    ],
)
def test_which_mappings_can_have_huge_pages(how: dict[str, int], name: str, able: bool) -> None:
    for size, large in ((2 * MIB, True), (2 * MIB - PAGE_SIZE, False)):
        space = space_of(Script().vma(BASE + MIB, BASE + MIB + size, **how))
        dev, ino, offset = (how.get(key, 0) for key in ("dev", "ino", "pgoff"))
        mapping = Mapping(BASE + MIB, BASE + MIB + size, RW, offset * PAGE_SIZE, dev, ino, name)
        space.set_names(np.array([BASE + MIB], dtype=np.uint64), [mapping])
        assert can_be_huge(space).tolist() == [able and large]
