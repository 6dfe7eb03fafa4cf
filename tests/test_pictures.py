"""One picture of the screen, and what is written of it."""

from __future__ import annotations

import struct
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.content import Content
from textual.widgets import Static

from hpview.errors import HpviewError
from hpview.ui.app import HpviewApp
from hpview.ui.pictures import png
from hpview.ui.pictures.formats import FORMATS, of_name
from hpview.ui.pictures.html import html
from hpview.ui.pictures.screen import Look, Picture, Run, taken
from hpview.ui.pictures.svg import svg
from tests.fakes import drive, sample_fakes, settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.pilot import Pilot

_SVG = "{http://www.w3.org/2000/svg}"


class Words(App[None]):
    """A few words in known colours."""

    CSS = """
    Screen { background: #102030; color: #d0e0f0; }
    .loud { background: #400000; color: #ffee00; text-style: bold underline; }
    """

    def compose(self) -> ComposeResult:
        yield Static(Content("plain  <&> words"))
        yield Static(Content("loud \u65e5\u672c x"), classes="loud")


def words() -> Picture:
    app = Words()
    found: list[Picture] = []

    async def main(pilot: Pilot[None]) -> None:
        await pilot.pause()
        found.append(taken(app, 'a <b> "title"'))

    drive(app, main, (20, 4))
    return found[0]


def sample(size: tuple[int, int] = (120, 36)) -> Picture:
    app = HpviewApp(sample_fakes().services(), 4127)
    found: list[Picture] = []

    async def main(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        found.append(taken(app))

    drive(app, main, size)
    return found[0]


def test_the_picture_has_every_character_and_colour() -> None:
    picture = words()
    assert picture.lines() == ["plain  <&> words", "loud \u65e5\u672c x", "", ""]
    assert (picture.columns, picture.ground) == (20, "#102030")
    plain, *_ = picture.rows[0]
    assert (plain.x, plain.text.rstrip()) == (0, "plain  <&> words")
    assert plain.look == Look("#d0e0f0", "#102030")
    loud = picture.rows[1][0]
    assert loud.look == Look("#ffee00", "#400000", bold=True, underline=True)
    assert picture.rows[1][-1].look.bg == "#400000"


@pytest.mark.parametrize("made", [words, sample])
def test_runs_fill_each_row(made: Callable[[], Picture]) -> None:
    picture = made()
    for row in picture.rows:
        at = 0
        for run in row:
            assert (run.x, run.width) == (at, cell_len(run.text))
            at += run.width
        assert at == picture.columns


def placed(root: ElementTree.Element, columns: int, lines: int) -> list[str]:
    """The words of an SVG where they stand."""
    grid = [[" "] * columns for _ in range(lines)]
    for text in root.iter(f"{_SVG}text"):
        at = round(float(text.attrib["x"]) / 12.2)
        words = text.text or ""
        assert float(text.attrib["textLength"]) == pytest.approx(cell_len(words) * 12.2, rel=1e-4)
        for char in words:
            grid[int(float(text.attrib["y"]) / 24.4)][at] = char
            if cell_len(char) == 2:
                grid[int(float(text.attrib["y"]) / 24.4)][at + 1] = ""
            at += cell_len(char)
    return ["".join(line).rstrip() for line in grid]


@pytest.mark.parametrize("made", [words, sample])
def test_the_svg_shows_the_same_and_needs_nothing_else(made: Callable[[], Picture]) -> None:
    picture = made()
    drawn = svg(picture)
    root = ElementTree.fromstring(drawn)
    assert placed(root, picture.columns, len(picture.rows)) == picture.lines()
    assert root.findtext(f"{_SVG}title") == picture.title
    outside = drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not any(word in outside for word in ("http", "url(", "@font-face", "<script"))


def test_the_svg_has_runs_rather_than_cells() -> None:
    picture = sample((200, 60))
    assert len(svg(picture)) < 25_000


class Page(HTMLParser):
    """The text of the preformatted part of a page, and its title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.pre = self.title = ""
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pre += data if "pre" in self._inside else ""
        self.title += data if "title" in self._inside else ""


@pytest.mark.parametrize("made", [words, sample])
def test_the_page_shows_the_same_and_needs_nothing_else(made: Callable[[], Picture]) -> None:
    picture = made()
    drawn = html(picture)
    page = Page(drawn)
    assert [line.rstrip() for line in page.pre.split("\n")] == picture.lines()
    assert page.title == picture.title
    assert not any(word in drawn for word in ("http", "url(", "src=", "<script", "<link"))
    for row in picture.rows:
        for run in row:
            if run.text.strip():
                assert f"color:{run.look.fg};background:{run.look.bg}" in drawn


def test_characters_that_xml_cannot_hold_do_not_break_it() -> None:
    look = Look("#ffffff", "#000000")
    picture = Picture("t", 3, ((Run(0, 3, "a\ufffdb", look),),))
    assert ElementTree.fromstring(svg(picture)) is not None


def test_formats_are_told_by_the_ending() -> None:
    assert [found and found.name for found in map(of_name, ("a.svg", "B.PNG", "c.html", "d.txt"))]
    assert of_name("d.txt") is FORMATS[-1]
    assert of_name("x.pdf") is None
    assert FORMATS[-1].made(words()) == "plain  <&> words\nloud \u65e5\u672c x\n\n\n".encode()


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)


@pytest.mark.parametrize("name", png.CONVERTERS)
def test_each_converter_is_given_the_picture(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(
        tmp_path,
        name,
        "import sys, pathlib\n"
        "words = [word.split('=')[-1] for word in sys.argv[1:]]\n"
        "source = next(word for word in words if word.endswith('.svg'))\n"
        "target = next(word for word in words if word.endswith('.png'))\n"
        "pathlib.Path(target).write_text('pixels of ' + pathlib.Path(source).read_text())\n",
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    assert png.png("<svg/>") == b"pixels of <svg/>"


def test_a_converter_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "resvg", "import sys\nsys.exit('no \\x1b[31mfonts')")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HpviewError, match=r"^resvg failed: no \\x1b\[31mfonts$"):
        png.png("<svg/>")


def test_a_converter_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "magick", "import time\ntime.sleep(600)")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(png, "_PATIENCE", 0.01)
    with pytest.raises(HpviewError, match="magick took longer than"):
        png.png("<svg/>")


def test_without_a_converter_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(png.NoConverter, match="install librsvg2-bin"):
        png.png("<svg/>")


@pytest.mark.skipif(png.converter() is None, reason="no program that turns SVG into PNG")
def test_pixels_in_the_proportions_of_the_screen() -> None:
    data = png.png(svg(words()))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width / height == pytest.approx((20 * 12.2 + 28) / (4 * 24.4 + 28), rel=0.02)
