"""Keys, and waiting for what they do, without a terminal."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from hpview.ui.leaving import forget_drawn
from hpview.ui.quick_pilot import QuickPilot
from hpview.ui.quick_pilot import press as press
from hpview.ui.screens.base import HpviewScreen
from tests.style_sheets import parsed_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.pilot import Pilot

    from hpview.ui.app import HpviewApp

PATIENCE = 10.0
_BETWEEN = 0.001
"""Seconds between two looks whether something holds: what a thread does needs them too."""


class ResizingPilot(QuickPilot):
    """Gives the terminal another size, too."""

    async def resize_terminal(self, width: int, height: int) -> None:
        """Give the terminal another size, which Textual minds a moment later."""
        await super().resize_terminal(width, height)
        await until(self, lambda: self.app.screen.outer_size == (width, height))


def drive(
    app: App[None],
    script: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (120, 36),
) -> None:
    """Run a test's script against an app without a terminal."""

    app.animation_level = "none"

    async def main() -> None:
        async with app.run_test(size=size, notifications=True):
            await script(ResizingPilot(app))
            for screen in app.screen_stack:
                forget_drawn(screen)

    with parsed_once():
        asyncio.run(main())


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Let the app work until something holds."""
    patience = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < patience, "it never came true"
        await pilot.pause(_BETWEEN)
    await pilot.pause()


async def settled(pilot: Pilot[None], app: HpviewApp) -> None:
    """Wait for the first screen to have loaded."""
    await asyncio.wait_for(app.settled.wait(), PATIENCE)
    await pilot.pause()


async def rested(pilot: Pilot[None], app: App[None]) -> None:
    """Wait until nothing is under way in a thread that will change what is shown."""
    await until(pilot, lambda: isinstance(app.screen, HpviewScreen) and app.screen.at_rest)
