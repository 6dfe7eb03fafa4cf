from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.space.slots import Layout, Row
from hpview.space.vma import VMA
from hpview.wire import PAGE_SIZE, Records

EXAMPLES = settings(max_examples=50)
TIB = 1 << 40


def vmas(*ranges: tuple[int, int]) -> Records:
    rows = np.zeros(len(ranges), dtype=VMA)
    rows["start"] = [lo for lo, _ in ranges]
    rows["end"] = [hi for _, hi in ranges]
    return rows


@st.composite
def scattered(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Ascending page ranges with gaps from none to terabytes."""
    at = draw(st.sampled_from([0, 0x5555_5555_5000, 1 << 56]))
    out = []
    for _ in range(draw(st.integers(1, 8))):
        at += PAGE_SIZE * draw(st.sampled_from([0, 1, 5, 100, 513, 4096, 1 << 28]))
        size = PAGE_SIZE * draw(st.sampled_from([1, 3, 511, 512, 700, 5000]))
        out.append((at, at + size))
        at += size
    return out


CELLS = st.sampled_from([PAGE_SIZE, 1 << 16, 1 << 21, 1 << 30])


@EXAMPLES
@given(scattered(), CELLS, st.integers(1, 70))
def test_rows_cover_every_mapped_cell_once_and_fold_what_is_wide_enough(
    ranges: list[tuple[int, int]], cell: int, columns: int
) -> None:
    layout = Layout(vmas(*ranges), cell=cell, columns=columns)
    # What the blocks must be, one VMA at a time, in cells.
    blocks: list[list[int]] = []
    for lo, hi in ranges:
        first, end = lo // cell, -(-hi // cell)
        if blocks and first - blocks[-1][1] < columns:
            blocks[-1][1] = end
        else:
            blocks.append([first, end])
    assert layout.rows == sum(-(-(end - first) // columns) for first, end in blocks) + (
        len(blocks) - 1
    )
    y = 0
    for i, (first, end) in enumerate(blocks):
        if i:
            assert layout.row(y) == Row(True, blocks[i - 1][1] * cell, first * cell)
            assert layout.address(y, 5) == blocks[i - 1][1] * cell
            assert layout.locate(first * cell - 1) == (y, 0)
            y += 1
        heads = list(range(first, end, columns))
        for offset in {0, len(heads) // 2, len(heads) - 1}:
            head = heads[offset]
            row = layout.row(y + offset)
            assert row == Row(False, head * cell, min(head + columns, end) * cell)
        y += len(heads)
    assert y == layout.rows


@EXAMPLES
@given(scattered(), CELLS, st.integers(1, 70), st.data())
def test_locate_undoes_address(
    ranges: list[tuple[int, int]], cell: int, columns: int, data: st.DataObject
) -> None:
    layout = Layout(vmas(*ranges), cell=cell, columns=columns)
    y = data.draw(st.integers(0, layout.rows - 1))
    row = layout.row(y)
    width = 1 if row.gap else (row.end - row.start) // cell
    for x in {0, width - 1}:
        address = layout.address(y, x)
        assert row.start <= address < row.end
        assert layout.locate(address) == (y, x)
    for lo, hi in ranges:
        for address in (lo, (lo + hi) // 2, hi - 1):
            y, x = layout.locate(address)
            assert not layout.row(y).gap
            assert layout.address(y, x) <= address < layout.address(y, x) + cell


def test_a_layout_of_all_addresses_in_pages_takes_no_memory_per_row() -> None:
    layout = Layout(vmas((0, 128 * TIB)), cell=PAGE_SIZE, columns=200)
    assert layout.rows == -(-(1 << 35) // 200)
    assert layout.locate(128 * TIB - 1) == divmod((1 << 35) - 1, 200)
    assert layout.row(layout.rows - 1).end == 128 * TIB


def test_addresses_outside_are_held_to_the_ends() -> None:
    layout = Layout(vmas((1 << 21, 2 << 21), (64 << 21, 65 << 21)), cell=1 << 21, columns=4)
    assert layout.rows == 3
    assert layout.locate(0) == (0, 0)
    assert layout.locate(1 << 60) == (2, 0)
    assert layout.address(2, 3) == 64 << 21


def test_a_small_gap_stays_in_the_block_and_one_row_of_cells_folds() -> None:
    near = Layout(vmas((0, 1 << 21), (4 << 21, 5 << 21)), cell=1 << 21, columns=4)
    assert (near.rows, near.row(0)) == (2, Row(False, 0, 4 << 21))
    far = Layout(vmas((0, 1 << 21), (5 << 21, 6 << 21)), cell=1 << 21, columns=4)
    assert [far.row(y).gap for y in range(far.rows)] == [False, True, False]
    assert far.row(1) == Row(True, 1 << 21, 5 << 21)


def test_nothing_mapped_has_no_rows() -> None:
    layout = Layout(vmas(), cell=PAGE_SIZE, columns=80)
    assert layout.rows == 0
    with pytest.raises(IndexError):
        layout.locate(0)
    with pytest.raises(IndexError):
        layout.row(0)


def test_rows_and_columns_that_do_not_exist_are_refused() -> None:
    layout = Layout(vmas((0, 1 << 21)), cell=1 << 21, columns=80)
    for y, x in ((-1, 0), (1, 0), (0, -1)):
        with pytest.raises(IndexError):
            layout.address(y, x)


@pytest.mark.parametrize(("cell", "columns"), [(2048, 8), (12288, 8), (0, 8), (4096, 0)])
def test_impossible_grids_are_refused(cell: int, columns: int) -> None:
    with pytest.raises(ValueError, match=r"columns|power of two"):
        Layout(vmas((0, 4096)), cell=cell, columns=columns)
