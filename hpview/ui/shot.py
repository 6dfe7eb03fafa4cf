"""The app's own screen as a picture, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hpview.errors import HpviewError
from hpview.settings import Settings
from hpview.text import printable
from hpview.ui import screens
from hpview.ui.app import HpviewApp
from hpview.ui.pictures import taken
from hpview.ui.quick_pilot import QuickPilot
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.collapse import CollapseScreen
from hpview.ui.widgets.key_line import KEY_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.pilot import Pilot

    from hpview.services import Services
    from hpview.ui.pictures.screen import Picture

_NEVER: Final = 3600.0
_GLANCE: Final = 0.2
_PATIENCE: Final = 60.0
"""Seconds that a screen may take to come to rest."""

_OPENED_BY: Final = {"protocol": ("i",), "why": ("a",), "nodes": ("u",), "machine": ("m",)}
"""Keys that lead to a screen from that of the process, or from the list."""

_WITHOUT_PID: Final = ("list", "machine")
_BETWEEN: Final = 1.0
"""Seconds between two readings of the machine, so that there are rates."""

_PREFIX: Final = "hpview-"
_NAMED: Final = {name.lower(): key for key, name in KEY_NAMES.items()} | {
    "space": "space",
    "backspace": "backspace",
}
_COMBINED: Final = re.compile(r"(ctrl|shift|alt)\+[a-z0-9]+|f[0-9]{1,2}")


class UnknownName(HpviewError):
    """There is no key, or no theme, of this name."""

    def __init__(self, what: str, name: str, choices: Sequence[str]) -> None:
        super().__init__(f"no {what} '{printable(name)}': choose from {', '.join(choices)}")


def keys_of(words: str) -> list[str]:
    """Textual's names of keys that somebody typed, apart by blanks: ``j j enter [``.

    Raises:
        UnknownName: One of them is no key.
    """
    return [_key(word) for word in words.split()]


def _key(word: str) -> str:
    if len(word) == 1 or _COMBINED.fullmatch(word):
        return word
    known = _NAMED.get(word.lower()) or (word if word in KEY_NAMES else None)
    if known is None:
        named = sorted(name for name in _NAMED if len(name) > 1)
        raise UnknownName("key", word, ["single characters", "ctrl+x", *named])
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be drawn.

    Attributes:
        screen: Which screen.
        pid: The process; for all but the list and the machine.
        address: Anywhere in the slot, for that screen; where the map's cursor is, for a process.
        size: Columns and lines.
        keys: Names of keys, pressed one after the other, each when the screen rests.
        theme: Name of a theme, that of hpview's own without ``hpview-`` too.
        ascii: Draw with ASCII characters only.
    """

    screen: Literal["list", "process", "slot", "protocol", "why", "nodes", "machine"]
    pid: int | None = None
    address: int | None = None
    size: tuple[int, int] = (140, 40)
    keys: Sequence[str] = ()
    theme: str = "dark"
    ascii: bool = False

    def __post_init__(self) -> None:
        if self.screen not in _WITHOUT_PID and self.pid is None:
            raise ValueError(f"the {self.screen} screen needs a process")
        if self.screen == "slot" and self.address is None:
            raise ValueError("the slot screen needs an address")


def shot(services: Services, wish: Wish) -> Picture:
    """Draw a screen when everything on it has been read.

    Args:
        services: Where everything comes from.
        wish: What to draw. The settings of whoever runs this do not matter.

    Raises:
        HpviewError: What was to be shown could not be read.
        UnknownName: There is no such theme.
    """
    app = HpviewApp(
        services,
        wish.pid if wish.screen not in _WITHOUT_PID else None,
        address=wish.address if wish.screen == "slot" else None,
        ascii=wish.ascii,
        settings=Settings(refresh=_NEVER, watch=_NEVER),
    )
    own = [name.removeprefix(_PREFIX) for name in app.available_themes if _PREFIX in name]
    theme = f"{_PREFIX}{wish.theme}" if wish.theme in own else wish.theme
    if theme not in app.available_themes:
        others = [name for name in app.available_themes if _PREFIX not in name]
        raise UnknownName("theme", wish.theme, [*own, *others])
    app.theme = theme
    app.animation_level = "none"
    return asyncio.run(_drawn(app, wish))


async def _drawn(app: HpviewApp, wish: Wish) -> Picture:
    keys = [*_OPENED_BY.get(wish.screen, ()), *wish.keys]
    async with app.run_test(size=wish.size, notifications=False):
        pilot = QuickPilot(app)
        while not app.settled.is_set() and app.is_running:
            # A bug in a worker ends the app without settling it; leaving the block raises it.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(app.settled.wait(), _GLANCE)
        await _rest(app, pilot)
        if wish.screen == "process" and wish.address is not None:
            await _go_to(app, pilot, wish.address)
        for key in keys:
            await pilot.press(key)
            await _rest(app, pilot)
        if isinstance(app.screen, screens.MachineScreen):
            await asyncio.sleep(_BETWEEN)
            app.screen.action_read()
            await _rest(app, pilot)
        if app.failure is not None:
            raise app.failure
        if not app.is_running:
            raise HpviewError("one of the keys has left the app")
        return taken(app, _title(app))


async def _go_to(app: HpviewApp, pilot: Pilot[None], address: int) -> None:
    if isinstance(app.screen, screens.ProcessScreen):
        app.screen.go_to(address)
        await _rest(app, pilot)


async def _rest(app: HpviewApp, pilot: Pilot[None]) -> None:
    """Wait until no screen changes any more by itself: twice, since one message sends another."""
    patience = time.monotonic() + _PATIENCE
    rested = 0
    while rested < 2 and app.is_running:
        await pilot.pause()
        rested = rested + 1 if _at_rest(app) else 0
        if time.monotonic() > patience:
            raise HpviewError(f"the screen did not come to rest within {_PATIENCE:.0f} s")
        if not rested:
            await asyncio.sleep(_GLANCE / 20)


def _at_rest(app: HpviewApp) -> bool:
    shown = [s for s in app.screen_stack if isinstance(s, HpviewScreen | CollapseScreen)]
    return all(screen.at_rest for screen in shown)


def _title(app: HpviewApp) -> str:
    """Of the screen on top, or of that below what lies over it."""
    shown = [screen for screen in app.screen_stack if isinstance(screen, HpviewScreen)]
    return shown[-1].picture_name() if shown else app.title
