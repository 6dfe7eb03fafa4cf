from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.stream.base import CHUNK_SIZE
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.screens.protocol import SIZES, ProtocolScreen
from hpview.ui.widgets.read_list import ReadList
from tests.fakes import drive, press, sample, sample_fakes, settled, until
from tests.stepping import ALL, closed_gate, make, opened, reading_of, stepped, text

if TYPE_CHECKING:
    from textual.pilot import Pilot


def test_the_log_of_a_reading_that_is_over() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        reading = await opened(pilot, app, fakes)
        drawn = text(app)
        assert "the end: nothing is left to hand over" in drawn
        assert "complete · space or . begin anew, chunk by chunk" in drawn
        assert f"{len(reading.log)} reads" in drawn
        assert reading.log[0].number == 1
        await press(pilot, "home")
        await pilot.pause()
        assert "first: the first VMA of the process" in text(app)
        assert "remembered: nothing yet" in text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)
        assert len(fakes.streams) == 1

    drive(app, script)


def test_one_chunk_at_a_time_and_the_map_fills() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        reading = await opened(pilot, app, fakes)
        await stepped(pilot, app, fakes, 2)
        assert len(fakes.streams) == 2
        assert fakes.streams[1].reads == 2
        assert not fakes.streams[1].closed.is_set()
        assert reading.paused
        assert reading.number == 2
        assert "paused at " in text(app)
        known = len(reading.space.vmas)
        assert 0 < known < 11
        await press(pilot, "escape")
        await until(pilot, lambda: "not read yet" in text(app))
        drawn = text(app)
        assert f"paused at {reading.space.vmas['end'][-1]:012x} · i, then space, goes on" in drawn
        assert f"{known} VMAs" in drawn
        await press(pilot, "i")
        await until(pilot, lambda: isinstance(app.screen, ProtocolScreen))
        fakes.gate.release(100)
        await press(pilot, "space")
        await until(pilot, lambda: not reading.busy)
        assert len(reading.space.vmas) == 11
        assert len(reading.log) == ALL + 1
        await press(pilot, "escape")
        await pilot.pause()
        assert "complete" in text(app)
        assert "not read yet" not in text(app)

    drive(app, script)


def test_space_pauses_a_reading_and_goes_on() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release(2)
        reading = reading_of(app)
        await until(pilot, lambda: len(reading.space.vmas) > 1)
        await press(pilot, "i")
        await until(pilot, lambda: reading.log.agains > 0)
        await press(pilot, "space")
        await until(pilot, lambda: bool(reading.progress and reading.progress.paused))
        reads = fakes.streams[0].reads
        fakes.gate.release(100)
        for _ in range(5):
            await pilot.pause()
        assert fakes.streams[0].reads == reads
        assert "EAGAIN" in text(app)
        assert "paused at" in text(app)
        await press(pilot, "space")
        await settled(pilot, app)
        assert len(reading.space.vmas) == 11
        await until(pilot, fakes.streams[0].closed.is_set)

    drive(app, script)


def test_a_step_may_bring_nothing_and_is_shown() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        reading = await opened(pilot, app, fakes)
        await press(pilot, "full_stop")
        await until(pilot, lambda: len(reading.log) == 1)
        await pilot.pause()
        assert reading.log[0].again
        assert "EAGAIN: progress, nothing to hand over yet" in text(app)
        assert fakes.streams[1].reads == 1
        assert len(reading.space.vmas) == 11

    drive(app, script)


def test_space_on_a_reading_that_is_over_holds_a_new_one_before_its_first_read() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        reading = await opened(pilot, app, fakes)
        fakes.gate.release(100)
        await press(pilot, "space")
        await until(pilot, lambda: "paused before the first read" in text(app))
        assert fakes.streams[1].reads == 0
        assert "no read yet" in text(app)
        await press(pilot, "R")
        await until(pilot, lambda: len(fakes.streams) == 3)
        await until(pilot, fakes.streams[1].closed.is_set)
        assert reading.paused
        assert fakes.streams[2].reads == 0
        await press(pilot, "space")
        await until(pilot, lambda: not reading.busy)
        assert not reading.paused
        await press(pilot, "R")
        await until(pilot, lambda: reading.number == 4 and not reading.busy)

    drive(app, script)


def test_the_chunk_size_is_that_of_the_next_read() -> None:
    data = sample().end().data
    fakes = sample_fakes(scripts=[[data[at : at + 64] for at in range(0, len(data), 64)]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "i")
        reading = reading_of(app)
        sizes = []
        for key in ["less_than_sign"] * len(SIZES) + ["greater_than_sign"] * 2:
            await press(pilot, key)
            sizes.append(reading.control.size)
        assert sizes == [4096, 512, 64, 1, 1, 64, 512]
        assert "each read asks for 512 B" in text(app)
        await press(pilot, "full_stop")
        await until(pilot, lambda: len(reading.log) == 1)
        await press(pilot, "less_than_sign")
        await press(pilot, "full_stop")
        await until(pilot, lambda: len(reading.log) == 2)
        assert [read.asked for read in reading.log] == [512, 64]
        await press(pilot, *["greater_than_sign"] * len(SIZES))
        assert reading.control.size == CHUNK_SIZE

    drive(app, script)


def test_the_newest_read_is_followed_until_the_cursor_was_moved_up() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, fakes)
        rows = app.screen.query_one(ReadList)
        await stepped(pilot, app, fakes, 3)
        assert rows.cursor == 2
        await press(pilot, "k")
        assert rows.cursor == 1
        await stepped(pilot, app, fakes, 2)
        assert (rows.cursor, rows.row_count) == (1, 5)
        assert rows.current is not None
        assert rows.current.number == 2
        for key, cursor in (("j", 2), ("home", 0), ("pagedown", 4), ("pageup", 0), ("end", 4)):
            await press(pilot, key)
            assert rows.cursor == cursor
        await stepped(pilot, app, fakes, 1)
        assert rows.cursor == 5

    drive(app, script)


def test_leaving_while_paused_closes_the_stream() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, fakes)
        await stepped(pilot, app, fakes, 1)
        await press(pilot, "escape")
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessesScreen)
        await until(pilot, fakes.streams[1].closed.is_set)

    drive(app, script)


def test_quitting_while_paused() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, fakes)
        await stepped(pilot, app, fakes, 1)
        await press(pilot, "q")

    drive(app, script)
    assert fakes.streams[1].closed.is_set()


def test_the_log_can_be_exported_and_a_read_copied() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        reading = await opened(pilot, app, fakes)
        screen = app.screen
        assert isinstance(screen, ProtocolScreen)
        words = f"{len(reading.log)} reads of process 4127"
        assert [item.words for item in screen.data()] == [words]
        await press(pilot, "end", "y")
        assert app.clipboard.endswith(": the end: nothing is left to hand over")

    drive(app, script)
