"""The list of VMAs: filtered, sorted, alone on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.space.listing import Only
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_list import VmaList
from tests.fakes import PID, drive, press, sample_fakes, settled
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot


def make() -> HpviewApp:
    return HpviewApp(sample_fakes().services(), PID, settings=Settings(refresh=1e6))


def the_map(app: HpviewApp) -> MemoryMap:
    return app.screen.query_one(MemoryMap)


def vmas(app: HpviewApp) -> VmaList:
    return app.screen.query_one(VmaList)


def shown(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


def test_the_filter_lists_vmas_as_one_types() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", *"HEAP")
        assert vmas(app).row_count == 1
        assert "1 of 11" in screen_lines(app)[1]
        await pilot.press("enter")
        assert vmas(app).has_focus
        assert vmas(app).index == 1
        await pilot.press("escape")
        assert vmas(app).row_count == 11
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


def test_the_filter_knows_permissions_backing_and_sizes_and_tells_what_is_wrong() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", *"perm:rw", "space", *"backing:4k", "space", *"size>1M")
        assert vmas(app).row_count == 2
        assert "2 of 11" in screen_lines(app)[1]
        await pilot.press("space", *"cov<x")
        assert "cov needs a number" in shown(app)
        assert vmas(app).row_count == 2
        await pilot.press("backspace", "backspace", "space", *"nobody")
        assert "needs" not in shown(app)
        assert "no VMA matches" in shown(app)
        await pilot.press("escape")
        assert vmas(app).row_count == 11

    drive(app, script)


def test_f_lists_what_can_be_huge_and_then_what_is_not() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        seen = []
        for _ in range(3):
            await press(pilot, "f")
            seen.append((vmas(app).only, vmas(app).row_count))
        assert [only for only, _ in seen] == [Only.HUGE_ABLE, Only.HOLES, Only.ALL]
        assert seen[1][1] < seen[0][1] < seen[2][1] == 11
        await press(pilot, "f", "escape")
        assert vmas(app).only is Only.ALL

    drive(app, script)


def test_vmas_sort_by_keys_and_heading_and_keep_the_cursor() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert vmas(app).index == 3
        await press(pilot, "full_stop")
        assert vmas(app).sort == "size"
        assert "SIZE▼" in screen_lines(app)[1]
        assert vmas(app).index == 3
        await press(pilot, "r")
        assert vmas(app).reverse
        await pilot.click(VmaList, offset=(16, 0))
        assert not vmas(app).reverse
        await press(pilot, "comma")
        assert vmas(app).sort == "address"
        await press(pilot, "left_square_bracket")
        assert vmas(app).index == 2

    drive(app, script)


def test_a_move_in_a_list_that_shrank_meanwhile_is_no_matter() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        shown = vmas(app)
        shown.post_message(RowList.Moved(shown, 10))
        shown.list_only(Only.HOLES)
        await pilot.pause()
        assert shown.row_count < 10
        assert app.is_running

    drive(app, script)


def test_z_gives_a_pane_all_the_room() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "z")
        assert not vmas(app).display
        assert the_map(app).size.width == 120
        await press(pilot, "full_stop", "comma", "r", "f", "f", "f")
        await press(pilot, "tab")
        await pilot.pause()
        assert vmas(app).has_focus
        assert vmas(app).size.width == 120
        heading = screen_lines(app)[1]
        for title in ("SIZE", "PERM", "RES", "2M", "4K", "SWAP", "COVERAGE", "NAME"):
            assert title in heading
        await press(pilot, "z")
        assert vmas(app).display
        assert the_map(app).display

    drive(app, script)
