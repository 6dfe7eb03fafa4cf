"""Pictures, data and the clipboard, from every screen."""

from __future__ import annotations

import csv
import errno
import json
import os
import time
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from hpview.errors import NoSuchProcess
from hpview.export import files
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.pictures import png
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.save import SaveScreen
from tests.fakes import PID, drive, press, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from pathlib import Path

    from textual.notifications import SeverityLevel
    from textual.pilot import Pilot


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HpviewScreen, "now", lambda _self: time.gmtime(12345))
    notify = HpviewApp.notify
    NOTICES.clear()

    def noted(
        self: HpviewApp,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        NOTICES.append(message)
        notify(self, message, title=title, severity=severity, timeout=timeout, markup=markup)

    monkeypatch.setattr(HpviewApp, "notify", noted)


def make(pid: int | None = PID) -> HpviewApp:
    return HpviewApp(sample_fakes().services(), pid, settings=Settings(refresh=1e6))


NOTICES: list[str] = []


async def told(pilot: Pilot[None], words: str) -> None:
    """Wait for a notice: on the screen a long one is wrapped."""
    await until(pilot, lambda: any(words in notice for notice in NOTICES))
    NOTICES.clear()


def test_a_picture_is_saved_at_once_and_never_over_another(tmp_path: Path) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "s")
        saved = tmp_path / f"hpview-{PID}-032545.svg"
        await told(pilot, f"saved {saved}")
        first = saved.read_bytes()
        assert first.startswith(b"<svg")
        await press(pilot, "s")
        again = tmp_path / f"hpview-{PID}-032545-2.svg"
        await told(pilot, f"saved {again}")
        assert saved.read_bytes() == first

    drive(app, script, (200, 60))


def test_a_picture_that_cannot_be_saved_is_a_notice(tmp_path: Path) -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        tmp_path.rmdir()
        await press(pilot, "s")
        await told(pilot, "cannot write hpview-list-032545.svg: No such file or directory")

    drive(app, script, (200, 60))


@pytest.mark.parametrize(
    ("downs", "ending", "first"),
    [
        (0, "svg", b"<svg"),
        (1, "png", b"\x89PNG"),
        (2, "html", b"<!DOCTYPE"),
        (3, "txt", b" hpview"),
    ],
)
def test_save_as_writes_each_format(
    downs: int, ending: str, first: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpview.ui.pictures.formats.png", lambda _svg: b"\x89PNG")
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "S")
        assert isinstance(app.screen, SaveScreen)
        await press(pilot, *["down"] * downs)
        saved = tmp_path / f"hpview-{PID}-032545.{ending}"
        assert app.screen.query_one(Input).value == saved.name
        await press(pilot, "enter")
        await told(pilot, f"saved {saved}")
        data = saved.read_bytes()
        assert data.startswith(first)
        assert b"Save this screen" not in data

    drive(app, script, (200, 60))


def test_the_name_can_be_edited_and_escape_saves_nothing(tmp_path: Path) -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "S")
        app.screen.query_one(Input).value = "mine.svg"
        await press(pilot, "up")
        assert app.screen.query_one(Input).value == "mine.txt"
        await press(pilot, "down", "down", "down")
        assert app.screen.query_one(Input).value == "mine.html"
        await press(pilot, "escape")
        assert os.listdir(tmp_path) == []
        await press(pilot, "S")
        app.screen.query_one(Input).value = "~/none/of/this.svg"
        await press(pilot, "down")
        assert app.screen.query_one(Input).value == "~/none/of/this.png"
        await press(pilot, "up", "enter")
        await told(pilot, "cannot write ~/none/of/this.svg: No such file or directory")
        await press(pilot, "S")
        app.screen.query_one(Input).value = ""
        await press(pilot, "enter")
        await told(pilot, "it has no name")

    drive(app, script, (200, 60))


def test_a_click_chooses_and_one_outside_cancels() -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "S")
        await pilot.click("#save-choices", offset=(4, 4))
        assert app.screen.query_one(Input).value.endswith(".html")
        await pilot.click("#save-choices", offset=(4, 0))
        assert app.screen.query_one(Input).value.endswith(".html")
        await pilot.click(offset=(0, 0))
        assert not isinstance(app.screen, SaveScreen)

    drive(app, script)


def test_png_without_a_converter_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "CONVERTERS", {})
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "S", "down", "enter")
        await told(pilot, "install librsvg2-bin")
        assert os.listdir(tmp_path) == []

    drive(app, script, (200, 60))


