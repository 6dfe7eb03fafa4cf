"""Presses keys in an app without a terminal, and waits for what they do and no longer."""

from __future__ import annotations

import re
import unicodedata

from textual import events
from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, key_to_character
from textual.pilot import Pilot


class QuickPilot(Pilot[None]):
    """Waits until every message was handled.

    Textual's own waits until the processor was idle for 20 ms, twice for each key and four times
    for a click. As there, what a thread does is not waited for, nor are animations: the app
    should have none.
    """

    async def pause(self, delay: float | None = None) -> None:
        """Let the app draw what it is about to, or wait for a time."""
        if delay is not None:
            await super().pause(delay)
            return
        quiet = 0
        # What is drawn may send messages: after the second quiet round nothing is left. An app
        # that has failed handles none any more, and who runs it is told when it ends.
        while quiet < 2 and self.app.is_running:
            await super().pause(0)
            quiet = 0 if self._waiting() else quiet + 1

    def _waiting(self) -> bool:
        """Whether a message is to be handled, as far as that can be seen."""
        if not self.app.screen_stack:
            return False
        parts = (self.app, *self.app.screen.walk_children(with_self=True))
        return any(part.message_queue_size for part in parts)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait after each."""
        for key in keys:
            await press(self, key)


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
