from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.ui import asking
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.shot import Wish, shot
from tests import golden
from tests.fakes import PID, drive, press, sample, sample_fakes, until
from tests.golden import screen_lines
from tests.stepping import closed_gate, half_way, make, steady, text

if TYPE_CHECKING:
    import pytest
    from textual.pilot import Pilot


def test_it_looks_as_it_did() -> None:
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await half_way(pilot, app, fakes)
        golden.check("protocol-120x36", steady(app))

    drive(app, script)


def test_in_ascii_it_holds_nothing_else() -> None:
    fakes = closed_gate()
    app = make(fakes, ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await half_way(pilot, app, fakes)
        lines = steady(app)
        golden.check("protocol-ascii", lines)
        assert all(line.isascii() for line in lines)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await press(pilot, "end")
        assert "~ not read yet ~" in text(app)
        assert all(line.isascii() for line in screen_lines(app))

    drive(app, script, (80, 24))


def test_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    fakes = closed_gate()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await half_way(pilot, app, fakes)
        assert app.no_color
        for key in ("k", "home", "question_mark", "escape"):
            await press(pilot, key)
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "not read yet" in text(app)

    drive(app, script)


def test_a_picture_is_taken_between_two_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused reading is at rest: a shot waits neither for its end nor between two askings."""
    monkeypatch.setattr(asking, "_LEAST_REST", 1e6)
    fakes = sample_fakes(scripts=[[*sample().end().chunks(3)]])
    keys = ("full_stop", "full_stop", "full_stop", "k")
    wish = Wish(screen="protocol", pid=PID, size=(120, 36), keys=keys)
    picture = shot(fakes.services(), wish)
    drawn = "\n".join("".join(run.text for run in row) for row in picture.rows)
    assert "paused at " in drawn
    assert "3 reads" in drawn
