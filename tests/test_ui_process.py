from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.widgets.map_pane import GUTTER
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.vma_list import VmaList
from tests.fakes import PID, drive, press, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.fakes import Fakes

EXE, HEAP, RESERVED, THP = 0x560C81E00000, 0x560C84B10000, 0x700000000000, 0x7F0A00000000
STACK = 0x7FFDB604E000
ROW = 48 * 2 * MIB
"""Bytes in a row at 120 columns and the smallest cell."""


def make(fakes: Fakes | None = None) -> HpviewApp:
    return HpviewApp((fakes or sample_fakes()).services(), PID, settings=Settings(refresh=1e6))


def the_map(app: HpviewApp) -> MemoryMap:
    return app.screen.query_one(MemoryMap)


def vmas(app: HpviewApp) -> VmaList:
    return app.screen.query_one(VmaList)


def address(app: HpviewApp) -> int:
    found = the_map(app).address
    assert found is not None
    return found


def test_arrows_and_letters_move_the_cell_cursor() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert address(app) == EXE
        await press(pilot, "right", "l")
        assert address(app) == EXE + 4 * MIB
        await press(pilot, "left", "h", "h")
        assert address(app) == EXE
        await press(pilot, "down")  # over the gap, to the reserved range
        assert address(app) == RESERVED
        await press(pilot, "j", "j", "j")
        assert address(app) == THP
        await press(pilot, "j", "l", "l", "k")
        assert address(app) == THP + 4 * MIB
        await press(pilot, "up")
        assert address(app) == RESERVED + 1024 * GIB - 2 * MIB

    drive(app, script)


def test_the_column_is_kept_over_short_rows_and_rows_follow_each_other() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).go_to(THP + 40 * 2 * MIB)
        await press(pilot, "j", "j", "j")
        assert THP + 3 * ROW <= address(app) < THP + 4 * ROW
        await press(pilot, "k", "k", "k")
        assert address(app) == THP + 80 * MIB
        the_map(app).go_to(THP + ROW - 2 * MIB)
        await press(pilot, "l")
        assert address(app) == THP + ROW
        await press(pilot, "h")
        assert address(app) == THP + ROW - 2 * MIB

    drive(app, script)


def test_home_end_and_pages() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "end")
        assert address(app) == STACK // (2 * MIB) * 2 * MIB
        assert vmas(app).cursor == 10
        await press(pilot, "home")
        assert address(app) == EXE
        await press(pilot, "pagedown")
        assert address(app) > THP
        await press(pilot, "pageup")
        assert address(app) == EXE

    drive(app, script, size=(100, 18))


def test_list_and_map_move_together() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "right_square_bracket", "right_square_bracket")
        assert (address(app), vmas(app).cursor) == (RESERVED, 2)
        await press(pilot, "left_square_bracket")
        assert (address(app), vmas(app).cursor) == (HEAP, 1)
        await press(pilot, "tab")
        await press(pilot, "j", "j")
        assert vmas(app).has_focus
        assert (address(app), vmas(app).cursor) == (THP, 3)
        await press(pilot, "tab")
        await press(pilot, "l")
        assert the_map(app).has_focus
        assert (address(app), vmas(app).cursor) == (THP + 2 * MIB, 3)
        await press(pilot, "tab")
        await press(pilot, "end")
        await press(pilot, "enter")
        assert address(app) == STACK
        detail = "\n".join(screen_lines(app)[-6:])
        assert "rw-p 132 KiB (135 168 B) at 7ffdb604e000 · [stack]" in detail

    drive(app, script)


def test_zoom_keeps_the_address_and_its_line() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).go_to(THP + 30 * MIB)
        await press(pilot, "minus", "minus")
        assert the_map(app).cell == 8 * MIB
        assert "one cell is 8 MiB · one row 384 MiB" in screen_lines(app)[1]
        assert address(app) == THP + 30 * MIB
        assert "2M 8 388 608 B · 8.0 MiB mapped" in "\n".join(screen_lines(app))
        await press(pilot, "plus", "equals_sign")
        assert the_map(app).cell == 2 * MIB
        await press(pilot, *["plus"] * 10)
        assert the_map(app).cell == 4096
        assert address(app) == THP + 30 * MIB
        await press(pilot, *["minus"] * 25)
        assert the_map(app).cell == 64 * GIB
        assert address(app) == THP + 30 * MIB
        await press(pilot, "j", "k", "l", "home", "end")

    drive(app, script)


def test_the_mouse_puts_the_cursor_on_cells_gaps_and_rows() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.click(MemoryMap, offset=(GUTTER + 3, 1))
        assert address(app) == EXE + 6 * MIB
        await pilot.click(MemoryMap, offset=(GUTTER + 3, 2))
        lines = screen_lines(app)
        assert " unmapped · 26 TiB" in lines[-5]
        assert "⋯ 26 TiB unmapped ⋯" in lines[3]
        await pilot.click(VmaList, offset=(4, 4))
        assert (address(app), vmas(app).cursor) == (THP, 3)
        await pilot.click(MemoryMap, offset=(GUTTER, 0))
        assert address(app) == THP

    drive(app, script)


def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        for pane in (MemoryMap, VmaList):
            rows = app.screen.query_one(pane)
            rows.action_scroll_down()
            await pilot.wait_for_scheduled_animations()
            assert rows.top > 0
        assert (address(app), vmas(app).cursor) == (EXE, 0)

    drive(app, script, size=(80, 24))


def test_every_kind_of_cell_is_drawn_with_its_glyph() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        drawn = "\n".join(line[50:] for line in screen_lines(app)[2:-6])
        for glyph in "█▆▓▒░▚z·?":
            assert glyph in drawn, glyph
        legend = screen_lines(app)[-3]
        for word in (
            "█ 2M 324 MiB",
            "▆ 1G 1.0 GiB",
            "▓▒░ 4k ",
            "▚ swap 16 MiB",
            "z zero 16 MiB",
            "· none",
        ):
            assert word in legend, word

    drive(app, script, size=(120, 50))


def test_names_are_escaped_and_not_markup() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, *["right_square_bracket"] * 7)
        drawn = "\n".join(screen_lines(app))
        assert r"/srv/[bold]lib\x1b[31m\012x.so +0x0" in drawn

    drive(app, script)


def test_opening_another_process_starts_afresh() -> None:
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await until(pilot, lambda: "complete" in screen_lines(app)[-2])
        await press(pilot, "j", "escape")
        await press(pilot, "enter")
        await until(pilot, lambda: len(fakes.streams) == 2)
        await until(pilot, lambda: "complete" in screen_lines(app)[-2])
        assert address(app) == EXE

    drive(app, script)
