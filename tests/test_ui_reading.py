from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.reading import Observer
from hpview.ui.screens.process import ProcessScreen
from hpview.wire import Status
from tests.fakes import PID, Fakes, drive, press, sample, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.records import GIB, MIB, Script

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.space.address_space import AddressSpace
    from hpview.ui.reading import Reading


def make(fakes: Fakes) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, settings=Settings(refresh=1e6))


def reading_of(app: HpviewApp) -> Reading:
    assert isinstance(app.screen, ProcessScreen)
    return app.screen.reading


class Notes:
    """Writes down what a reading tells."""

    def __init__(self) -> None:
        self.grown = self.batches = 0
        self.ends: list[tuple[AddressSpace, AddressSpace]] = []
        self.observer = Observer(
            grew=self._grew, progressed=self._progressed, done=lambda *ends: self.ends.append(ends)
        )

    def _grew(self) -> None:
        self.grown += 1

    def _progressed(self) -> None:
        self.batches += 1


SMALLER = [*Script(PID).vma(GIB, GIB + MIB).end().chunks(1)]


def test_a_quiet_reading_is_shown_when_it_is_whole() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks()], SMALLER], gate=threading.Semaphore(2))
    app = make(fakes)
    notes = Notes()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        reading = reading_of(app)
        before, progress = reading.space, reading.progress
        reading.subscribe(notes.observer)
        reading.begin(quiet=True)
        fakes.gate.release(2)
        await until(pilot, lambda: sum(read.records for read in reading.log) == 2)
        assert (reading.space, reading.progress) == (before, progress)
        assert "complete" in "\n".join(screen_lines(app))
        assert (notes.grown, notes.ends) == (0, [])
        assert notes.batches > 0
        assert reading.busy
        fakes.gate.release(100)
        await until(pilot, lambda: len(notes.ends) == 1)
        assert notes.ends == [(before, reading.space)]
        assert len(reading.space.vmas) == 1
        assert notes.grown == 1
        assert not reading.busy
        await pilot.pause()
        assert "1 VMAs" in "\n".join(screen_lines(app))

    drive(app, script)


def test_a_quiet_reading_waits_for_the_one_that_is_shown() -> None:
    fakes = sample_fakes(gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(fakes.streams) == 1)
        reading = reading_of(app)
        reading.begin(quiet=True)
        assert reading.number == 1
        fakes.gate.release(100)
        await settled(pilot, app)
        assert len(fakes.streams) == 1
        reading.begin(quiet=True)
        assert reading.number == 2

    drive(app, script)


def test_a_quiet_reading_that_meets_an_exec_is_never_shown_half() -> None:
    first = Script(PID).vma(GIB, 2 * GIB).task(mm=2).vma(GIB, GIB + MIB)
    fakes = sample_fakes(scripts=[[*sample().end().chunks()], [*first.end().chunks(2)], SMALLER])
    app = make(fakes)
    notes = Notes()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        reading = reading_of(app)
        reading.subscribe(notes.observer)
        reading.begin(quiet=True)
        await until(pilot, lambda: len(notes.ends) == 1)
        assert len(fakes.streams) == 3
        assert (reading.reloads, reading.space.execs, notes.grown) == (1, 0, 1)

    drive(app, script)


def test_a_quiet_reading_that_may_see_nothing_leaves_what_is_shown() -> None:
    denied = [*Script(PID).end(Status.PERMISSION).chunks()]
    fakes = sample_fakes(scripts=[[*sample().end().chunks()], denied])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        reading = reading_of(app)
        reading.begin(quiet=True)
        await until(pilot, lambda: not reading.busy)
        assert "the kernel shows nothing" in reading.problem
        assert len(reading.space.vmas) == 11

    drive(app, script)


def test_a_reading_tells_the_space_before_it_and_the_one_after() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks()], SMALLER])
    app = make(fakes)
    notes = Notes()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        reading = reading_of(app)
        before = reading.space
        reading.subscribe(notes.observer)
        await press(pilot, "R")
        await until(pilot, lambda: len(notes.ends) == 1)
        assert notes.ends == [(before, reading.space)]
        assert reading.number == 2
        assert len(reading.log) == len(SMALLER) + 1
        reading.unsubscribe(notes.observer)
        await press(pilot, "R")
        await until(pilot, lambda: reading.number == 3 and not reading.busy)
        assert len(notes.ends) == 1

    drive(app, script)
