"""The machine screen in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.machine import MachineScreen
from tests.fakes import Fakes, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot


NEVER = 1e6


def make(fakes: Fakes | None = None, pid: int | None = None, *, ascii: bool = False) -> HpviewApp:
    services = (fakes or sample_fakes()).services()
    return HpviewApp(services, pid, ascii=ascii, settings=Settings(refresh=NEVER))


async def opened(pilot: Pilot[None], app: HpviewApp, *keys: str) -> MachineScreen:
    """Open the machine, press keys, each when all was read."""
    await settled(pilot, app)
    await press(pilot, "m")
    await until(pilot, lambda: isinstance(app.screen, MachineScreen) and app.screen.shows_data)
    screen = app.screen
    assert isinstance(screen, MachineScreen)
    await rested(pilot, app)
    for key in keys:
        await press(pilot, key)
        await rested(pilot, app)
        await pilot.pause()
    return screen


def shown(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))
