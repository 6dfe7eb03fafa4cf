"""Columns and lines of the process list, without a screen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.style import Style

from hpview.machine_state import UNREAD, MachineState
from hpview.roster.arrange import Line, Shape, View, arranged
from hpview.roster.fields import FIELDS, Table
from hpview.roster.groups import Group
from hpview.roster.query import parse
from hpview.ui import palette
from hpview.ui.widgets.columns import Place
from hpview.ui.widgets.process_columns import (
    ALWAYS,
    COLUMNS,
    WIDE,
    chosen_columns,
    heading,
    places,
)
from hpview.ui.widgets.process_detail import detail_lines
from hpview.ui.widgets.process_row import line_segments, twig_text
from hpview.ui.widgets.process_strip import machine_line
from tests.fake_machine import STATE, machine, process, unreadable
from tests.records import GIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.segment import Segment

INKS = palette.plain_inks()
PLAIN = palette.plain_inks(palette.ASCII)
EVERY = chosen_columns([])


def text(segments: Iterable[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def row(line: Line, width: int, inks: palette.Inks = INKS) -> str:
    return text(line_segments(line, places(width, EVERY), wide=width >= WIDE, inks=inks))


def test_every_field_has_a_column() -> None:
    assert [column.key for column in COLUMNS] == [*FIELDS]


@pytest.mark.parametrize("width", [58, 59, 79, 99, 100, 119, 149, 199, 299])
@pytest.mark.parametrize("shape", [*Shape])
def test_heading_and_lines_have_the_same_width(width: int, shape: Shape) -> None:
    placed = places(width, EVERY)
    titles = text(heading(placed, "resident", reverse=False, shape=shape.value, inks=INKS))
    assert "▼" in titles
    assert shape.value in titles
    assert len(titles) == width + 1
    for line in arranged(Table(machine()), View(parse(""), "pid", shape=shape)).lines:
        assert len(row(line, width)) == width + 1


@pytest.mark.parametrize("width", [58, 79, 119, 199])
@pytest.mark.parametrize("shape", [Shape.FLAT, Shape.USER, Shape.CGROUP])
def test_wide_characters_move_no_column(width: int, shape: Shape) -> None:
    wide = "資料庫" * 40
    some = [process(7, wide, user="資料庫", cgroup=f"/{wide}"), process(8, "b", user=wide)]
    for line in arranged(Table(some), View(parse(""), "pid", shape=shape)).lines:
        assert cell_len(row(line, width)) == width + 1
    by_user = arranged(Table(some), View(parse(""), "pid", shape=Shape.USER)).lines
    assert "資料庫  1 process " in row(by_user[0], width)


def test_the_less_important_columns_go_first() -> None:
    shown = [[place.key for place in places(width, EVERY)] for width in (58, 79, 119, 199)]
    assert shown[0] == ["pid", "command", "resident", "coverage", "gap"]
    assert shown[1] == ["pid", "user", "command", "resident", "2m", "coverage", "gap", "change"]
    assert not {"cgroup", "ppid"} & {*shown[2]}
    assert shown[3] == [column.key for column in COLUMNS]
    assert all(set(less) <= set(more) for less, more in pairwise(shown))


def test_hiding_columns_widens_the_command() -> None:
    def command(wanted: list[str]) -> int:
        return next(p.width for p in places(119, tuple(wanted)) if p.key == "command")

    few = command(["pid", "command", "resident"])
    assert few > 119 - 30
    assert few > command([*EVERY])


def test_chosen_columns_keep_their_order_and_unknown_ones_mean_nothing() -> None:
    assert chosen_columns(["swap", "pid", "nonsense"]) == ("pid", "command", "swap")
    assert chosen_columns(["nonsense"]) == EVERY
    assert set(ALWAYS) <= set(chosen_columns(["swap"]))


def test_an_unreadable_process_shows_question_marks() -> None:
    shown = row(Line(unreadable(1, "init")), 119)
    assert shown.count("?") == 6
    assert " 0 " in shown  # its swap, which anybody may read
    assert "%" not in shown


@pytest.mark.parametrize("width", [79, 199])
def test_an_estimate_has_a_mark_at_what_is_estimated(width: int) -> None:
    """Not at 0, resident or swap, which are read."""
    exact = process(7, "x", bytes_2m=GIB, bytes_4k=GIB, bytes_gap=GIB)
    sure = row(Line(exact), width)
    guessed = row(Line(exact._replace(estimate=True)), width)
    assert "~" not in sure
    assert guessed.count("~") == (3 if width == 79 else 4)
    assert [word.lstrip("~") for word in guessed.split()] == sure.split()


def test_a_pending_process_is_not_called_unreadable() -> None:
    pending = unreadable(1, "init", pending=True)
    assert "?" not in row(Line(pending), 119)
    assert "…" in row(Line(pending), 119)
    assert row(Line(pending), 119, PLAIN).isascii()
    assert "not read yet" in text(detail_lines(Line(pending), "no", 119, INKS)[0])


def test_commands_and_cgroups_are_escaped() -> None:
    hostile = machine()[4]._replace(cgroup="/\x1b]0;x\x07", user="\u202eresu")
    shown = row(Line(hostile), 299)
    assert r"evil \x1b[31m[bold]red[/bold]\x0anext \xff" in shown
    assert r"/\x1b]0;x\x07" in shown
    details = "".join(text(line) for line in detail_lines(Line(hostile), "", 200, INKS))
    for words in (shown, details):
        assert all(char.isprintable() for char in words)


@pytest.mark.parametrize(
    ("change", "words"), [(None, ""), (0, ""), (6 << 20, "+6.0M"), (-950 << 10, "-950K")]
)
def test_changes_are_signed_and_blank_when_there_is_none(change: int | None, words: str) -> None:
    assert row(Line(process(5, "x", change=change)), 79).split()[-1:] == [words or "2.5M"]


def test_what_is_folded_away_is_counted() -> None:
    assert "[+] x (+1 234)" in row(Line(process(5, "x"), below=3, hidden=1234), 119)


def test_twigs() -> None:
    assert twig_text("", palette.UNICODE) == ""
    assert twig_text("101", palette.UNICODE) == "│   ├─"
    assert twig_text("00", palette.UNICODE) == "  └─"
    assert twig_text("110", palette.ASCII) == "| | `-"


def test_a_group_without_a_cgroup_has_a_name() -> None:
    lone = (process(5, "x", cgroup=""),)
    (group, _) = arranged(Table(lone), View(parse(""), "pid", shape=Shape.CGROUP)).lines
    assert "[-] (none)  1 process " in row(group, 119)


def test_details_are_exact() -> None:
    first, second = detail_lines(Line(machine()[2]), "", 200, INKS)
    assert text(first) == (
        " 4127 postgres · resident 7 516 192 768 B · coverage 83 %: 1 073 741 824 B of 6.0 GiB"
        " could be huge and are not · 2M 5 368 709 120 · 4k 2 147 483 648 · parent 880"
        " · cgroup /system.slice"
    )
    assert text(second).rstrip() == " postgres: checkpointer"
    narrow, _ = detail_lines(Line(machine()[2]), "", 60, INKS)
    assert len(text(narrow)) <= 60


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bytes_2m": 3 * GIB, "bytes_gap": GIB}, "coverage 75 %, gap 1 073 741 824 B"),
        ({"bytes_gap": 4096}, "coverage 0 %, gap 4 096 B"),
        ({"bytes_2m": 3 * GIB, "bytes_gap": 0}, "coverage 100 %, no gap"),
        ({"bytes_gap": 0}, "nothing that could be huge"),
    ],
)
def test_coverage_and_gap_in_words(changes: dict[str, int], words: str) -> None:
    line = Line(process(5, "x", **changes))
    assert f" · {words}" in text(detail_lines(line, "", 80, INKS)[0])
    group = Group("app", [0], line.process)
    told = text(detail_lines(line._replace(group=group, below=3), "", 80, INKS)[0])
    assert told.startswith(" 3 processes · resident ")
    assert f" · {words}" in told


def test_a_gap_that_was_not_counted_is_told_nowhere() -> None:
    line = Line(process(5, "x", bytes_gap=None))
    assert "gap" not in text(detail_lines(line, "", 200, INKS)[0])
    assert row(line, 119).count("?") == 2
    assert "%" not in row(line, 119)


def test_the_bar_is_of_what_is_or_could_be_huge_and_faint_when_nothing_is() -> None:
    inks = replace(INKS, dim=Style(dim=True))

    def cells(**changes: int) -> tuple[str, set[Style | None]]:
        drawn = line_segments(
            Line(process(5, "x", bytes_4k=8 * GIB, **changes)),
            (Place("coverage", "", 12, right=False),),
            wide=False,
            inks=inks,
        )
        return text(drawn), {segment.style for segment in drawn[:-1]}

    half, styles = cells(bytes_2m=GIB, bytes_gap=GIB)
    assert half == "███▓▓▓  50 % "
    assert inks.dim not in styles
    assert cells(bytes_gap=GIB) == ("▓▓▓▓▓▓   0 % ", {inks.dim})
    assert cells(bytes_gap=0)[0] == "······     - "


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_machine_in_every_width(width: int) -> None:
    words = text(machine_line(STATE, width, INKS))
    assert len(words) <= width
    assert "THP madvise" in words
    assert "3 412" in words
    assert ("defrag" in words) == (width >= 120)
    assert ("pool 2M 512, 128 free, 16 reserved" in words) == (width >= 200)


def test_what_is_unknown_of_the_machine_is_a_question_mark() -> None:
    assert text(machine_line(UNREAD, 200, INKS)).count("?") == 5
    assert "hugetlb pool none" in text(machine_line(MachineState(), 200, INKS))
