"""The screen of a slot: reading again, failures, and the ways in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.errors import AccessDenied, NoSuchProcess, NothingMapped
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests.fake_slots import GIGA, HEAP, STACK, SWAP, THP, as_nobody, mixed
from tests.fakes import PID, Fakes, drive, press, sample_fakes, settled, until
from tests.on_slot import PLACE, grid, make, open_slot, shown
from tests.records import MIB

if TYPE_CHECKING:
    from textual.pilot import Pilot

NEVER = 1e6


def test_reading_again_shows_what_is_there_now() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        assert "114/512 present" in shown(app)
        fakes.slots = [as_nobody(mixed(PLACE))]
        app.settings.aspect = "sharing"
        await press(pilot, "end", "R")
        await until(pilot, lambda: len(fakes.slot_reads) == 2)
        await until(pilot, lambda: "dirty ?" in shown(app))
        assert grid(app).cursor == 511
        assert "not known: dirty and accessed: no file tells" in shown(app)
        assert "page frames are hidden; run as root" in shown(app)

    drive(app, script)


@pytest.mark.parametrize("error", [NoSuchProcess(PID), AccessDenied(PID)], ids=str)
def test_what_was_shown_stays_when_reading_again_fails(error: NoSuchProcess) -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app)
        fakes.slot_error = error
        await press(pilot, "R")
        await until(pilot, lambda: shown(app).count(str(error)) == 2)  # notice and header
        assert app.screen is screen
        assert "64k" in shown(app)
        await press(pilot, "right")
        fakes.slot_error = None
        await press(pilot, "R")
        await until(pilot, lambda: "114/512 present" in shown(app))

    drive(app, script)


def test_a_slot_that_is_gone_keeps_the_last_one_in_sight() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app, THP + 2 * MIB)
        fakes.slots = fakes.slots[:4]
        await press(pilot, "right_square_bracket")
        gone = f"nothing mapped at {THP + 4 * MIB:x}"
        await until(pilot, lambda: gone in shown(app))
        assert screen.slot is not None
        assert screen.slot.start == THP + 2 * MIB
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: screen.slot is not None and screen.slot.start == THP)
        assert f"{THP:012x}" in shown(app)

    drive(app, script)


def test_what_never_could_be_read_is_a_failure_one_comes_back_from() -> None:
    fakes = sample_fakes()
    fakes.slot_error = AccessDenied(PID)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below = app.screen
        assert isinstance(below, ProcessScreen)
        below.post_message(HpviewScreen.SlotChosen(below.reading, below.asking, PLACE))
        await until(pilot, lambda: isinstance(app.screen, FailureScreen))
        await pilot.pause()
        assert "may not be read" in shown(app)
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is below)

    drive(app, script)


def test_enter_on_the_map_opens_the_slot_and_escape_comes_back() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.screen.query_one(MemoryMap).go_to(PLACE)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, SlotScreen))
        screen = app.screen
        assert isinstance(screen, SlotScreen)
        await until(pilot, lambda: screen.slot is not None)
        assert (screen.address, screen.copy_text()) == (PLACE, hex(PLACE))
        assert [found.name for found in screen.data()] == [f"hpview-{PID}-{PLACE:x}"]
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert app.screen.query_one(MemoryMap).address == PLACE
        # of several VMAs in one slot the one with the cursor
        app.screen.query_one(MemoryMap).go_to(STACK + 3 * PAGE_SIZE)
        await press(pilot, "enter")
        await until(pilot, lambda: "[stack]" in shown(app) and "present" in shown(app))
        assert isinstance(app.screen, SlotScreen)
        assert app.screen.address == STACK + 3 * PAGE_SIZE

    drive(app, script)


def test_going_back_leaves_the_map_at_the_page() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app, HEAP)
        await press(pilot, "right", "right")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert app.screen.query_one(MemoryMap).address == HEAP + 2 * PAGE_SIZE
        # from a place that is not mapped to the nearest that is
        await open_slot(pilot, app, HEAP)
        await press(pilot, "end", "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert app.screen.query_one(MemoryMap).address == HEAP + 63 * PAGE_SIZE

    drive(app, script)


def test_a_second_enter_or_escape_is_one_too_many() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app)
        below = app.screen_stack[-2]
        assert isinstance(below, ProcessScreen)
        below.post_message(HpviewScreen.SlotChosen(below.reading, below.asking, THP))
        await pilot.pause()
        assert app.screen is screen
        screen.action_leave()
        screen.action_leave()
        await until(pilot, lambda: app.screen_stack[-1] is below)
        await pilot.pause()
        assert app.screen_stack[-1] is below

    drive(app, script)


def alone(fakes: Fakes, app: HpviewApp, address: int) -> SlotScreen:
    return SlotScreen(fakes.services(), app.screen.glyphs, app.settings, PID, address)  # type: ignore[attr-defined]


def test_alone_it_reads_the_process_first() -> None:
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), None, settings=Settings(refresh=NEVER))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.settled.clear()
        # nothing is mapped at the start of the slot: what is mapped first there is shown
        app.switch_screen(alone(fakes, app, HEAP & -SLOT_SIZE))
        await settled(pilot, app)
        screen = app.screen
        assert isinstance(screen, SlotScreen)
        assert screen.slot is not None
        assert screen.slot.start == HEAP == screen.address
        assert screen.picture_name() == f"hpview-{PID}-{HEAP:x}"
        assert "[heap]" in shown(app)
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: screen.slot is not None and screen.slot.start < HEAP)
        address = screen.address
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await until(pilot, lambda: "complete" in shown(app))
        assert app.screen.query_one(MemoryMap).address == address
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))

    drive(app, script)


@pytest.mark.parametrize("address", [0x1000, GIGA + (1 << 30), SWAP - SLOT_SIZE])
def test_alone_where_nothing_is_mapped_it_says_so(address: int) -> None:
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), None, settings=Settings(refresh=NEVER))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.push_screen(alone(fakes, app, address))
        await until(pilot, lambda: isinstance(app.screen, FailureScreen))
        await pilot.pause()
        assert str(NothingMapped(PID, address)) in shown(app)
        assert isinstance(app.failure, NothingMapped)

    drive(app, script)


def test_alone_without_the_process_it_says_so() -> None:
    app = HpviewApp(sample_fakes().services(), None, settings=Settings(refresh=NEVER))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.push_screen(alone(Fakes([]), app, THP))
        await until(pilot, lambda: isinstance(app.screen, FailureScreen))
        assert isinstance(app.failure, NoSuchProcess)

    drive(app, script)
