"""What the user chooses in the app is kept, and what was kept is used."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from hpview.commands import screens as commands
from hpview.errors import HpviewError
from hpview.settings import Settings
from hpview.settings.reading import load
from hpview.ui import app as app_
from hpview.ui.app import HpviewApp
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.preferences import PreferencesScreen
from tests.fakes import drive, press, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot


def test_a_setting_is_changed_at_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_, "_KEEP_EVERY", 0.01)
    kept: list[Settings] = []
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), settings=Settings(refresh=7.0), keep=kept.append)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.action_settings()
        await pilot.pause()
        lines = "\n".join(screen_lines(app))
        assert "< hpview-dark >" in lines
        assert "< 7 s >" in lines
        await press(pilot, "right")
        assert app.theme == app.settings.theme != "hpview-dark"
        await press(pilot, "left", "down", "right", "down", "left", "left", "left", "left")
        assert app.theme == app.settings.theme == "hpview-dark"
        assert (app.settings.refresh, app.settings.watch) == (10.0, 0.5)
        await until(pilot, lambda: bool(kept) and kept[-1] == app.settings)
        assert kept[-1] is not app.settings
        await press(pilot, "up", *["left"] * 9)
        assert app.settings.refresh == 0.5
        await press(pilot, "escape")
        assert not isinstance(app.screen, PreferencesScreen)

    drive(app, script)


def test_the_list_is_read_as_often_as_chosen() -> None:
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), settings=Settings(refresh=1000.0))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.settings.refresh = 0.02
        app.post_message(HpviewScreen.SettingsChanged())
        seen = fakes.snapshots
        await until(pilot, lambda: fakes.snapshots > seen + 2)

    drive(app, script)


def test_what_cannot_be_kept_is_one_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_, "_KEEP_EVERY", 0.01)
    told = threading.Event()

    def fail(_settings: Settings) -> None:
        told.set()
        raise HpviewError("settings not saved: no room")

    app = HpviewApp(sample_fakes().services(), keep=fail)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        app.theme = "hpview-light"
        await until(pilot, told.is_set)
        await until(pilot, lambda: "settings not saved: no room" in "".join(screen_lines(app)))

    drive(app, script)


def test_a_theme_that_is_not_there_is_a_notice_and_the_default() -> None:
    app = HpviewApp(sample_fakes().services(), settings=Settings(theme="gone [b]\x1b"))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert app.theme == "hpview-dark"
        await until(pilot, lambda: r"no theme gone [b]\x1b" in "".join(screen_lines(app)))
        assert app.settings.theme == "gone [b]\x1b"

    drive(app, script)


def test_the_keeper_saves_once_and_gives_up_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "hpview" / "config.toml"
    settings = load(path).settings
    keep = commands._keeper(load(path))
    keep(settings)
    assert not path.exists()
    settings.columns.append("pid")
    keep(settings)
    assert load(path).settings == settings
    before = path.stat().st_ino
    keep(settings)
    assert path.stat().st_ino == before
    path.write_text("broken [")
    settings.theme = "a"
    with pytest.raises(HpviewError, match="left as it is"):
        keep(settings)
    keep(settings)
    assert path.read_text() == "broken ["
