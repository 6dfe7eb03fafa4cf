"""The column of reasons in the list of VMAs, and the filter by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.inquiry.words import COLUMN, column_words, slot_words
from hpview.reasons.case import Finding
from hpview.reasons.reason import Reason
from hpview.space.query import parse
from hpview.ui.vma_filter import VmaFilter
from hpview.ui.widgets.vma_list import VmaList
from tests.fakes import drive, press, rested, sample_fakes, settled
from tests.golden import screen_lines
from tests.test_ui_why import make, on_top

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.ui.app import HpviewApp


def listed(app: HpviewApp) -> list[str]:
    """The rows of the list of VMAs."""
    return [line.strip() for line in screen_lines(app)[2:-6] if line.strip()]


def test_the_list_has_a_column_of_reasons_and_is_sorted_and_filtered_by_it() -> None:
    app = make(sample_fakes())

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        await pilot.press("tab", "z")
        shown = app.screen.query_one(VmaList)
        assert any("not advised" in line and "anon" in line for line in listed(app))
        for _ in range(9):
            if shown.sort != "why":
                await press(pilot, "full_stop")
        assert shown.sort == "why"
        mains = on_top(app).asking.mains(on_top(app).space)
        order = [Reason(int(mains[shown.index_of(row)])) for row in range(shown.row_count)]
        assert order[0] is Reason.TOO_SMALL
        assert order[-1] is Reason.NONE
        known = [reason for reason in order if reason is not Reason.NONE]
        assert known == sorted(known)
        await pilot.press("slash", *"why:not_ad")
        assert shown.row_count == len(order)
        await pilot.press(*"vised")
        assert shown.row_count == order.count(Reason.NOT_ADVISED) > 0
        await pilot.press(*",too_small")
        wanted = order.count(Reason.NOT_ADVISED) + order.count(Reason.TOO_SMALL)
        assert shown.row_count == wanted

    drive(app, script)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("why:", ""),
        ("why:,", ""),
        ("why:spar", ""),
        ("why:sparse", ""),
        ("why:empty", "why: is one of"),
        ("why:zz", "why: is one of"),
        ("why:\x1b", "why: is one of"),
    ],
)
def test_what_may_stand_behind_why(typed: str, problem: str) -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        shown = app.screen.query_one(VmaList)
        problems = VmaFilter(shown, on_top(app).asking.mains).type(typed)
        assert bool(problems) == bool(problem)
        assert not problems or problems[0].startswith(problem)

    drive(app, script)


def test_there_are_words_for_every_reason() -> None:
    for reason in Reason:
        assert len(column_words(reason)) <= COLUMN
        assert slot_words(Finding(reason, True, (), ()))
        assert slot_words(Finding(reason, False, (), ())).startswith("possibly: ")
    shown = [column_words(reason) for reason in Reason]
    assert sorted(shown).count("") == 2
    assert len(set(shown)) == len(shown) - 1


def test_without_a_screen_there_is_no_such_key() -> None:
    assert parse("why:sparse").terms
    assert not parse("why:sparse").problems
