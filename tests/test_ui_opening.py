from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hpview.errors import BackendUnavailable
from hpview.ui import screens
from hpview.ui.app import HpviewApp
from hpview.ui.screens.help import HelpScreen
from hpview.ui.screens.opening import OpeningScreen
from tests.fakes import PATIENCE, PID, drive, press, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.services import Services


class Opener:
    """Opens the fake services once the test lets it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()
        self.fakes = sample_fakes()

    def __call__(self) -> Services:
        self.asked.set()
        assert self.let.wait(PATIENCE)
        return self.fakes.services()


@pytest.mark.parametrize(
    ("pid", "words", "then"),
    [
        (None, "reading the processes…", screens.ProcessesScreen),
        (PID, f"reading process {PID}…", screens.ProcessScreen),
    ],
)
def test_there_is_a_frame_before_there_are_services(
    pid: int | None, words: str, then: type
) -> None:
    opener = Opener()
    app = HpviewApp(opener, pid)

    async def script(pilot: Pilot[None]) -> None:
        assert isinstance(app.screen, OpeningScreen)
        lines = screen_lines(app)
        assert lines[0].split() == ["hpview"]
        assert any(words in line for line in lines)
        assert "q quit" in lines[-1]
        opener.let.set()
        await settled(pilot, app)
        assert isinstance(app.screen, then)
        assert app.return_code is None

    drive(app, script)


def test_the_help_does_not_stay_in_the_way() -> None:
    opener = Opener()
    app = HpviewApp(opener)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, opener.asked.is_set)
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        opener.let.set()
        await settled(pilot, app)
        assert isinstance(app.screen, screens.ProcessesScreen)
        assert not any(isinstance(screen, OpeningScreen) for screen in app.screen_stack)

    drive(app, script)


def test_services_that_cannot_be_opened_end_the_app() -> None:
    def opener() -> Services:
        raise BackendUnavailable("bpf", "not permitted")

    app = HpviewApp(opener)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.unopened is not None)

    drive(app, script)
    assert str(app.unopened) == "bpf is not available: not permitted"
    assert app.return_code == 1


def test_one_can_leave_before_they_are_open() -> None:
    opener = Opener()
    app = HpviewApp(opener)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, opener.asked.is_set)
        await press(pilot, "q")
        opener.let.set()

    drive(app, script)
    assert app.return_code == 0


def test_an_unknown_screen_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="Nowhere"):
        screens.__getattr__("Nowhere")
