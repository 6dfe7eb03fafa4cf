"""The app's own screen as a picture, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Literal

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.pictures.screen import taken
from hpview.ui.pictures.svg import svg

if TYPE_CHECKING:
    from hpview.services import Services

_NEVER = 1e6
_GLANCE = 0.2


def shot(
    services: Services,
    pid: int | None,
    *,
    size: tuple[int, int] = (140, 40),
    screen: Literal["list", "process"] = "process",
    title: str = "hpview",
    ascii: bool = False,
) -> str:
    """Draw a screen when everything on it has been read.

    Args:
        services: Where everything comes from.
        pid: The process; may be None for the list.
        size: Columns and lines.
        screen: Which screen.
        title: Written above the picture.
        ascii: Draw with ASCII characters only.

    Returns:
        SVG text that refers to nothing outside.

    Raises:
        HpviewError: What was to be shown could not be read.
        ValueError: The screen of a process without a process.
    """
    if screen == "process" and pid is None:
        raise ValueError("the process screen needs a process")
    app = HpviewApp(
        services,
        pid if screen == "process" else None,
        ascii=ascii,
        settings=Settings(refresh=_NEVER),
    )
    return asyncio.run(_drawn(app, size, title))


async def _drawn(app: HpviewApp, size: tuple[int, int], title: str) -> str:
    async with app.run_test(size=size, notifications=False) as pilot:
        while not app.settled.is_set() and app.is_running:
            # A bug in a worker ends the app without settling it; leaving the block raises it.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(app.settled.wait(), _GLANCE)
        await pilot.pause()
        if app.failure is not None:
            raise app.failure
        return svg(taken(app, title))
