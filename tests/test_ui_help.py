"""Keys, help and palette tell the same, on every screen there is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from hpview.errors import NoSuchProcess
from hpview.settings import Settings
from hpview.ui import commands, screens
from hpview.ui.app import HpviewApp
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.help import HelpScreen
from hpview.ui.screens.machine import MachineScreen
from hpview.ui.screens.nodes import NodesScreen
from hpview.ui.screens.opening import OpeningScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.screens.protocol import ProtocolScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.ui.screens.why import WhyScreen
from hpview.ui.widgets.key_line import key_names
from tests.fakes import PID, drive, press, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.on_slot import open_slot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from hpview.services import Services

INHERITED = {"ctrl+q", "ctrl+c", "super+c", "shift+tab", "tab"}
"""Of Textual: quit and copy in the ways of every app, and the focus."""

SCROLLING = {"ctrl+pageup", "ctrl+pagedown", "left", "right"}
"""Of its scrolling widgets: no list of hpview's is wider than the screen."""


async def _there(_pilot: Pilot[None], _app: HpviewApp) -> None:
    """The first screen is the one that is wanted."""


def _by(key: str) -> Callable[[Pilot[None], HpviewApp], Awaitable[None]]:
    async def go(pilot: Pilot[None], app: HpviewApp) -> None:
        await press(pilot, key)
        await until(pilot, lambda: len(app.screen_stack) > 2)

    return go


async def _to_slot(pilot: Pilot[None], app: HpviewApp) -> None:
    await open_slot(pilot, app)


WAYS: dict[type[HpviewScreen], Callable[[Pilot[None], HpviewApp], Awaitable[None]]] = {
    ProcessesScreen: _there,
    ProcessScreen: _there,
    FailureScreen: _there,
    OpeningScreen: _there,
    ChangesScreen: _by("W"),
    WhyScreen: _by("a"),
    NodesScreen: _by("u"),
    MachineScreen: _by("m"),
    ProtocolScreen: _by("i"),
    SlotScreen: _to_slot,
}
"""How each screen is reached from the first one."""

everywhere = pytest.mark.parametrize("place", WAYS, ids=lambda place: place.__name__)


def visit(
    place: type[HpviewScreen],
    script: Callable[[Pilot[None], HpviewApp], Awaitable[None]],
    size: tuple[int, int] = (120, 36),
) -> None:
    """Run a script on a screen."""
    fakes = sample_fakes()
    if place is FailureScreen:
        fakes.scripts = [[NoSuchProcess(PID)]]
    go_on = threading.Event()

    def later() -> Services:
        go_on.wait(10)
        return fakes.services()

    app = HpviewApp(
        later if place is OpeningScreen else fakes.services(),
        None if place is ProcessesScreen else PID,
        settings=Settings(refresh=1e6),
    )

    async def main(pilot: Pilot[None]) -> None:
        if place is OpeningScreen:
            await pilot.pause()
        else:
            await settled(pilot, app)
        await WAYS[place](pilot, app)
        assert type(app.screen) is place
        try:
            await script(pilot, app)
        finally:
            go_on.set()

    drive(app, main, size)


def family(parent: type[HpviewScreen]) -> set[type[HpviewScreen]]:
    found = {child for child in parent.__subclasses__() if child.__module__.startswith("hpview.")}
    return found | {below for child in found for below in family(child)}


def test_no_screen_is_left_out_here() -> None:
    screens.load()
    parents = {ancestor for screen in WAYS for ancestor in screen.__mro__[1:]}
    assert family(HpviewScreen) - parents == set(WAYS)


def documented(screen: HpviewScreen) -> dict[str, str]:
    """Keys and headings."""
    return {
        key: title
        for title, found in commands.sections(screen)
        for binding in found
        for key in binding.key.split(",")
    }


@everywhere
def test_the_help_has_every_key_that_works_and_each_of_its_keys_works(
    place: type[HpviewScreen],
) -> None:
    async def script(pilot: Pilot[None], app: HpviewApp) -> None:
        screen = app.screen
        assert isinstance(screen, HpviewScreen)
        known = documented(screen)
        working: set[str] = set()
        parts = [w for w in screen.query("*") if w.focusable and not isinstance(w, Input)]
        for part in parts or (None,):
            screen.set_focus(part)
            await pilot.pause()
            active = set(screen.active_bindings)
            assert active <= set(known) | INHERITED | SCROLLING
            working |= active
        assert set(known) <= working

    visit(place, script)


@everywhere
def test_the_help_shows_every_key_and_what_it_does(place: type[HpviewScreen]) -> None:
    async def script(pilot: Pilot[None], app: HpviewApp) -> None:
        assert isinstance(app.screen, HpviewScreen)
        sections = commands.sections(app.screen)
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        for size in ((160, 70), (90, 110)):
            await pilot.resize_terminal(*size)
            lines = screen_lines(app)
            for title, found in sections:
                assert any(title in line for line in lines)
                for binding in found:
                    words = binding.tooltip or binding.description
                    assert words
                    row = f"  {'  '.join(key_names(binding)):<11} {words}"
                    assert any(row in line for line in lines), row
        await press(pilot, "question_mark")
        assert type(app.screen) is place

    visit(place, script)


@everywhere
def test_the_help_can_be_read_to_its_end_on_a_small_terminal(place: type[HpviewScreen]) -> None:
    async def script(pilot: Pilot[None], app: HpviewApp) -> None:
        await press(pilot, "question_mark")
        first = screen_lines(app)
        assert any("This screen" in line or "Everywhere" in line for line in first)
        await press(pilot, "end")
        await pilot.wait_for_scheduled_animations()
        assert any("Leave hpview" in line for line in screen_lines(app))

    visit(place, script, (80, 24))


@everywhere
def test_the_palette_offers_what_may_be_done(
    place: type[HpviewScreen], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(pilot: Pilot[None], app: HpviewApp) -> None:
        screen = app.screen
        assert isinstance(screen, HpviewScreen)
        offered = list(app.get_system_commands(screen))
        titles = [command.title for command in offered]
        assert len(set(titles)) == len(titles)
        assert {"Theme", "Settings", "Show all keys", "Leave hpview"} <= set(titles)
        assert ("Save the data behind it as JSON or CSV" in titles) is screen.offers("export")
        show_help = next(command for command in offered if command.title == "Show all keys")
        assert show_help.help == "Key ?"
        result = show_help.callback()
        assert result is not None
        await result
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)

    visit(place, script)


def test_the_palette_does_what_it_says() -> None:
    async def script(pilot: Pilot[None], app: HpviewApp) -> None:
        offered = {command.title: command for command in app.get_system_commands(app.screen)}
        assert offered["Reverse the order"].help == "Key r"
        result = offered["Reverse the order"].callback()
        assert result is not None
        await result
        await until(pilot, lambda: "▲" in "\n".join(screen_lines(app)))

    visit(ProcessesScreen, script)


def test_what_may_not_be_done_now_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(_pilot: Pilot[None], app: HpviewApp) -> None:
        assert isinstance(app.screen, ProcessesScreen)
        before = [command.title for command in app.get_system_commands(app.screen)]
        monkeypatch.setattr(
            ProcessesScreen, "check_action", lambda _self, action, _parameters: action != "reverse"
        )
        after = [command.title for command in app.get_system_commands(app.screen)]
        assert set(before) - set(after) == {"Reverse the order"}

    visit(ProcessesScreen, script)
