from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from textual.binding import Binding
from textual.widgets import Input

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.command_palette import HpviewPalette
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.machine import MachineScreen
from hpview.ui.screens.nodes import NodesScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.screens.protocol import ProtocolScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.ui.screens.why import WhyScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.page_grid import PageGrid
from hpview.ui.widgets.process_list import ProcessList
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_list import VmaList
from tests import golden
from tests.fakes import PID, Fakes, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.on_slot import open_slot

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

NEVER = 1e6


def make(pid: int | None = PID, *, ascii: bool = False, fakes: Fakes | None = None) -> HpviewApp:
    return HpviewApp(
        (fakes or sample_fakes()).services(), pid, ascii=ascii, settings=Settings(refresh=NEVER)
    )


def steady(lines: list[str]) -> list[str]:
    """Lines without the time that reading took."""
    return [re.sub(r"[0-9.]+ ms( . bpf)", r"_ ms\1", line) for line in lines]


@pytest.mark.parametrize("screen", ["list", "process"])
def test_screens_look_as_they_did(screen: str) -> None:
    app = make(PID if screen == "process" else None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        if screen == "process":
            await press(pilot, *["right_square_bracket"] * 4)
        await rested(pilot, app)
        golden.check(f"{screen}-120x36", steady(screen_lines(app)))

    drive(app, script)


@pytest.mark.parametrize("screen", ["list", "process"])
def test_ascii_screens_hold_nothing_else(screen: str) -> None:
    app = make(PID if screen == "process" else None, ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        lines = steady(screen_lines(app))
        golden.check(f"{screen}-ascii", lines)
        assert all(line.isascii() for line in lines)
        await pilot.press("question_mark")
        await pilot.pause()
        assert all(line.isascii() for line in screen_lines(app))

    drive(app, script, (80, 24))


def test_every_screen_works_without_colour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    fakes = sample_fakes()
    app = make(None, fakes=fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert app.no_color
        for key in ("question_mark", "escape", "slash", "p", "escape", "s", "j", "enter"):
            await press(pilot, key)
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await rested(pilot, app)
        for key in (
            "tab",
            "j",
            "tab",
            "l",
            "minus",
            "W",
            "f",
            "escape",
            "a",
            "j",
            "escape",
            "question_mark",
            "escape",
        ):
            await press(pilot, key)
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(80, 24)
        fakes.scripts.clear()
        await press(pilot, "escape")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, FailureScreen))
        await pilot.pause()

    drive(app, script)


@pytest.mark.parametrize("theme", ["hpview-light", "textual-light", "ansi-dark"])
def test_other_themes_draw_the_same_words(theme: str) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        before = steady(screen_lines(app))
        app.theme = theme
        await pilot.pause()
        assert steady(screen_lines(app)) == before

    drive(app, script)


@pytest.mark.parametrize("pid", [None, PID], ids=["list", "process"])
def test_a_terminal_that_is_too_small_says_so(pid: int | None) -> None:
    app = make(pid)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        lines = screen_lines(app)
        assert [line.strip() for line in lines if line] == [
            "terminal too small:",
            "20x5, needs 60x15",
        ]
        await pilot.press("j", "question_mark", "escape")
        await pilot.resize_terminal(59, 40)
        await pilot.pause()
        assert "terminal too small: 59x40, needs 60x15" in "\n".join(screen_lines(app))
        await pilot.resize_terminal(60, 15)
        await pilot.pause()
        assert "too small" not in "\n".join(screen_lines(app))
        await pilot.press("j")
        assert app.focused is not None

    drive(app, script, (20, 5))


DOCUMENTED = [
    (ProcessesScreen, (ProcessesScreen, ProcessList, RowList, HpviewScreen)),
    (ProcessScreen, (ProcessScreen, MemoryMap, HpviewScreen)),
    (VmaList, (RowList,)),
    (ChangesScreen, (ChangesScreen, RowList, HpviewScreen)),
    (WhyScreen, (WhyScreen, RowList, HpviewScreen)),
    (MachineScreen, (MachineScreen, RowList, HpviewScreen)),
    (NodesScreen, (NodesScreen, RowList, HpviewScreen)),
    (SlotScreen, (SlotScreen, PageGrid, HpviewScreen)),
    (ProtocolScreen, (ProtocolScreen, RowList, HpviewScreen)),
]


_OPENED_BY: dict[type, str] = {
    ChangesScreen: "W",
    WhyScreen: "a",
    NodesScreen: "u",
    MachineScreen: "m",
    ProtocolScreen: "i",
}


def bindings_of(owner: type) -> list[Binding]:
    return [binding for binding in vars(owner)["BINDINGS"] if isinstance(binding, Binding)]


@pytest.mark.parametrize(("place", "owners"), DOCUMENTED, ids=lambda x: getattr(x, "__name__", ""))
def test_every_documented_key_does_what_it_says(
    place: type, owners: tuple[type, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key of each binding reaches the action that the help names."""
    app = make(None if place is ProcessesScreen else PID)
    called: list[str] = []
    wanted: list[tuple[str, str]] = []

    def record() -> None:
        for owner in (*owners, HpviewApp):
            for binding in bindings_of(owner):
                action = binding.action.removeprefix("app.").partition("(")[0]
                holder = HpviewApp if binding.action.startswith("app.") else owner

                async def note(_self: object, *_args: object, name: str = action) -> None:
                    called.append(name)

                monkeypatch.setattr(holder, f"action_{action}", note)
                wanted.extend((key, action) for key in binding.key.split(","))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        if place in _OPENED_BY:
            await press(pilot, _OPENED_BY[place])
        if place is SlotScreen:
            await open_slot(pilot, app)
        record()
        if place is VmaList:
            app.screen.query_one(VmaList).focus()
        await press(pilot, *(key for key, _ in wanted))
        # One with priority comes before the others.
        assert sorted(called) == sorted(action for _, action in wanted)

    drive(app, script)


def test_the_command_palette_opens_and_closes() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("ctrl+p", "k", "e", "y")
        await pilot.press("pagedown", "pageup")
        await pilot.press(*"nothing", "pagedown", "pageup")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await pilot.press("ctrl+p", *"nothing")
        await press(pilot, "enter", "enter", "enter")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HpviewPalette))

    drive(app, script)


def test_quitting_from_the_help_and_the_list() -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", "x", "escape")
        assert app.screen.query_one(Input).value == ""
        await pilot.press("question_mark", "q")

    drive(app, script)
    assert app.return_code == 0