def test_the_list_is_exported_as_it_is_shown_or_whole(tmp_path: Path) -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "e", "enter")
        await told(pilot, "saved")
        found = json.loads((tmp_path / "hpview-list-032545.json").read_text())
        assert found["schema"] == "hpview.ps/1"
        assert [p["pid"] for p in found["processes"]][:2] == [5000, PID]
        assert len(found["processes"]) == 6
        await pilot.press("slash", *"evil", "enter")
        await press(pilot, "e", "down", "enter")
        await until(pilot, (tmp_path / "hpview-list-032545.csv").exists)
        await told(pilot, ".csv")
        with open(tmp_path / "hpview-list-032545.csv", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["pid"], row["resident"], row["complete"]) == ("6001", "8192", "true")
        assert row["cmdline"] == r"evil \x1b[31m[bold]red[/bold]\x0anext \xff"
        await press(pilot, "e", "up", "enter")
        await until(pilot, (tmp_path / "hpview-list-032545-2.csv").exists)
        await told(pilot, "-2.csv")
        assert len((tmp_path / "hpview-list-032545-2.csv").read_text().splitlines()) == 7

    drive(app, script, (200, 60))


def test_a_process_is_exported_as_it_is_known(tmp_path: Path) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "e", "enter")
        await told(pilot, "saved")
        found = json.loads((tmp_path / f"hpview-{PID}-032545.json").read_text())
        assert (found["schema"], found["pid"]) == ("hpview.scan/1", PID)
        assert len(found["vmas"]) == found["totals"]["vmas"] == 11
        await press(pilot, "e", "down", "enter")
        await told(pilot, ".csv")
        with open(tmp_path / f"hpview-{PID}-032545.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["start"] for row in rows] == [vma["start"] for vma in found["vmas"]]
        assert rows[7]["name"] == r"/srv/[bold]lib\x1b[31m\012x.so"
        assert rows[9]["remarks"] == "not walked"

    drive(app, script, (200, 60))


def test_there_is_nothing_to_export_before_anything_was_read() -> None:
    fakes = sample_fakes()
    for _ in range(1_000_000):
        if not fakes.gate.acquire(blocking=False):
            break
    app = HpviewApp(fakes.services(), PID)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await press(pilot, "e")
        await told(pilot, "nothing to export yet")
        await press(pilot, "y")
        await told(pilot, "nothing to copy here")

    drive(app, script)


def test_what_is_under_the_cursor_is_copied() -> None:
    app = make(None)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "y")
        assert app.clipboard == "5000"
        await told(pilot, "copied 5000")
        await press(pilot, "j", "enter")
        await until(pilot, lambda: "complete" in "".join(screen_lines(app)))
        await press(pilot, "right_square_bracket", "y")
        assert app.clipboard == "0x560c84a00000"
        await press(pilot, "tab")
        await press(pilot, "y")
        assert app.clipboard == "0x560c84b10000"

    drive(app, script)


def test_a_failure_can_be_copied_but_has_no_data() -> None:
    app = HpviewApp(sample_fakes(scripts=[[NoSuchProcess(PID)]]).services(), PID)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert isinstance(app.screen, FailureScreen)
        await press(pilot, "e", "y")
        assert isinstance(app.screen, FailureScreen)
        assert app.clipboard == f"no process {PID}"
        assert "export" not in screen_lines(app)[-1]

    drive(app, script)


def full(_data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    def pieces() -> object:
        yield b"half"
        full(b"")

    with pytest.raises(files.NotWritten, match="cannot write x: No space left on device"):
        files.write_new("x", pieces())  # type: ignore[arg-type]
    with pytest.raises(files.NotWritten, match="it is a folder"):
        files.write_new(str(tmp_path), [])
    with pytest.raises(files.NotWritten, match="null"):
        files.write_new("a\0b", [])
    assert os.listdir(tmp_path) == []


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.svg").symlink_to("elsewhere")
    assert files.free_name("x.svg") == "x-2.svg"
    assert files.write_new("x.svg", [b"1"]) == tmp_path / "x-2.svg"
    assert sorted(os.listdir(tmp_path)) == ["x-2.svg", "x.svg"]


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("key", ["S", "e"])
def test_the_dialogue_fits_the_smallest_terminal(key: str, ascii: bool) -> None:
    app = HpviewApp(sample_fakes().services(), PID, ascii=ascii)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, key)
        lines = screen_lines(app)
        assert not ascii or all(line.isascii() for line in lines)
        assert any("Enter save" in line for line in lines)
        assert any(f"hpview-{PID}-032545" in line for line in lines)

    drive(app, script, (60, 15))


def test_a_second_enter_or_escape_answers_nothing_more(tmp_path: Path) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        for keys in (("enter", "enter"), ("escape", "escape"), ("enter", "escape")):
            await pilot.press("S")
            await until(pilot, lambda: isinstance(app.screen, SaveScreen))
            asked = app.screen
            assert isinstance(asked, SaveScreen)
            for key in keys:
                (asked.action_save if key == "enter" else asked.action_cancel)()
            await until(pilot, lambda: not isinstance(app.screen, SaveScreen))
        assert app.is_running

    drive(app, script)
