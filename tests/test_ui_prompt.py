"""The prompt of a process: what it does to the filter, and keys typed ahead of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual import events

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.prompt import Prompt
from hpview.ui.widgets.vma_list import VmaList
from tests.fakes import PID, drive, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

HEAP, STACK = 0x560C84B10000, 0x7FFDB604E000


def make() -> HpviewApp:
    return HpviewApp(sample_fakes().services(), PID, settings=Settings(refresh=1e6))


def the_map(app: HpviewApp) -> MemoryMap:
    return app.screen.query_one(MemoryMap)


def vmas(app: HpviewApp) -> VmaList:
    return app.screen.query_one(VmaList)


@pytest.mark.parametrize("left_by", ["escape", "enter"])
def test_a_filter_stays_where_one_goes_to_an_address(left_by: str) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", *"heap", "enter", "g", *"stack", left_by)
        assert vmas(app).row_count == 1
        assert the_map(app).has_focus
        assert the_map(app).address == {"enter": STACK, "escape": HEAP}[left_by]
        assert "/ heap" in "\n".join(screen_lines(app))
        await pilot.press("escape")
        assert vmas(app).row_count == 11
        assert not app.screen.query_one(Prompt).display

    drive(app, script)


def test_keys_may_be_typed_ahead_of_a_prompt() -> None:
    """No key waits for what the one before it brings about."""
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        vmas(app).focus()
        await pilot.pause()
        for key in ("slash", *"postg", "enter", "g", *"stac", "enter", "z"):
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: the_map(app).address == STACK)
        await pilot.pause()
        assert vmas(app).row_count == 1
        assert the_map(app).has_focus
        assert app.screen.has_class("-map-alone") or app.screen.has_class("-list-alone")

    drive(app, script)
