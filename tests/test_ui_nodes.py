"""The screen of a process's NUMA nodes."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hpview.errors import AccessDenied
from hpview.machine import Stopped
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.nodes import NodesScreen
from hpview.ui.screens.process import ProcessScreen
from tests import golden
from tests.fakes import PID, Fakes, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from hpview.host.nodes import ByNode
    from hpview.wire import Records

SIZES = [(80, 24), (120, 36), (200, 60)]


def make(fakes: Fakes, *, ascii: bool = False) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, ascii=ascii, settings=Settings(refresh=1e6))


async def opened(pilot: Pilot[None], app: HpviewApp) -> NodesScreen:
    await settled(pilot, app)
    await rested(pilot, app)
    await press(pilot, "u")
    await until(pilot, lambda: isinstance(app.screen, NodesScreen))
    await rested(pilot, app)
    await pilot.pause()
    assert isinstance(app.screen, NodesScreen)
    return app.screen


def test_huge_pages_are_asked_for_and_4k_pages_only_on_a_key() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert fakes.nodes_asked == [(PID, False)]
        assert "huge pages only: 4 asks for 4k pages too" in screen_lines(app)[0]
        assert "2 308 addresses asked for · 4.0 ms" in screen_lines(app)[1]
        await press(pilot, "4")
        await rested(pilot, app)
        assert fakes.nodes_asked[1:] == [(PID, True)]
        assert "huge and 4k pages" in screen_lines(app)[0]
        await press(pilot, "R")
        await rested(pilot, app)
        assert fakes.nodes_asked[2:] == [(PID, True)]
        await press(pilot, "4")
        await rested(pilot, app)
        assert fakes.nodes_asked[3:] == [(PID, False)]
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


def test_the_line_below_tells_of_the_node_under_the_cursor() -> None:
    app = make(sample_fakes())

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        await press(pilot, "j")
        lines = screen_lines(app)
        assert lines[-4] == " node 1  2M 1 610 612 736 B · 1G 0 B · 4k not asked for"
        assert "768 pages of 2 MB, 0 of 1 GB" in lines[-3]
        assert screen.copy_text().startswith("node 1: 2M 1 610 612 736 B")
        (item,) = screen.data()
        found = json.loads(b"".join(item.as_json()))
        assert (found["schema"], found["pid"]) == ("hpview.numa/1", PID)
        assert b"".join(item.as_csv()).splitlines()[0] == b"node,bytes_2m,bytes_1g,bytes_4k"

    drive(app, script)


def test_an_error_is_told_and_asking_again_mends_it() -> None:
    fakes = sample_fakes(nodes_error=AccessDenied(PID))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        assert screen.problem
        assert any(screen.problem in line for line in screen_lines(app))
        assert screen.data() == ()
        await press(pilot, "y")
        fakes.nodes_error = None
        await press(pilot, "R")
        await rested(pilot, app)
        await pilot.pause()
        assert any("node 0" in line for line in screen_lines(app))

    drive(app, script)


def test_leaving_gives_up_asking() -> None:
    begun, stopped = threading.Event(), threading.Event()

    def nodes(_pid: int, _runs: Records, _small: bool, stop: Callable[[], bool]) -> ByNode:
        begun.set()
        while not stop():
            stopped.wait(0.001)
        stopped.set()
        raise Stopped

    services = replace(sample_fakes().services(), nodes=nodes)
    app = HpviewApp(services, PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        await press(pilot, "u")
        await until(pilot, lambda: isinstance(app.screen, NodesScreen))
        await until(pilot, begun.is_set)
        assert any("asking" in line for line in screen_lines(app))
        await press(pilot, "escape")
        await until(pilot, stopped.is_set)

    drive(app, script)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "plain"])
def test_nodes_look_as_they_did(
    colour: bool, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = make(sample_fakes())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        name = f"machine/nodes-{size[0]}x{size[1]}-{'colour' if colour else 'plain'}"
        golden.check(name, golden.inked_lines(app))

    drive(app, script, size)


def test_in_ascii_nothing_else_is_drawn() -> None:
    app = make(sample_fakes(), ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert all(line.isascii() for line in screen_lines(app))

    drive(app, script, (80, 24))
