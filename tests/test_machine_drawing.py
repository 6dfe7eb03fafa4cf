"""How the tables and lines of the machine screen fit themselves to a width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.space.cell_class import CellClass
from hpview.ui import palette
from hpview.ui.machine import numbers
from hpview.ui.machine.sections import SECTIONS
from hpview.ui.machine.table import Cell, Column, Part, Row, Table, cell
from hpview.ui.paint import width_of
from hpview.ui.widgets.sparkline import sparkline
from tests.machine_seen import (
    INKS,
    USERS,
    lines,
    rows_of,
    seen,
    text,
)


@pytest.mark.parametrize("section", range(6), ids=[section.name for section in SECTIONS])
@pytest.mark.parametrize("width", [58, 79, 119, 300])
def test_every_line_is_as_wide_as_the_screen_at_most(section: int, width: int) -> None:
    assert all(len(line) <= width for line in lines(section, seen(), width))


def test_every_row_says_where_it_comes_from_and_has_a_key_of_its_own() -> None:
    for section in SECTIONS:
        rows = [row for table in section.tables(seen()) for row in table.rows]
        assert len({row.key for row in rows}) == len(rows)
        for row in rows:
            if not row.key.startswith("subtitle"):
                assert row.detail is not None
                assert all((row.detail.field, row.detail.source, row.detail.meaning))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4), st.integers(0, 9)), min_size=1),
    st.integers(10, 200),
)
def test_columns_take_no_more_than_there_is(wanted: list[tuple[int, int, int]], width: int) -> None:
    first, *rest = wanted
    found = [Column("a", right=False, least=4)]
    found += [Column("b", rank=rank + 1, least=least) for _, rank, least in rest]
    row = Row("x", tuple(cell("w" * size) for size, _, _ in (first, *rest)))
    table = Table(found, [row])
    drawn, titles = table.row(0, width, INKS), table.titles(width, INKS)
    assert width_of(drawn) == width_of(titles) <= width
    if sum(size for size, _, _ in wanted) + 2 * len(rest) <= width:
        assert text(drawn).count("w") == sum(size for size, _, _ in wanted)


def test_words_that_do_not_fit_are_cut_with_a_mark() -> None:
    row = Row("x", (Cell((Part("one "), Part("two "), Part("three"))),))
    table = Table([Column("t", right=False, least=3)], [row])
    assert text(table.row(0, 8, INKS)) == "one two…"
    assert text(table.row(0, 13, INKS)) == "one two three"
    tail = Table([Column("t", right=False, least=3)], [Row("x", (cell("/a/b/c", tail=True),))])
    assert text(tail.row(0, 4, INKS)) == "…b/c"


def test_a_line_of_bars() -> None:
    series = [None, 0.0, 0.001, 5.0, 10.0, None]
    assert text(sparkline(series, 8, INKS)) == " ▁▂▅█   "
    assert text(sparkline(series, 3, INKS)) == "▅█ "
    ascii_inks = palette.plain_inks(palette.ASCII)
    assert text(sparkline(series, 6, ascii_inks)) == " _.=# "
    assert sparkline(series, 0, INKS) == []
    assert text(sparkline([0.0, 0.0], 2, INKS)) == "▁▁"


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e12))), st.integers(0, 80))
def test_a_line_of_bars_has_its_width_and_hides_nothing(
    series: list[float | None], width: int
) -> None:
    drawn = text(sparkline(series, width, INKS))
    assert len(drawn) == width
    shown = series[-width:] if width else []
    for number, glyph in zip(shown, drawn, strict=False):
        assert (glyph == " ") is (number is None)
        assert (glyph == "▁") is (number == 0)


@pytest.mark.parametrize(
    ("rate", "words_"),
    [(None, "-"), (0.0, "0"), (0.001, "<0.01"), (0.02, "0.02"), (3.0, "3.0"), (1234.6, "1 235")],
)
def test_rates_are_humane(rate: float | None, words_: str) -> None:
    assert numbers.rate(rate) == words_


def test_bars_of_users_show_huge_against_gap() -> None:
    row = rows_of(USERS, seen())["user redis"]
    assert row.cells[-1].draw is not None
    assert text(row.cells[-1].draw(5, INKS)) == palette.UNICODE.cells[CellClass.FULL_4K] * 5
