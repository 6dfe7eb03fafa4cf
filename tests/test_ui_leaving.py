"""Screens that were left are gone, and with them all that they showed."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from textual.strip import Strip
from textual.worker import active_worker

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.leaving import Threads
from hpview.ui.screens import ProcessesScreen, ProcessScreen, SlotScreen
from tests.fakes import drive, press, sample_fakes, settled, until

if TYPE_CHECKING:
    from textual.pilot import Pilot


def make() -> HpviewApp:
    return HpviewApp(sample_fakes().services(), settings=Settings(refresh=1e6))


async def opened(pilot: Pilot[None], app: HpviewApp) -> ProcessScreen:
    """The process under the cursor, read to its end."""
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(app.screen, ProcessScreen) and app.screen.at_rest)
    assert isinstance(app.screen, ProcessScreen)
    return app.screen


async def left(pilot: Pilot[None], app: HpviewApp) -> None:
    await press(pilot, "escape")
    await until(pilot, lambda: isinstance(app.screen, ProcessesScreen) and app.screen.at_rest)
    await pilot.pause()
    gc.collect()


def gone(seen: list[weakref.ref[Any]]) -> bool:
    """Textual takes a screen apart in tasks of its own."""
    gc.collect()
    return all(found() is None for found in seen)


def test_nothing_keeps_a_process_that_was_left() -> None:
    app = make()
    seen: list[weakref.ref[Any]] = []

    async def look(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        seen.extend(map(weakref.ref, (screen, screen.reading, screen.space, screen.watching)))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await look(pilot)
        await press(pilot, "w", "n")
        await pilot.press("slash", *"heap", "enter", "W", "escape")
        await press(pilot, "i")
        await pilot.press("escape", "g", *"heap", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, SlotScreen) and app.screen.at_rest)
        seen.append(weakref.ref(app.screen))
        await pilot.press("escape", "escape")
        await left(pilot, app)
        assert len(seen) == 5
        await until(pilot, lambda: gone(seen))

    drive(app, script)


def test_nothing_drawn_of_it_is_kept() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        strips = []
        for _ in range(4):
            await opened(pilot, app)
            await left(pilot, app)
            strips.append(sum(isinstance(found, Strip) for found in gc.get_objects()))
        assert max(strips[1:]) <= strips[0] + 20, strips

    drive(app, script)


def test_a_thread_of_the_app_keeps_no_worker() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, active_worker.get, None) is None

    drive(app, script)


def test_a_thread_forgets_what_it_worked_for() -> None:
    note = ContextVar("note", default="nothing")
    with Threads(1) as threads:
        threads.submit(note.set, "a screen").result()
        assert threads.submit(note.get).result() == "nothing"
