"""The list as a tree and in groups, its columns, its filter, and processes that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from hpview.events import Event, EventsUnavailable, What
from hpview.roster.arrange import Shape
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.columns import ColumnsScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.widgets.process_list import ProcessList
from tests import golden
from tests.fake_machine import PID, process, unreadable
from tests.fakes import Fakes, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

NEVER = 3600.0


def make(fakes: Fakes | None = None, *, ascii: bool = False, **settings: object) -> HpviewApp:
    chosen = Settings(refresh=NEVER)
    for name, value in settings.items():
        setattr(chosen, name, value)
    return HpviewApp((fakes or sample_fakes()).services(), settings=chosen, ascii=ascii)


def the_list(app: HpviewApp) -> ProcessList:
    return next(s for s in app.screen_stack if isinstance(s, ProcessesScreen)).query_one(
        ProcessList
    )


def current(app: HpviewApp) -> object:
    line = the_list(app).current_line
    return line and (line.process.pid if line.group is None else line.group.key)


def shown(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


async def listening(pilot: Pilot[None], app: HpviewApp) -> None:
    await settled(pilot, app)
    await rested(pilot, app)


@pytest.mark.parametrize("ascii", [False, True], ids=["unicode", "ascii"])
@pytest.mark.parametrize("key", ["t", "u", "c", "o"])
def test_shapes_and_columns_look_as_they_did(key: str, ascii: bool) -> None:
    app = make(ascii=ascii)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        await pilot.press(key)
        await pilot.pause()
        lines = screen_lines(app)
        name = {"t": "tree", "u": "by-user", "c": "by-cgroup", "o": "columns"}[key]
        golden.check(f"list-{name}{'-ascii' * ascii}", lines)
        assert not ascii or all(line.isascii() for line in lines)

    drive(app, script, (80, 24) if ascii else (120, 36))


def test_very_wide() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        golden.check("list-300x90", screen_lines(app))

    drive(app, script, (300, 90))


@pytest.mark.parametrize(("key", "shape"), [("t", "TREE"), ("u", "USER"), ("c", "CGROUP")])
def test_a_shape_keeps_the_cursor_and_the_same_key_goes_back(key: str, shape: str) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "j")
        assert current(app) == PID
        await press(pilot, key)
        assert the_list(app).shape is Shape[shape]
        assert current(app) == PID
        await press(pilot, "full_stop", "r")
        assert current(app) == PID
        await press(pilot, key)
        assert the_list(app).shape is Shape.FLAT
        assert current(app) == PID

    drive(app, script)


def test_groups_fold_and_the_cursor_goes_to_the_heading() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "u")
        assert current(app) == 5000
        await press(pilot, "left")
        assert current(app) == "app"
        await press(pilot, "h")
        assert the_list(app).row_count == 7
        assert "[+] app  3 processes" in shown(app)
        await press(pilot, "t")
        await press(pilot, "t", "end")
        assert current(app) == 6002
        await press(pilot, "u")
        assert current(app) == "app"
        done = fakes.snapshots
        await press(pilot, "R")
        await until(pilot, lambda: fakes.snapshots > done)
        assert current(app) == "app"
        await press(pilot, "l")
        assert the_list(app).row_count == 10
        await press(pilot, "enter")
        assert the_list(app).row_count == 7
        await press(pilot, "enter")
        assert the_list(app).row_count == 10
        assert isinstance(app.screen, ProcessesScreen)

    drive(app, script)


def test_a_folded_node_keeps_the_cursor_that_was_below_it() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "t", "home")
        assert current(app) == 1
        await press(pilot, "h")
        assert the_list(app).row_count == 1
        assert "[+] /sbin/init (+5)" in shown(app)
        await press(pilot, "right")
        assert the_list(app).row_count == 6
        await press(pilot, "end", "left", "left", "left", "left", "t")
        assert current(app) == 1
        await press(pilot, "end")
        assert current(app) == 6002
        await press(pilot, "t")
        assert current(app) == 1
        assert the_list(app).row_count == 1

    drive(app, script)


def test_columns_are_hidden_and_shown_again() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("o")
        assert isinstance(app.screen, ColumnsScreen)
        await press(pilot, "space")
        assert app.settings.columns == []  # the pid stays
        await press(pilot, "j", "down", "space")
        assert "user" not in app.settings.columns
        assert "swap" in app.settings.columns
        assert "[ ] USER" in shown(app)
        await pilot.press("escape")
        assert "USER" not in screen_lines(app)[2]
        await pilot.press("o")
        await press(pilot, "k", "up", *["j"] * 4, "space")
        await pilot.press("enter")
        assert app.settings.columns == []
        assert "USER" in screen_lines(app)[2]

    drive(app, script)


def test_a_click_hides_a_column_and_one_outside_closes() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("o")
        await pilot.click("#columns-lines", offset=(5, 2 + 9))
        assert "swap" not in app.settings.columns
        await pilot.click(offset=(1, 1))
        assert isinstance(app.screen, ProcessesScreen)
        assert "SWAP" not in screen_lines(app)[2]

    drive(app, script)


@pytest.mark.parametrize("key", ["escape", "enter", "o", "q"])
def test_keys_that_close_the_columns(key: str) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("o", key)
        assert isinstance(app.screen, ProcessesScreen)
        assert app.is_running

    drive(app, script)


def test_settings_that_mean_nothing_do_no_harm() -> None:
    app = make(sort="nonsense", columns=["nonsense", "1g"])

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert the_list(app).sort == "resident"
        assert screen_lines(app)[2].split() == ["PID", "COMMAND", "1G"]
        await press(pilot, "full_stop")
        assert app.settings.sort == "pid"
        await press(pilot, "comma")
        assert app.settings.sort == "1g"

    drive(app, script)


def test_the_filter_tells_what_is_wrong_and_filters_by_the_rest() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", *"cov<x")
        assert "cov needs a number" in screen_lines(app)[-2]
        assert the_list(app).row_count == 6
        await pilot.press("space", *"user:app", "space", *"res>0")
        assert the_list(app).row_count == 2
        assert "2 of 6 processes" in screen_lines(app)[1]
        app.screen.query_one(Input).value = "cov>=70"
        await pilot.pause()
        assert "needs" not in shown(app)
        assert the_list(app).row_count == 2
        await pilot.press("escape")
        assert the_list(app).row_count == 6

    drive(app, script)


def test_processes_appear_and_vanish_at_once() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        await press(pilot, "j")
        assert current(app) == PID
        fakes.glances[7000] = unreadable(7000, "brand new", pending=True, resident=2**50)
        fakes.events.tell(Event(What.FORK, 7000), Event(What.EXEC, 7000))
        await until(pilot, lambda: the_list(app).row_count == 7)
        assert "brand new" in screen_lines(app)[3]
        assert "?" not in screen_lines(app)[3]
        assert current(app) == PID
        fakes.events.tell(Event(What.EXIT, 5000), Event(What.EXIT, 7000))
        await until(pilot, lambda: the_list(app).row_count == 5)
        assert current(app) == PID
        assert "5 processes" in screen_lines(app)[1]
        fakes.events.tell(Event(What.EXIT, PID))
        await until(pilot, lambda: the_list(app).row_count == 4)
        assert current(app) == 880

    drive(app, script)


def test_lost_events_make_it_read_again() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        done = fakes.snapshots
        fakes.events.tell(Event(What.LOST, 0))
        await until(pilot, lambda: fakes.snapshots > done)

    drive(app, script)


def test_a_storm_of_births_leaves_the_keys_alone() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        for first in range(10_000, 20_000, 100):
            pids = range(first, first + 100)
            fakes.events.tell(
                *(Event(What.FORK, pid) for pid in pids), *(Event(What.EXIT, pid) for pid in pids)
            )
        fakes.glances[30_000] = process(30_000, "the last", pending=True)
        fakes.events.tell(Event(What.FORK, 30_000))
        await press(pilot, "j")
        assert current(app) == PID
        await until(pilot, lambda: the_list(app).row_count == 7)
        assert current(app) == PID

    drive(app, script)


def test_why_it_is_polled_can_be_seen() -> None:
    fakes = sample_fakes(events_error=EventsUnavailable("they take [b]CAP_NET_ADMIN"))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        assert "polled" in screen_lines(app)[1]
        tooltip = app.screen.query_one("#machine").tooltip
        assert str(tooltip) == "they take [b]CAP_NET_ADMIN"
        await pilot.resize_terminal(200, 60)
        await pilot.pause()
        assert "polled: they take [b]CAP_NET_ADMIN" in screen_lines(app)[1]

    drive(app, script)


def test_nobody_listens_once_the_app_has_ended() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        await pilot.press("q")

    drive(app, script)
    assert fakes.events.closed.wait(5)


def test_the_list_behind_another_screen_is_right_when_one_comes_back() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await listening(pilot, app)
        await press(pilot, "enter")
        await until(pilot, lambda: not isinstance(app.screen, ProcessesScreen))
        fakes.processes = tuple(p for p in fakes.processes if p.pid != 6001)
        fakes.events.tell(Event(What.EXIT, 6001))
        await pilot.press("escape")
        await until(pilot, lambda: the_list(app).row_count == 5)
        assert current(app) == 5000

    drive(app, script)
