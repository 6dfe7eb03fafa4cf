"""Moving about in the map: holes, names, addresses, dives, pages, the overview."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hpview.errors import AccessDenied, HpviewError, NoSuchProcess, NotAProcess
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.travel import address_in
from hpview.ui.widgets.map_pane import GUTTER
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.prompt import Prompt
from hpview.ui.widgets.vma_list import VmaList
from hpview.wire import Backing
from tests.fakes import PID, drive, press, sample, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.records import GIB, MIB, Script, run

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.fakes import Fakes

EXE = 0x560C81E00000
THP, MIXED, STACK = 0x7F0A00000000, 0x7F0A40000000, 0x7FFDB604E000
SLOT = 2 * MIB


def make(fakes: Fakes | None = None, **chosen: object) -> HpviewApp:
    settings = Settings(refresh=1e6, **chosen)  # type: ignore[arg-type]
    return HpviewApp((fakes or sample_fakes()).services(), PID, settings=settings)


def the_map(app: HpviewApp) -> MemoryMap:
    return app.screen.query_one(MemoryMap)


def vmas(app: HpviewApp) -> VmaList:
    return app.screen.query_one(VmaList)


def status(app: HpviewApp) -> str:
    return screen_lines(app)[-2]


def test_where_cells_are_large_n_goes_to_another_cell() -> None:
    script = Script(PID)
    for i in range(6):
        start = THP + i * 16 * MIB
        script.vma(start, start + 4 * MIB, run(start, start + 4 * MIB, Backing.PTE_4K, present=9))
    fakes = sample_fakes(scripts=[[*script.end().chunks()]])
    app = make(fakes, zoom=32 * MIB)

    async def drive_it(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        found = []
        for key in ("n", "n", "n", "N"):
            await press(pilot, key)
            found.append(((the_map(app).address or 0) - THP) // MIB)
        assert found == [32, 64, 64, 48]

    drive(app, drive_it)


def test_n_goes_from_hole_to_hole_and_says_when_there_is_none() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "n")
        reserved = the_map(app).address or 0
        assert reserved == 0x700000000000 + 512 * GIB
        await press(pilot, "n")
        assert the_map(app).address == MIXED
        assert vmas(app).index == 4
        await press(pilot, "n")
        assert "no hole above" in status(app)
        await press(pilot, "N")
        assert the_map(app).address == reserved
        assert "complete" in status(app)
        await press(pilot, "N")
        assert "no hole below" in status(app)
        await press(pilot, "l")
        assert "complete" in status(app)

    drive(app, script)


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("7f0a40000000", MIXED),
        ("0x7F0A40200000", MIXED + SLOT),
        ("7f0a40200000-7f0a40400000", MIXED + SLOT),
        ("stack", STACK),
        ("[heap]", 0x560C84B10000),
        ("LIB", EXE),
    ],
)
def test_g_goes_to_addresses_and_names(words: str, address: int) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "end")
        await pilot.press("g")
        app.screen.query_one("#prompt-input").value = words  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert the_map(app).address == address
        assert the_map(app).has_focus
        assert not app.screen.query_one(Prompt).display

    drive(app, script)


def test_g_says_what_it_did_not_find_and_escape_leaves_it() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("g", "z", "z", "enter")
        assert "nothing named like 'zz'" in status(app)
        assert the_map(app).address == EXE
        await pilot.press("g", *"600000000000", "enter")
        assert "nothing is mapped at 600000000000" in status(app)
        await pilot.press("g", "g", "slash", "escape")
        assert not app.screen.query_one(Prompt).display
        await pilot.press("g", "enter")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


@pytest.mark.parametrize(
    ("words", "address"),
    [("abc", None), ("abcdef", 0xABCDEF), ("0xab", 0xAB), ("heap", None), ("f" * 17, None)],
)
def test_which_words_are_addresses(words: str, address: int | None) -> None:
    assert address_in(words) == address


def test_an_address_not_read_yet_is_read_on_to() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks(8)]], gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, lambda: the_map(app).address == EXE)
        await pilot.press("g", *"7f3c00000000", "enter")
        await until(pilot, lambda: "reading on to 7f3c00000000" in status(app))
        assert the_map(app).address == EXE
        fakes.gate.release(100)
        await until(pilot, lambda: the_map(app).address == 0x7F3C00000000)
        await settled(pilot, app)
        assert "complete" in status(app)

    drive(app, script)


def test_the_end_is_the_end_of_all_and_another_key_forgets_it() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks(8)]], gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, lambda: the_map(app).address == EXE)
        await press(pilot, "end")
        assert "reading on to the end" in status(app)
        fakes.gate.release(100)
        await settled(pilot, app)
        assert vmas(app).index == 10
        await press(pilot, "home")
        while fakes.gate.acquire(blocking=False):
            pass
        await press(pilot, "R")
        await until(pilot, lambda: len(fakes.streams) == 2)
        await press(pilot, "end", "home")
        fakes.gate.release(100)
        await until(pilot, lambda: "complete" in status(app))
        assert the_map(app).address == EXE

    drive(app, script)


def test_enter_dives_into_a_large_cell_and_escape_comes_back() -> None:
    settings = Settings(refresh=1e6, zoom=1 << 30)
    app = HpviewApp(sample_fakes().services(), PID, settings=settings)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).go_to(MIXED)
        top = the_map(app).top
        await press(pilot, "enter")
        assert the_map(app).cell == 32 * MIB
        assert settings.zoom == 32 * MIB
        await press(pilot, "enter")
        assert the_map(app).cell == SLOT
        await press(pilot, "j", "escape")
        assert the_map(app).cell == 32 * MIB
        await press(pilot, "escape")
        assert (the_map(app).cell, the_map(app).address, the_map(app).top) == (GIB, MIXED, top)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))

    drive(app, script)


def test_pages_are_read_where_cells_are_smaller_than_a_slot() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert fakes.state_reads == []
        the_map(app).go_to(MIXED + 32 * MIB)
        await press(pilot, *["plus"] * 9)
        assert the_map(app).cell == 4096
        await until(pilot, lambda: MIXED + 32 * MIB in the_map(app).pages)
        await pilot.pause()
        lines = screen_lines(app)
        assert sum("▓··▓··▓··▓··" in line for line in lines) > 5
        assert "4k page · page 1 of the slot, 171/512 present" in "\n".join(lines)
        assert "source pagemap" in "\n".join(lines)
        await press(pilot, "l")
        assert "no page there · page 2 of the slot" in "\n".join(screen_lines(app))
        reads = len(fakes.state_reads)
        await press(pilot, "l", "h")
        assert len(fakes.state_reads) == reads
        await press(pilot, "R")
        await until(pilot, lambda: len(fakes.state_reads) > reads)

    drive(app, script)


@pytest.mark.parametrize("error", [AccessDenied(PID), NotAProcess(PID, 1)])
def test_pages_that_cannot_be_read_leave_the_map_as_it_is(error: HpviewError) -> None:
    fakes = sample_fakes(states_error=error)
    app = make(fakes, zoom=4096)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).go_to(MIXED + 32 * MIB)
        await until(pilot, lambda: len(fakes.state_reads) > 0)
        await press(pilot, "l", "j", "pagedown")
        assert "places of its pages not read yet" in "\n".join(screen_lines(app))
        assert app.failure is None

    drive(app, script)


def test_the_overview_shows_the_whole_and_a_click_goes_there() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        pane = the_map(app)
        column = [line[-2:] for line in screen_lines(app)[2 : 2 + pane.page] if len(line) == 120]
        assert len(column) == min(pane.page, pane.row_count)
        await pilot.click(MemoryMap, offset=(pane.size.width - 1, len(column)))
        assert (pane.address or 0) >= 0x7F3C00000000
        await pilot.click(MemoryMap, offset=(pane.size.width - 1, 1))
        assert pane.address == EXE

    drive(app, script, (120, 20))


def test_a_double_click_looks_into_a_cell() -> None:
    app = make(zoom=1 << 30)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.click(MemoryMap, offset=(GUTTER, 1), times=2)
        await until(pilot, lambda: the_map(app).cell < 1 << 30)

    drive(app, script)


def test_ctrl_and_the_wheel_zoom() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).post_message(MemoryMap.Zoomed(1))
        await pilot.pause()
        assert the_map(app).cell == 2 * SLOT
        the_map(app).post_message(MemoryMap.Zoomed(-1))
        await pilot.pause()
        assert the_map(app).cell == SLOT

    drive(app, script)


def test_a_dive_that_was_left_by_hand_is_over() -> None:
    app = make(zoom=1 << 30)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        the_map(app).go_to(MIXED)
        await press(pilot, "enter")
        assert the_map(app).cell == 32 * MIB
        await press(pilot, *["minus"] * 6)
        assert the_map(app).cell == 2 * GIB
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))

    drive(app, script)


def test_an_awaited_address_at_which_nothing_is_mapped_is_told() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks(8)]], gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, lambda: the_map(app).address == EXE)
        await pilot.press("g", *"7f3f00000000", "enter")
        fakes.gate.release(100)
        await settled(pilot, app)
        await pilot.pause()
        assert "nothing is mapped at 7f3f00000000" in status(app)
        assert the_map(app).address == 0x7F3F00000000

    drive(app, script)


def test_a_reading_that_fails_is_waited_for_no_more() -> None:
    first, *rest = sample().end().chunks(8)
    scripts = [[first, NoSuchProcess(PID)], [first, *rest]]
    fakes = sample_fakes(scripts=scripts, gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, lambda: the_map(app).address == EXE)
        await press(pilot, "end")
        fakes.gate.release(100)
        await until(pilot, lambda: app.failure is not None)
        there = the_map(app).address
        await press(pilot, "R")
        await until(pilot, lambda: "complete" in status(app))
        assert the_map(app).address == there

    drive(app, script)
