"""A process of which some memory is collapsed, and the box that offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.ui.collapsing import Stage
from hpview.ui.screens.collapse import CollapseScreen
from hpview.ui.widgets.vma_list import VmaList
from tests.fake_acting import FakeActing
from tests.fakes import PID, press, settled, until
from tests.golden import screen_lines
from tests.records import Script, run
from tests.watched import SLOT, A, below, fakes_of, small

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.ui.app import HpviewApp
    from tests.fakes import Fakes


def before(**task: int) -> Script:
    """64 slots: 16 huge, 16 more than half full, 16 sparse, 16 with nothing."""
    script = Script(PID, comm=b"postgres", **task)
    return script.vma(
        A, A + 64 * SLOT, run(A, A + 16 * SLOT), small(16, 16, 300), small(32, 16, 37)
    )


def after(**task: int) -> Script:
    """Twelve of the fuller ones became huge."""
    script = Script(PID, comm=b"postgres", **task)
    return script.vma(A, A + 64 * SLOT, run(A, A + 28 * SLOT), small(28, 4, 300), small(32, 16, 37))


def scripted(acting: FakeActing | None = None) -> Fakes:
    fakes = fakes_of(before(), before(), after())
    fakes.acting = acting or FakeActing()
    return fakes


def dialog(app: HpviewApp) -> CollapseScreen:
    assert isinstance(app.screen, CollapseScreen)
    return app.screen


async def stage(pilot: Pilot[None], app: HpviewApp, wanted: Stage) -> None:
    await until(pilot, lambda: dialog(app).collapsing.stage is wanted)


async def on_list(pilot: Pilot[None], app: HpviewApp) -> None:
    """Ask for the whole VMA."""
    await settled(pilot, app)
    await pilot.press("tab")
    assert app.screen.query_one(VmaList).has_focus
    await press(pilot, "c")
    await stage(pilot, app, Stage.ASKING)


async def on_cell(pilot: Pilot[None], app: HpviewApp, slot: int = 16) -> None:
    """Ask for the slot under the cursor of the map."""
    await settled(pilot, app)
    below(app).go_to(A + slot * SLOT)
    await press(pilot, "c")
    await stage(pilot, app, Stage.ASKING)


def box(app: HpviewApp) -> list[str]:
    """The lines of the screen that the box covers."""
    region = app.screen.query_one("#collapse").region
    return [line[region.x : region.right] for line in screen_lines(app)][region.y : region.bottom]


def told(app: HpviewApp) -> str:
    return " ".join(notice.message for notice in app._notifications)
