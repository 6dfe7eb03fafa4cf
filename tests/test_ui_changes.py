"""The list of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.space.changes import ChangeKind
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.widgets.memory_map import MemoryMap
from tests import golden
from tests.fakes import drive, press, settled, until
from tests.golden import screen_lines
from tests.watched import (
    SLOT,
    A,
    below,
    compared,
    fakes_of,
    first,
    make,
    second,
    still,
    text,
    watch,
)

if TYPE_CHECKING:
    from textual.pilot import Pilot


@pytest.fixture(autouse=True)
def timers(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return still(monkeypatch)


def test_the_interval_is_chosen_and_kept(timers: list[float]) -> None:
    app = make(fakes_of(first()))

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        await press(pilot, "W")
        await press(pilot, "greater_than_sign", "full_stop", "greater_than_sign")
        assert app.settings.watch == 30
        assert "watch 30 s" in screen_lines(app)[0]
        await press(pilot, *["comma"] * 6)
        assert app.settings.watch == 0.5
        assert timers == [2, 5, 10, 30, 10, 5, 2, 1, 0.5, 0.5]
        await press(pilot, "w")
        await press(pilot, "full_stop")
        assert timers[-1] == 0.5
        assert app.settings.watch == 1
        await press(pilot, "w")
        app.settings.watch = 5
        app.post_message(HpviewScreen.SettingsChanged())
        await until(pilot, lambda: timers[-1] == 5)
        assert "watch 5 s" in screen_lines(app)[0]

    drive(app, script)


def test_changes_look_as_they_did() -> None:
    app = make(fakes_of(first(), second(), first()))

    async def script(pilot: Pilot[None]) -> None:
        clock = await watch(pilot, app)
        clock.now += 3
        below(app).watching.tick()
        await compared(pilot, app, 2)
        await press(pilot, "W", "j", "j")
        golden.check("changes-120x36", screen_lines(app))

    drive(app, script)


def test_ascii_changes_hold_nothing_else() -> None:
    app = make(fakes_of(first(), second()), ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        assert all(line.isascii() for line in screen_lines(app))
        assert "+3 - /1 - ^12" in screen_lines(app)[-2]
        await press(pilot, "W")
        golden.check("changes-ascii", screen_lines(app))
        assert all(line.isascii() for line in screen_lines(app))

    drive(app, script, (80, 24))


def test_enter_shows_the_change_on_the_map() -> None:
    app = make(fakes_of(first(), second()))

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        await press(pilot, "W", "j")
        assert isinstance(app.screen, ChangesScreen)
        await press(pilot, "enter")
        assert isinstance(app.screen, ProcessScreen)
        assert app.screen.query_one(MemoryMap).address == A + 16 * SLOT
        assert f"{A + 16 * SLOT:012x}" in screen_lines(app)[-5]

    drive(app, script)


def test_one_kind_after_the_other() -> None:
    app = make(fakes_of(first(), second()))

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        await press(pilot, "W", "f")
        assert "only huge" in screen_lines(app)[0]
        assert "1 of 6" in screen_lines(app)[0]
        await press(pilot, "f", "F", "F", "F")
        assert "only unmapped" in screen_lines(app)[0]
        await press(pilot, *["F"] * 4)
        assert "nothing here came back from swap" in text(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, ChangesScreen)

    drive(app, script)


def test_an_empty_list_says_why() -> None:
    app = make(fakes_of(first()))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "W")
        assert "the process is not watched: w begins" in text(app)
        await press(pilot, "w")
        await compared(pilot, app, 1)
        assert "watching every 2 s: nothing has changed so far" in text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


def test_the_cursor_of_the_list_stays_on_its_change() -> None:
    app = make(fakes_of(first(), second(), first()))

    async def script(pilot: Pilot[None]) -> None:
        await watch(pilot, app)
        await press(pilot, "W", "j", "j")
        line = screen_lines(app)[-3]
        assert "became huge" not in line
        below(app).watching.tick()
        await compared(pilot, app, 2)
        assert screen_lines(app)[-3] == line
        await press(pilot, "home")
        kinds = [row["kind"] for row in below(app).watching.log.rows[-6:]]
        assert ChangeKind.SPLIT in kinds

    drive(app, script)
