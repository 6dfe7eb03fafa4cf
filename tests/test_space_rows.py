"""Rows made of records, and ranges cut out of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview import wire
from hpview.space import runs as runs_
from hpview.space import vma as vma_
from hpview.space.columns import Column, subtract
from hpview.space.runs import RUN
from hpview.space.vma import BYTES, VMA
from hpview.wire import SLOT_SIZE, Backing, Kind, Records, RunFlag
from tests.records import run


def filled(kind: Kind) -> Records:
    """Records with another value in every byte but the header."""
    records = np.arange(3 * 64, dtype=np.uint8).view(wire.DTYPES[kind])
    records["kind"], records["version"] = kind, wire.VERSION
    return records


def rows(*records: bytes) -> Records:
    return runs_.from_wire(wire.words(wire.decode(b"".join(records)).of(Kind.RUN)))


def test_every_field_of_a_run_is_taken_over() -> None:
    records = filled(Kind.RUN)
    made = runs_.from_wire(wire.words(records))
    assert made.dtype == RUN
    assert RUN.itemsize == 32
    for field in RUN.names or ():
        assert made[field].tolist() == records[field].tolist(), field


def test_every_field_of_a_vma_is_taken_over() -> None:
    records = filled(Kind.VMA)
    made = vma_.from_wire(wire.words(records))
    assert made.dtype == VMA
    assert VMA.itemsize == 88
    for field in ("start", "end", "vm_flags", "pgoff", "ino", "dev", "flags"):
        assert made[field].tolist() == records[field].tolist(), field
    for field, count, unit in (
        ("bytes_4k", "pages_4k", 4096),
        ("bytes_2m", "slots_2m", SLOT_SIZE),
        ("bytes_1g", "slots_1g", SLOT_SIZE),
        ("bytes_swap", "pages_swap", 4096),
    ):
        assert made[field].tolist() == [unit * int(value) for value in records[count]], field
    assert not made["name"].any()
    assert not made["marks"].any()


def test_sums_of_rows_are_a_view_in_the_order_of_bytes() -> None:
    made = vma_.from_wire(wire.words(filled(Kind.VMA)))
    for column, field in enumerate(BYTES):
        assert vma_.sums_of(made)[:, column].tolist() == made[field].tolist()
        assert vma_.total_bytes(made)[column] == made[field].sum()
    vma_.sums_of(made)[1, 0] = 5
    assert made["bytes_4k"][1] == 5


@given(
    st.lists(st.integers(0, 60), unique=True, max_size=12),
    st.lists(st.integers(0, 60), unique=True, max_size=12),
)
def test_subtract_leaves_what_is_in_no_hole(borders: list[int], hole_borders: list[int]) -> None:
    def pairs(values: list[int]) -> tuple[list[int], list[int]]:
        values = sorted(values)[: len(values) // 2 * 2]
        return values[::2], values[1::2]

    (starts, ends), (hole_starts, hole_ends) = pairs(borders), pairs(hole_borders)
    index, lo, hi = subtract(
        *(np.array(v, np.uint64) for v in (starts, ends)),
        *(np.array(v, np.uint64) for v in (hole_starts, hole_ends)),
    )
    holes = {a for s, e in zip(hole_starts, hole_ends, strict=True) for a in range(s, e)}
    expected = [
        (i, a)
        for i, (s, e) in enumerate(zip(starts, ends, strict=True))
        for a in range(s, e)
        if a not in holes
    ]
    got = [
        (int(i), a) for i, s, e in zip(index, lo, hi, strict=True) for a in range(int(s), int(e))
    ]
    assert got == expected


def test_slots_and_room_of_cut_ranges() -> None:
    start = np.array([0, 4096, SLOT_SIZE - 4096, 8192], dtype=np.uint64)
    end = np.array([SLOT_SIZE, SLOT_SIZE, 2 * SLOT_SIZE + 8192, 12288], dtype=np.uint64)
    assert runs_.slots_of(start, end).tolist() == [1, 1, 3, 1]
    assert runs_.room(start, end).tolist() == [512, 511, 1, 1]


def test_bytes_by_backing() -> None:
    got = runs_.bytes_by_backing(
        rows(
            run(0, 2 * SLOT_SIZE, Backing.PTE_4K, present=10, swapped=3, zero=2, guard=1),
            run(2 * SLOT_SIZE, 3 * SLOT_SIZE - 4096, Backing.PMD_2M),
            run(512 * SLOT_SIZE, 1024 * SLOT_SIZE, Backing.PUD_1G),
            run(1024 * SLOT_SIZE, 1025 * SLOT_SIZE, Backing.SWAP, swapped=5),
            run(1025 * SLOT_SIZE, 1026 * SLOT_SIZE, Backing.ZERO, zero=7),
            run(1026 * SLOT_SIZE, 1027 * SLOT_SIZE, Backing.ZERO, flags=RunFlag.PMD_ZERO),
            run(1027 * SLOT_SIZE, 1028 * SLOT_SIZE, Backing.UNKNOWN),
            run(1028 * SLOT_SIZE, 1029 * SLOT_SIZE, Backing.NONE, guard=512),
        )
    )
    assert dict(zip(Backing, got.tolist(), strict=True)) == {
        Backing.NONE: 0,
        Backing.PTE_4K: 20 * 4096,
        Backing.PMD_2M: SLOT_SIZE - 4096,
        Backing.PUD_1G: 1 << 30,
        Backing.SWAP: 11 * 4096,
        Backing.ZERO: 11 * 4096 + SLOT_SIZE,
        Backing.UNKNOWN: SLOT_SIZE,
    }


def test_trim_clamps_a_cut_slot_and_leaves_the_others() -> None:
    whole = rows(run(0, 4 * SLOT_SIZE, Backing.PTE_4K, present=300, swapped=100, zero=50))
    lo, hi = SLOT_SIZE - 350 * 4096, 4 * SLOT_SIZE - SLOT_SIZE + 4096
    keys = ["start", "end", "present", "swapped", "zero"]
    assert runs_.trim(whole, lo, hi)[keys].tolist() == [
        (lo, SLOT_SIZE, 300, 50, 0),
        (SLOT_SIZE, 3 * SLOT_SIZE, 300, 100, 50),
        (3 * SLOT_SIZE, hi, 1, 0, 0),
    ]
    assert whole["end"].tolist() == [4 * SLOT_SIZE]


def test_trim_keeps_a_run_whole_when_its_pages_still_fit() -> None:
    whole = rows(run(0, 4 * SLOT_SIZE, Backing.PTE_4K, present=3))
    trimmed = runs_.trim(whole, 4096, 3 * SLOT_SIZE + 4 * 4096)
    assert trimmed[["start", "end", "present"]].tolist() == [(4096, 3 * SLOT_SIZE + 4 * 4096, 3)]


@pytest.mark.parametrize(("lo", "hi"), [(0, 0), (5 * SLOT_SIZE, 2**63), (SLOT_SIZE, SLOT_SIZE)])
def test_trim_to_nothing(lo: int, hi: int) -> None:
    assert len(runs_.trim(rows(run(0, 4 * SLOT_SIZE)), lo, hi)) == 0


def test_a_column_splices_like_a_list() -> None:
    column, model = Column(RUN), list[int]()
    random = np.random.default_rng(1)
    for step in range(200):
        lo = int(random.integers(0, len(model) + 1))
        hi = min(len(model), lo + int(random.integers(0, 6)))
        new = list(range(step, step + int(random.integers(0, 12))))
        made = np.zeros(len(new), dtype=RUN)
        made["start"] = new
        column.splice(lo, hi, made)
        model[lo:hi] = new
        assert column.rows["start"].tolist() == model
    assert column.frozen["start"].tolist() == model
    with pytest.raises(ValueError, match="read-only"):
        column.frozen["start"][0] = 1
