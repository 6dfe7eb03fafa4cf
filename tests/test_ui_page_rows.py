"""The lines of the picture of a slot's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.ui.page_aspects import Aspect, offered
from hpview.ui.paint import width_of
from hpview.ui.palette import ASCII, UNICODE, plain_inks
from hpview.ui.widgets.page_rows import Arrangement, PagePicture, arrange
from tests.fake_slots import (
    ACCESSED,
    ALIGNED,
    ANON,
    PARTIAL,
    PRESENT,
    Pages,
    as_nobody,
    gigantic,
    leaf,
    mixed,
)

if TYPE_CHECKING:
    from hpview.pages.page import SlotPages

    pass

BASE = 1 << 40
TORN = ALIGNED | PARTIAL | ANON


def text(
    slot: SlotPages, y: int, arrangement: Arrangement, *, aspect: Aspect = Aspect.STATE
) -> str:
    picture = PagePicture(slot, aspect, arrangement)
    return "".join(segment.text for segment in picture.line(y, -1, plain_inks(ASCII)))


@pytest.mark.parametrize(
    ("room", "lines", "expected"),
    [
        (65, 16, (32, 2, 1)),
        (65, 14, (64, 1, 1)),
        (105, 27, (32, 3, 1)),
        (185, 48, (32, 5, 2)),
        (45, 8, (32, 1, 1)),
        (5, 8, (8, 1, 1)),
    ],
)
def test_arrangements(room: int, lines: int, expected: tuple[int, int, int]) -> None:
    found = arrange(room, lines)
    assert (found.columns, found.cell, found.height) == expected
    assert found.rows * found.columns == 512


def test_every_line_is_exactly_as_wide_as_its_pages() -> None:
    slots = [mixed(BASE), as_nobody(mixed(BASE)), leaf(BASE), gigantic(BASE, 1)]
    for cell in (1, 2, 3, 5):
        arrangement = Arrangement(32, cell, 2)
        for slot in slots:
            for aspect in offered(slot):
                picture = PagePicture(slot, aspect, arrangement)
                for y in range(arrangement.lines):
                    for cursor in (-1, 40):
                        line = picture.line(y, cursor, plain_inks())
                        assert width_of(line) == 32 * cell
                        assert all(segment.text and segment.style is not None for segment in line)


def test_a_folio_is_drawn_between_its_edges() -> None:
    slot = Pages(BASE).run(1).folio(16).run(1).skip(1).folio(4).slot()
    assert text(slot, 0, Arrangement(32, 2, 1)).startswith(
        "= [============ 64k ============] = . [=16k=] ."
    )
    assert text(slot, 0, Arrangement(64, 1, 1)).startswith("=[==== 64k =====]=.[==]...")


def test_a_folio_goes_on_in_the_next_row() -> None:
    slot = Pages(BASE).skip(24).folio(16).slot()
    arrangement = Arrangement(32, 2, 1)
    assert text(slot, 0, arrangement)[48:] == "[==== 64k ======"
    assert text(slot, 1, arrangement)[:18] == "==============] . "


def test_torn_edges_and_holes() -> None:
    slot = Pages(BASE).folio(16, count=5, folio=TORN).skip(2).folio(16, first=7, folio=TORN).slot()
    assert text(slot, 0, Arrangement(32, 2, 1))[:34] == "[= 64k =) . . (===== 64k =====] . "


def test_one_huge_page_fills_the_picture() -> None:
    arrangement = Arrangement(32, 2, 1)
    lines = [text(leaf(BASE), y, arrangement) for y in range(16)]
    assert lines[0] == "[" + "#" * 63
    assert lines[15] == "#" * 63 + "]"
    assert "one 2M page" in lines[7]
    assert all(set(line) == {"#"} for line in lines[1:7] + lines[8:15])
    giga = [text(gigantic(BASE, 1), y, arrangement) for y in range(16)]
    assert (giga[0], giga[15]) == ("@" * 64, "@" * 64)
    assert "part of one 1G page" in giga[7]


def test_other_aspects_join_the_pages_of_a_folio() -> None:
    slot = Pages(BASE).run(1).folio(2).run(1, PRESENT).skip(27).folio(2).slot()
    arrangement = Arrangement(32, 2, 1)
    assert text(slot, 0, arrangement, aspect=Aspect.USE)[:10] == "D D-D - . "
    assert text(slot, 0, arrangement, aspect=Aspect.USE)[-4:] == ". D-"
    assert text(slot, 1, arrangement, aspect=Aspect.USE)[:4] == "D . "
    assert text(slot, 0, Arrangement(64, 1, 1), aspect=Aspect.USE)[:5] == "DDD-."


def test_wide_pages_have_letters() -> None:
    slot = Pages(BASE).run(1).run(1, PRESENT | ACCESSED).run(1, PRESENT).slot()
    assert text(slot, 0, Arrangement(32, 3, 2))[:12] == "=d =a == .  "
    assert text(slot, 1, Arrangement(32, 3, 2))[:12] == "== == ==    "


def test_the_cursor_covers_its_page() -> None:
    picture = PagePicture(leaf(BASE), Aspect.STATE, Arrangement(32, 3, 1))
    line = picture.line(1, 34, plain_inks(UNICODE))
    assert "".join(s.text for s in line)[5:9] == "█■ █"
