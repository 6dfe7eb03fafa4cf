from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.space.address_space import AddressSpace
from hpview.space.slots import CellClass, Cells, cells, classify
from hpview.wire import SLOT_SIZE, Backing
from tests.records import Script, run
from tests.space_model import BASES, UNIT, UNITS, Slot, scripts, slots_of_run

EXAMPLES = settings(max_examples=40)
KINDS = ("bytes_4k", "bytes_2m", "bytes_1g", "bytes_swap", "bytes_zero", "unknown")
SPAN = UNITS * UNIT


def fed(records: list[bytes]) -> AddressSpace:
    space = AddressSpace()
    space.feed(b"".join(records))
    return space


def all_slots(space: AddressSpace) -> list[Slot]:
    return [slot for row in space.runs for slot in slots_of_run(row)]


def base_of(space: AddressSpace) -> int:
    first = int(space.vmas["start"][0]) if len(space.vmas) else 0
    return max(base for base in BASES if base <= first)


@EXAMPLES
@given(scripts(), st.sampled_from([SLOT_SIZE, 2 * SLOT_SIZE, 4 * SLOT_SIZE]), st.integers(0, 3))
def test_cells_of_whole_slots_are_sums_of_slots(records: list[bytes], cell: int, at: int) -> None:
    space = fed(records)
    start = base_of(space) + at * SLOT_SIZE
    count = 5
    got = cells(space, start, count, cell)
    assert got.start.tolist() == [start + i * cell for i in range(count)]
    for i in range(count):
        lo, hi = start + i * cell, start + (i + 1) * cell
        inside = [slot.bytes() for slot in all_slots(space) if lo <= slot.lo < hi]
        for kind in KINDS:
            assert getattr(got, kind)[i] == sum(slot[kind] for slot in inside), kind
        mapped = sum(
            max(0, min(hi, int(row["end"])) - max(lo, int(row["start"]))) for row in space.vmas
        )
        assert got.mapped[i] == mapped


@EXAMPLES
@given(scripts(), st.sampled_from([4096, 1 << 16, 1 << 20, 3 << 12, 1 << 24]), st.integers(0, 64))
def test_no_byte_is_lost_or_counted_twice_whatever_the_cell(
    records: list[bytes], cell: int, lead: int
) -> None:
    space = fed(records)
    start = max(0, base_of(space) - lead * 4096)
    count = -(-(SPAN + lead * 4096) // cell)
    got = cells(space, start, count, cell)
    for kind in KINDS:
        values = getattr(got, kind)
        assert values.dtype == np.int64
        assert values.sum() == sum(slot.bytes()[kind] for slot in all_slots(space))
        assert (values >= 0).all()
        assert (values <= got.mapped).all()
    assert (got.mapped <= cell).all()


def test_a_slot_is_spread_evenly_over_smaller_cells() -> None:
    script = Script().vma(
        0, 2 * SLOT_SIZE, run(0, 2 * SLOT_SIZE, Backing.PTE_4K, present=64, swapped=8)
    )
    got = cells(fed(script.records), SLOT_SIZE // 2, 6, SLOT_SIZE // 2)
    assert got.bytes_4k.tolist() == [32 * 4096] * 3 + [0] * 3
    assert got.bytes_swap.tolist() == [4 * 4096] * 3 + [0] * 3
    assert got.mapped.tolist() == [SLOT_SIZE // 2] * 3 + [0] * 3


def test_addresses_beyond_what_a_float_holds_are_exact() -> None:
    base = (1 << 62) + 4096
    script = Script().vma(base, base + 4096, run(base, base + 4096, Backing.PTE_4K, present=1))
    got = cells(fed(script.records), base - 4096, 3, 4096)
    assert got.bytes_4k.tolist() == [0, 4096, 0]
    assert got.mapped.tolist() == [0, 4096, 0]


def test_nothing_known_is_nothing_mapped() -> None:
    got = cells(AddressSpace(), 0, 3, 4096)
    for field in fields(Cells):
        if field.name not in ("start", "end"):
            assert getattr(got, field.name).tolist() == [0, 0, 0]
    assert classify(got).tolist() == [CellClass.UNMAPPED] * 3
    assert len(classify(cells(AddressSpace(), 0, 0, 4096))) == 0


@pytest.mark.parametrize(
    ("start", "count", "cell"), [(-1, 1, 4096), (0, -1, 4096), (0, 1, 0), (1 << 62, 1, 1 << 62)]
)
def test_cells_beyond_every_address_are_refused(start: int, count: int, cell: int) -> None:
    with pytest.raises(ValueError, match="cells of"):
        cells(AddressSpace(), start, count, cell)


def scalar_class(
    mapped: int, b4k: int, b2m: int, b1g: int, swap: int, zero: int, unknown: int
) -> CellClass:
    if not mapped:
        return CellClass.UNMAPPED
    most = max(b1g, b2m, b4k, swap)
    if most == 0:
        if unknown:
            return CellClass.UNKNOWN
        return CellClass.ZERO if zero else CellClass.EMPTY
    if b1g == most:
        return CellClass.HUGE_1G
    if b2m == most:
        return CellClass.HUGE_2M
    if b4k < most:
        return CellClass.SWAP
    if 8 * b4k >= 7 * mapped:
        return CellClass.FULL_4K
    return CellClass.SPARSE_4K if 8 * b4k < mapped else CellClass.PART_4K


AMOUNT = st.sampled_from([0, 0, 0, 1, 4096, 1 << 18, 7 << 18, 1 << 21])


@EXAMPLES
@given(st.lists(st.tuples(*[AMOUNT] * 7), min_size=1, max_size=30))
def test_classes_are_those_of_the_rule_one_by_one(rows: list[tuple[int, ...]]) -> None:
    table = np.array(rows, dtype=np.int64).T
    nowhere = np.zeros(len(rows), dtype=np.int64)
    got = classify(Cells(nowhere, nowhere, *table))
    assert got.dtype == np.uint8
    assert got.tolist() == [scalar_class(*row) for row in rows]
