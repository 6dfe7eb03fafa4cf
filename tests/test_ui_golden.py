"""Every screen over a recorded stream, at three sizes, in colour and without: words and inks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.ui.widgets.memory_map import MemoryMap
from tests import golden, recording
from tests.fakes import drive, press, rested, settled, until

if TYPE_CHECKING:
    from textual.pilot import Pilot

SIZES = [(80, 24), (120, 36), (200, 60)]
TOOK = re.compile(r"\d+(\.\d+)? ms\b|\b\d+\.\d\d\b")
SLOT = 2 << 20


class Tour:
    """Goes from screen to screen and looks at each."""

    def __init__(self, pilot: Pilot[None], name: str) -> None:
        self.pilot = pilot
        self.name = name
        self.differ: list[str] = []

    def look(self, screen: str) -> None:
        """Compare the screen with its golden file; all differences are told at the end."""
        lines = golden.inked_lines(self.pilot.app)
        words = golden.screen_lines(self.pilot.app)
        assert words == lines[: len(words)], "the short way to the words leads elsewhere"
        try:
            golden.check(f"recorded/{screen}-{self.name}", [TOOK.sub("_", line) for line in lines])
        except AssertionError as err:
            self.differ.append(str(err).partition("\n")[0])

    async def go(self) -> None:
        """List, process, its pages, a slot, how it was read, what changed, keys."""
        app = self.pilot.app
        await press(self.pilot, "j", "j", "j")
        self.look("list")
        await press(self.pilot, "enter")
        await until(self.pilot, lambda: isinstance(app.screen, ProcessScreen))
        process = app.screen
        assert isinstance(process, ProcessScreen)
        await rested(self.pilot, app)
        await press(self.pilot, "n", "n", "right")
        self.look("process")
        process.go_to(recording.slot("THP with holes") + 6 * SLOT)
        await press(self.pilot, *["plus"] * 9)
        shown = process.query_one(MemoryMap)
        await until(self.pilot, lambda: shown.wanted_pages() is None)
        await self.pilot.pause()
        self.look("pages")
        process.go_to(recording.slot("4 kB, half filled"))
        await press(self.pilot, "enter")
        await until(self.pilot, lambda: isinstance(app.screen, SlotScreen))
        slot = app.screen
        assert isinstance(slot, SlotScreen)
        await until(self.pilot, lambda: slot.slot is not None)
        await rested(self.pilot, app)
        self.look("slot")
        await press(self.pilot, "escape")
        keys = {"a": "why", "i": "protocol", "W": "changes", "question_mark": "help"}
        for key, screen in keys.items():
            await until(self.pilot, lambda: app.screen is process)
            await press(self.pilot, key)
            await until(self.pilot, lambda: app.screen is not process)
            if key == "a":
                await rested(self.pilot, app)
                await press(self.pilot, "j")
            await self.pilot.pause()
            self.look(screen)
            await press(self.pilot, "escape")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "plain"])
def test_screens_of_a_recorded_process(
    colour: bool, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = HpviewApp(recording.fakes().services(), settings=Settings(refresh=1e6, watch=1e6))
    differ: list[str] = []

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        assert isinstance(app.screen, ProcessesScreen)
        tour = Tour(pilot, f"{size[0]}x{size[1]}-{'colour' if colour else 'plain'}")
        await tour.go()
        differ.extend(tour.differ)

    drive(app, script, size)
    assert differ == []
