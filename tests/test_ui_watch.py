"""Watching: quiet readings one after the other, and what is told of the differences."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hpview.errors import AccessDenied
from hpview.ui.screens.help import HelpScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.wire import Status
from tests.fakes import PID, drive, press, settled, until
from tests.golden import screen_lines
from tests.records import GIB, Script
from tests.watched import (
    SLOT,
    A,
    Clock,
    below,
    compared,
    fakes_of,
    first,
    make,
    map_row,
    second,
    still,
    text,
    watch,
)

if TYPE_CHECKING:
    from textual.pilot import Pilot


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return still(monkeypatch)


def test_changes_are_counted_and_marked() -> None:
    app = make(fakes_of(first(), second()))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert "complete" in screen_lines(app)[-2]
        await watch(pilot, app)
        status = screen_lines(app)[-2]
        for words in ("watch 2 s, lately · +3 huge · /1 split", "▴12 filled · ", "↓2 swapped"):
            assert words in status
        assert "*1 mapped" in status
        cells = map_row(app, A)
        assert cells[:16] == "■███/███████████"
        assert cells[16:22] == "+++▒▒▒"
        assert cells[32:48] == "░░░░▴▴▴▴▴▴▴▴▴▴▴▴"

    drive(app, script)


def test_nothing_of_a_reading_is_shown_before_all_of_it_was_read() -> None:
    fakes = fakes_of(first(), [*second().end().chunks(3)])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        fakes.gate = threading.Semaphore(2)
        await press(pilot, "l", "l", "minus")
        before, address = text(app), below(app).query_one(MemoryMap).address
        below(app).watching.clock = Clock()
        await press(pilot, "w")
        await until(pilot, lambda: len(fakes.streams) == 2 and fakes.streams[1].reads > 3)
        lines = [line for line in text(app).split("\n") if "watch 2 s" not in line]
        assert set(lines) <= set(before.split("\n"))
        assert "watch 2 s · reading…" in text(app)
        await press(pilot, "l")
        fakes.gate.release(100)
        await compared(pilot, app, 1)
        assert "+3 huge" in text(app)
        the_map = below(app).query_one(MemoryMap)
        assert (the_map.address, the_map.cell) == ((address or 0) + 2 * SLOT, 2 * SLOT)

    drive(app, script)


def test_a_tick_reads_only_when_the_last_one_ended_and_was_cheap() -> None:
    fakes = fakes_of(first())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        watching = below(app).watching
        clock = watching.clock = Clock()
        fakes.gate = threading.Semaphore(0)
        await press(pilot, "w")
        await until(pilot, lambda: len(fakes.streams) == 2)
        watching.tick()
        await pilot.pause()
        assert len(fakes.streams) == 2
        clock.now += 3
        fakes.gate.release(100)
        await compared(pilot, app, 1)
        clock.now += 26.9
        watching.tick()
        assert not below(app).reading.busy
        clock.now += 0.2
        watching.tick()
        await compared(pilot, app, 2)
        assert len(fakes.streams) == 3

    drive(app, script)


def test_w_again_stops_and_takes_the_marks_away() -> None:
    fakes = fakes_of(first(), second())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        await press(pilot, "w")
        assert "complete" in screen_lines(app)[-2]
        assert "+++" not in text(app)
        below(app).watching.tick()
        assert not below(app).reading.busy
        assert below(app).watching.log.total > 0

    drive(app, script)


def test_nothing_is_read_while_reading_is_paused() -> None:
    app = make(fakes_of(first()))

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        below(app).reading.pause()
        below(app).watching.tick()
        assert not below(app).reading.busy
        below(app).reading.go()
        below(app).watching.tick()
        await compared(pilot, app, 2)

    drive(app, script)


def test_marks_go_after_a_while() -> None:
    app = make(fakes_of(first(), second()))

    async def script(pilot: Pilot[None]) -> None:
        clock = await watch(pilot, app)
        for scan in range(2, 7):
            assert "+++" in text(app)
            clock.now += 4
            below(app).watching.tick()
            await compared(pilot, app, scan)
        assert "+++" not in text(app)
        assert "+0 huge" in screen_lines(app)[-2]

    drive(app, script)


def test_nothing_is_read_while_nobody_looks_and_the_help_does_not_matter() -> None:
    fakes = fakes_of(first())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        watching = below(app).watching
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        watching.tick()
        await compared(pilot, app, 2)
        await press(pilot, "escape")
        app.push_screen(ProcessScreen(fakes.services(), app.screen.glyphs, app.settings, PID))  # type: ignore[attr-defined]
        await until(pilot, lambda: len(fakes.streams) == 4)
        watching.tick()
        assert len(fakes.streams) == 4
        assert watching.log.scans == 2

    drive(app, script)


def test_a_process_that_is_gone_is_told_once_and_watched_no_more() -> None:
    fakes = fakes_of(first())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        fakes.scripts.clear()
        watching = below(app).watching
        watching.tick()
        await until(pilot, lambda: not watching.on)
        await pilot.pause()
        assert f"no process {PID}" in screen_lines(app)[-2]
        assert f"{A:012x}" in text(app)
        watching.tick()
        assert not below(app).reading.busy
        assert len(app._notifications) == 0

    drive(app, script)


def test_a_process_that_exits_while_it_is_read_is_watched_no_more() -> None:
    exited = [*first().end(Status.VANISHED).chunks()]
    app = make(fakes_of(first(), exited))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "w")
        await until(pilot, lambda: not below(app).watching.on)
        await until(pilot, lambda: "has exited: it is watched no more" in text(app))

    drive(app, script, (160, 40))


def test_an_exec_begins_a_new_list() -> None:
    fakes = fakes_of(first(), second(), first(mm=2), second(mm=2))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        watching = below(app).watching
        assert watching.log.total > 0
        watching.tick()
        await until(pilot, lambda: watching.log.total == 0)
        assert watching.on
        assert not len(watching.marks.kind)
        watching.tick()
        await compared(pilot, app, 1)
        assert "+3 huge" in text(app)

    drive(app, script)


def test_the_line_under_the_cursor_stays_when_something_is_mapped_above() -> None:
    def of(lowest: int) -> Script:
        script = Script(PID)
        for at in range(lowest, 40):
            script.vma(A + at * GIB, A + at * GIB + SLOT)
        return script

    app = make(fakes_of(of(5), of(0)))

    async def script(pilot: Pilot[None]) -> None:
        def lines() -> list[int]:
            word = f"{below(app).query_one(MemoryMap).address:012x}"
            return [
                y for y, line in enumerate(screen_lines(app)[:-5]) for _ in range(line.count(word))
            ]

        await settled(pilot, app)
        await press(pilot, "end", "k", "k", "k")
        before = lines()
        assert len(before) == 2
        await watch(pilot, app)
        assert "*5 mapped" in screen_lines(app)[-2]
        assert lines() == before

    drive(app, script, (140, 24))


def test_pages_below_a_slot_stay_until_they_are_read_again() -> None:
    fakes = fakes_of(first(), first(), first(), second())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        the_map = below(app).query_one(MemoryMap)
        the_map.go_to(A + 35 * SLOT)
        await press(pilot, *["plus"] * 5)
        kept, filled = A + 35 * SLOT, A + 36 * SLOT
        await until(pilot, lambda: kept in the_map.pages and filled in the_map.pages)
        await pilot.pause()
        before = screen_lines(app)[:-2]
        fakes.states_error = AccessDenied(PID)
        below(app).watching.tick()
        await compared(pilot, app, 2)
        assert screen_lines(app)[:-2] == before
        below(app).watching.tick()
        await compared(pilot, app, 3)
        assert kept in the_map.pages
        assert filled not in the_map.pages

    drive(app, script)
