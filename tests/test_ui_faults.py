"""The screens while the kernel fails, says EAGAIN for ever, or tells of another program."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from hpview.inquiry.same import NotTheSame
from hpview.settings import Settings
from hpview.stream import patience
from hpview.ui.app import HpviewApp
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from tests.fakes import PID, drive, press, sample, sample_fakes, settled, until
from tests.on_slot import make, open_slot, shown
from tests.on_why import opened, target
from tests.on_why import text as why_text

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.fakes import FakeStream

NEVER = 1e6


class Shut(threading.Semaphore):
    """A gate that does not even let one wait: EAGAIN comes at once."""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        return super().acquire(blocking=False)


def test_keys_are_answered_in_a_storm_of_eagain_and_escape_ends_it() -> None:
    fakes = sample_fakes(scripts=[[*sample().end().chunks(8)]], gate=Shut(1))
    app = HpviewApp(fakes.services(), PID, settings=Settings(refresh=NEVER))

    def storming() -> bool:
        return bool(fakes.streams) and fakes.streams[0].reads > 2 * patience.FREE

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, storming)
        screen = app.screen
        assert isinstance(screen, ProcessScreen)
        assert len(screen.space.vmas)
        await pilot.press("tab", "down")
        await press(pilot, "i")
        await until(pilot, lambda: "EAGAIN" in shown(app))
        await press(pilot, "escape")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessesScreen))
        stream: FakeStream = fakes.streams[0]
        await until(pilot, stream.closed.is_set)

    drive(app, script)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM])
def test_what_the_machine_lacks_is_told_and_does_not_end_the_app(number: int) -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app)
        fakes.slot_error = OSError(number, os.strerror(number), "/proc/1/pagemap")
        await press(pilot, "R")
        told = f"/proc/1/pagemap could not be read: {os.strerror(number)}"
        await until(pilot, lambda: told in shown(app))
        assert app.screen is screen
        fakes.slot_error = None
        await press(pilot, "R")
        await until(pilot, lambda: shown(app).count(told) < 2)  # the notice alone, if it is left

    drive(app, script)


def test_the_list_tells_it_too() -> None:
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    fakes = sample_fakes(snapshot_error=error)
    app = HpviewApp(fakes.services(), settings=Settings(refresh=NEVER))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert isinstance(app.screen, FailureScreen)
        assert "what was asked for could not be read: Too many open files" in shown(app)

    drive(app, script)


ANOTHER = NotTheSame(PID, "runs another program than the one that was read")


def test_pages_of_another_program_are_not_shown() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app)
        before = screen.slot
        fakes.another = ANOTHER
        await press(pilot, "R")
        await until(pilot, lambda: str(ANOTHER) in shown(app))
        assert screen.slot is before

    drive(app, script)


def test_no_verdicts_rest_on_the_settings_of_another_program() -> None:
    fakes = target()
    fakes.another = ANOTHER
    app = HpviewApp(fakes.services(), PID, settings=Settings(refresh=NEVER))

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        assert str(ANOTHER) in why_text(app)
        assert screen._asking.found is None

    drive(app, script)


def test_the_map_shows_no_pages_of_another_program() -> None:
    fakes = sample_fakes(another=ANOTHER)
    app = HpviewApp(fakes.services(), PID, settings=Settings(refresh=NEVER, zoom=4096))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await until(pilot, lambda: bool(fakes.state_reads))
        screen = app.screen
        assert isinstance(screen, ProcessScreen)
        await until(pilot, lambda: screen._pages._lost)

    drive(app, script)
