"""A process read chunk by chunk on the protocol screen, as the tests let it."""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.protocol import ProtocolScreen
from tests.fakes import PID, Fakes, press, sample, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.ui.reading import Reading

ALL = len([*sample().end().chunks(3)])


def closed_gate() -> Fakes:
    """Chunks of 3 records, of which none is handed over yet."""
    return sample_fakes(scripts=[[*sample().end().chunks(3)]], gate=threading.Semaphore(0))


def make(fakes: Fakes, *, ascii: bool = False) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, ascii=ascii, settings=Settings(refresh=1e6))


def text(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


def steady(app: HpviewApp) -> list[str]:
    """What stands on the screen, without the time that reading took."""
    lines = [re.sub(r" +\d+\.\d\d  ", "    _.__  ", line) for line in screen_lines(app)]
    return [re.sub(r"[0-9.]+ ms", "_ ms", line) for line in lines]


def reading_of(app: HpviewApp) -> Reading:
    screen = app.screen
    assert isinstance(screen, ProcessScreen | ProtocolScreen)
    return screen.reading


async def stepped(pilot: Pilot[None], app: HpviewApp, fakes: Fakes, count: int) -> None:
    """Press the key for one chunk so often, each time waiting for it."""
    reading = reading_of(app)
    for _ in range(count):
        before = len(reading.log) if reading.busy else 0
        fakes.gate.release()
        await press(pilot, "full_stop")
        await until(pilot, partial(_holds, reading, before + 1))
    await pilot.pause()


def _holds(reading: Reading, count: int) -> bool:
    return len(reading.log) == count


async def opened(pilot: Pilot[None], app: HpviewApp, fakes: Fakes) -> Reading:
    """Read all, then look at the log."""
    fakes.gate.release(100)
    await settled(pilot, app)
    while fakes.gate.acquire(blocking=False):
        pass
    await press(pilot, "i")
    await until(pilot, lambda: isinstance(app.screen, ProtocolScreen))
    await pilot.pause()
    return reading_of(app)


async def half_way(pilot: Pilot[None], app: HpviewApp, fakes: Fakes) -> None:
    """Five chunks, and an EAGAIN in between."""
    reading = await opened(pilot, app, fakes)
    await stepped(pilot, app, fakes, 3)
    await press(pilot, "full_stop")
    await until(pilot, lambda: len(reading.log) == 4)
    await stepped(pilot, app, fakes, 2)
    await until(pilot, lambda: bool(reading.progress and reading.progress.paused))
    await pilot.pause()
