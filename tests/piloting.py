"""Keys, and waiting for what they do, without a terminal."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from typing import TYPE_CHECKING

from textual import events
from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, key_to_character
from textual.pilot import Pilot

from hpview.ui.leaving import forget_drawn
from hpview.ui.screens.base import HpviewScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App

    from hpview.ui.app import HpviewApp

PATIENCE = 10.0
_BETWEEN = 0.001
"""Seconds between two looks whether something holds: what a thread does needs them too."""


class QuickPilot(Pilot[None]):
    """Waits until every message was handled.

    Textual's own waits until the processor was idle for 20 ms, twice for each key and four times
    for a click, which makes most of the time of a test. As there, what a thread does is not
    waited for: ``until`` is for that.
    """

    async def pause(self, delay: float | None = None) -> None:
        """Let the app draw what it is about to, or wait for a time."""
        if delay is not None:
            await super().pause(delay)
            return
        quiet = 0
        # What is drawn may send messages: after the second quiet round nothing is left.
        while quiet < 2:
            await super().pause(0)
            quiet = 0 if self._waiting() else quiet + 1

    def _waiting(self) -> bool:
        """Whether a message is to be handled, as far as that can be seen."""
        if not self.app.screen_stack:
            return False
        parts = (self.app, *self.app.screen.walk_children(with_self=True))
        return any(part.message_queue_size for part in parts)

    async def resize_terminal(self, width: int, height: int) -> None:
        """Give the terminal another size, which Textual minds a moment later."""
        await super().resize_terminal(width, height)
        await until(self, lambda: self.app.screen.outer_size == (width, height))

    async def press(self, *keys: str) -> None:
        """Press keys, and wait after each."""
        for key in keys:
            await press(self, key)


def drive(
    app: App[None],
    script: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (120, 36),
) -> None:
    """Run a test's script against an app without a terminal."""

    app.animation_level = "none"

    async def main() -> None:
        async with app.run_test(size=size, notifications=True):
            await script(QuickPilot(app))
            for screen in app.screen_stack:
                forget_drawn(screen)

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


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys in a row, waiting only after the last.

    Not for a key that moves the focus before another one follows: that is ``QuickPilot.press``.
    """
    for key in keys:
        pilot.app.post_message(_pressed(key))
    await pilot.pause()


def _pressed(key: str) -> events.Key:
    """A key by its name, or the character it types."""
    if len(key) == 1 and not key.isalnum():
        name = re.sub("[ -]", "_", unicodedata.name(key).lower())
        return events.Key(KEY_NAME_REPLACEMENTS.get(name, name), key)
    return events.Key(key, key_to_character(REPLACED_KEYS.get(key, key)))
