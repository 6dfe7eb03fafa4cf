"""Apps on the screen of a slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.ui.widgets.page_grid import PageGrid
from tests.fake_slots import MIXED
from tests.fakes import PID, Fakes, sample_fakes, settled
from tests.golden import screen_lines
from tests.records import MIB

if TYPE_CHECKING:
    from textual.pilot import Pilot

NEVER = 1e6
PLACE = MIXED + 32 * MIB
"""A slot with every state."""


def make(fakes: Fakes | None = None, *, ascii: bool = False) -> HpviewApp:
    services = (fakes or sample_fakes()).services()
    return HpviewApp(services, PID, ascii=ascii, settings=Settings(refresh=NEVER))


async def open_slot(pilot: Pilot[None], app: HpviewApp, address: int = PLACE) -> SlotScreen:
    """From the screen of the process, which is read first."""
    await settled(pilot, app)
    below = app.screen
    assert isinstance(below, ProcessScreen)
    app.settled.clear()
    below.post_message(HpviewScreen.SlotChosen(below.reading, below.asking, address))
    await settled(pilot, app)
    assert isinstance(app.screen, SlotScreen)
    return app.screen


def grid(app: HpviewApp) -> PageGrid:
    return app.screen.query_one(PageGrid)


def shown(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))
