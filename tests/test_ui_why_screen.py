"""The screen of reasons: the list, what is told of one, and what can be done from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.reasons.reason import Reason
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.why import WhyScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.reason_list import ReasonList
from tests.fakes import PID, Fakes, drive, press, rested, sample_fakes, until
from tests.golden import screen_lines
from tests.on_why import SLOT, A, B, current, make, opened, target, text
from tests.records import Script, run

if TYPE_CHECKING:
    from textual.pilot import Pilot


def test_reasons_with_their_bytes_the_largest_first() -> None:
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        lines = screen_lines(app)
        assert "4127 target" in lines[0]
        assert "coverage 59 % of 108 MiB huge-able" in lines[0]
        assert lines[1].rstrip() == (
            " 44 MiB of 108 MiB could be huge and are not: "
            "40 MiB no MADV_HUGEPAGE, 4.0 MiB too sparse, 512 KiB at VMA edges"
        )
        assert lines[2].count("1") == lines[2].count("2") == lines[2].count("3") == 1
        assert lines[4].split()[:7] == ["▸1", "no", "MADV_HUGEPAGE", "40M", "90", "%", "20"]
        assert f"{B + 10 * SLOT:012x}-{B + 22 * SLOT:012x}" in lines[4]
        assert lines[5].split()[:3] == ["2", "too", "sparse"]
        assert lines[6].split()[:4] == ["3", "at", "VMA", "edges"]
        assert "range 1 of 3" in lines[8]
        assert "\\x1b[31mx" in lines[8]
        assert "\x1b" not in text(app)
        assert "/sys/kernel/mm/transparent_hugepage/enabled  madvise" in text(app)
        assert "only where the program asks by madvise(MADV_HUGEPAGE) (mm/" in text(app)
        assert "Linux 6.18 · THP madvise" in text(app)

    drive(app, script)


def test_enter_shows_the_largest_range_and_n_leads_to_the_others() -> None:
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert app.screen.query_one(MemoryMap).address == B + 10 * SLOT
        await opened(pilot, app)
        await press(pilot, "N")
        assert "range 1 of 3" in text(app)
        await press(pilot, "n")
        assert "range 2 of 3" in text(app)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert app.screen.query_one(MemoryMap).address == B
        await opened(pilot, app)
        assert "range 2 of 3" in text(app)
        await press(pilot, "n", "n", "n")
        assert "range 3 of 3" in text(app)
        await press(pilot, "j")
        assert current(app) is Reason.SPARSE
        assert "range 3" not in text(app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))

    drive(app, script)


def test_the_text_of_the_chosen_remedy_is_copied() -> None:
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "y")
        assert app.clipboard == f"madvise((void *){B:#x}, {40 * SLOT:#x}, MADV_HUGEPAGE);"
        await press(pilot, "l", "y")
        start = B + 10 * SLOT
        assert app.clipboard == f"hpview collapse {PID} {start:x}-{start + SLOT:x}"
        await press(pilot, "h", "left", "y")
        knob = "/sys/kernel/mm/transparent_hugepage/enabled"
        assert app.clipboard == f"echo always > {knob}"
        await press(pilot, "right", "y")
        assert app.clipboard.startswith("madvise(")

    drive(app, script)


def test_what_is_not_counted_has_a_title_of_its_own() -> None:
    app = make(sample_fakes())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        shown = app.screen.query_one(ReasonList)
        at = next(i for i, row in enumerate(shown.rows) if row.told is None)
        await press(pilot, *["j"] * at)
        assert current(app) is None
        assert "Coverage counts anonymous memory" in text(app)
        await press(pilot, "enter", "n", "l", "y", "N")
        assert isinstance(app.screen, WhyScreen)
        assert app.clipboard == ""
        await press(pilot, "j")
        assert current(app) is not None
        assert shown.current is not None
        assert not shown.current.key[1]

    drive(app, script)


def test_low_terminals_keep_the_chosen_remedy_in_sight() -> None:
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await pilot.resize_terminal(80, 16)
        await rested(pilot, app)
        assert "more: l" in text(app)
        await press(pilot, "l", "l")
        assert "echo always > /sys" in text(app)
        assert "(mm/" not in text(app)
        await press(pilot, "l")
        assert "MADV_HUGEPAGE);" in text(app)

    drive(app, script, (80, 24))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (200, 60)])
def test_no_line_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        for _ in range(4):
            assert all(len(line.rstrip()) <= size[0] for line in screen_lines(app))
            await press(pilot, "j", "l")

    drive(app, script, size)


def test_ascii_holds_nothing_else() -> None:
    app = make(target(), ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        for key in ("j", "l", "n", "d"):
            assert all(line.isascii() for line in screen_lines(app))
            await press(pilot, key)
        assert all(line.isascii() for line in screen_lines(app))

    drive(app, script)


def test_a_process_of_which_nothing_is_missed() -> None:
    script_ = Script(PID, comm=b"huge").vma(A, A + 8 * SLOT, run(A, A + 8 * SLOT))
    app = make(Fakes([[*script_.end().chunks()]]))

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert "all 16 MiB that could be huge are" in screen_lines(app)[1]
        await press(pilot, "j", "n", "l", "y", "enter", "h")
        assert isinstance(app.screen, WhyScreen)

    drive(app, script)


def test_an_empty_process() -> None:
    app = make(Fakes([[*Script(PID, comm=b"none").end().chunks()]]))

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert "4127 none" in screen_lines(app)[0]
        await press(pilot, "j", "n", "l", "y", "enter", "e", "d")
        assert isinstance(app.screen, WhyScreen)

    drive(app, script)
