"""Every theme: legible, and 2 MB never to be taken for 4 kB."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from textual.theme import BUILTIN_THEMES, Theme

from hpview.settings import Settings
from hpview.space.cell_class import CellClass
from hpview.ui import palette, themes
from hpview.ui.app import HpviewApp
from hpview.ui.pictures import taken
from hpview.ui.screens.process import ProcessScreen
from tests import colours
from tests.fakes import PID, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

TCSS = Path(themes.__file__).parent / "hpview.tcss"
COLOURED = [theme for theme in themes.THEMES if not theme.ansi]
SAFE = [theme for theme in COLOURED if "safe" in theme.name]
INKED = {"2m": 1.0, "1g": 0.75, "4k-full": 0.75, "4k-part": 0.5, "4k-sparse": 0.25, "swap": 0.5}
"""How much of a cell its glyph covers."""
SMALL = ("4k-full", "4k-part", "4k-sparse")

by_name = pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)


def cell(theme: Theme, kind: str) -> colours.Colour:
    """The mean colour of a cell."""
    glyph = colours.linear(theme.variables[f"hp-{kind}"])
    ground = colours.linear(theme.variables[f"hp-{kind}-ground"])
    return INKED[kind] * glyph + (1 - INKED[kind]) * ground


def apart(theme: Theme, one: str, other: str, eye: str) -> tuple[float, float]:
    """How far the lightness, and how far lightness and hue, of two backings are apart."""
    seen = colours.VISION[eye]
    far = colours.lab(seen @ cell(theme, one)) - colours.lab(seen @ cell(theme, other))
    return abs(float(far[0])), float(np.linalg.norm(far))


def test_all_themes_have_the_same_variables() -> None:
    keys = [{key for key in theme.variables if key.startswith("hp-")} for theme in themes.THEMES]
    assert all(found == keys[0] for found in keys)
    used = set(re.findall(r"\$(hp-[a-z0-9-]+)", TCSS.read_text("utf-8")))
    assert used == keys[0]


@pytest.mark.parametrize("eye", colours.VISION)
@by_name
def test_2m_differs_from_4k_in_lightness_and_hue_for_every_eye(theme: Theme, eye: str) -> None:
    lighter, farther = (20, 60) if theme in SAFE else (10, 30)
    for kind in SMALL:
        light, far = apart(theme, "2m", kind, eye)
        assert light > lighter, kind
        assert far > farther, kind


@pytest.mark.parametrize("eye", colours.VISION)
@pytest.mark.parametrize("theme", SAFE, ids=lambda theme: theme.name)
def test_in_the_safe_pair_no_two_backings_look_alike(theme: Theme, eye: str) -> None:
    for one, other in combinations(INKED, 2):
        if {one, other} <= set(SMALL):
            continue
        assert apart(theme, one, other, eye)[1] > 14, (one, other)


@pytest.mark.parametrize("glyphs", [palette.UNICODE, palette.ASCII], ids=["unicode", "ascii"])
def test_every_backing_has_a_glyph_of_its_own(glyphs: palette.Glyphs) -> None:
    assert len(set(glyphs.cells)) == len(CellClass)


@by_name
def test_words_are_legible_on_every_ground(theme: Theme) -> None:
    own = theme.variables
    for ground in (theme.background, theme.surface, theme.panel, own["hp-cursor"]):
        assert ground
        assert colours.contrast(theme.foreground or "", ground) > 7
        assert colours.contrast(own["hp-strong"], ground) > 7
        for ink in (own["hp-dim"], theme.accent, theme.warning):
            assert colours.contrast(ink or "", ground) > 4
    for ink in (own["hp-dim"], own["hp-zero"], own["hp-unknown"], theme.accent, theme.warning):
        assert colours.contrast(ink or "", theme.background or "") > 4.5
    assert colours.contrast(own["hp-cell-cursor"], own["hp-cell-cursor-ground"]) > 7


def looks(app: HpviewApp) -> dict[str, str]:
    """The colours, glyph and ground, in which each backing stands in the legend."""
    (legend,) = (row for row in taken(app).rows if any(run.text == " swap" for run in row))
    return {
        glyph: f"{run.look.fg}{run.look.bg}"
        for run in reversed(legend)
        for glyph in set(run.text) & set(palette.UNICODE.cells[2:])
    }


def lightness(glyph: str, look: str) -> float:
    inked = {"█": 1.0, "▆": 0.75, "▓": 0.75, "▒": 0.5, "░": 0.25, "▚": 0.5}[glyph]
    front, ground = colours.linear(look[:7]), colours.linear(look[7:])
    return float(colours.lab(inked * front + (1 - inked) * ground)[0])


@pytest.mark.parametrize("name", ["hpview-16", "ansi-dark", "ansi-light"])
def test_without_colour_words_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = HpviewApp(sample_fakes().services(), PID, settings=Settings(theme=name))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        for row in taken(app).rows:
            for run in row:
                if run.text.strip().isalnum():
                    assert colours.contrast(run.look.fg, run.look.bg) > 2.5, run

    drive(app, script)


@pytest.mark.parametrize("name", [theme.name for theme in COLOURED])
def test_without_colour_lightness_still_tells(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = HpviewApp(sample_fakes().services(), PID, settings=Settings(theme=name))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        found = looks(app)
        assert set("█▆▓▒░▚z?") <= set(found)
        for look in found.values():
            for colour in (look[:7], look[7:]):
                assert colour[1:3] == colour[3:5] == colour[5:7], "not grey"
        huge = lightness("█", found["█"])
        for glyph in "▓▒░▚▆":
            assert abs(lightness(glyph, found[glyph]) - huge) > 4, glyph

    drive(app, script)


@pytest.mark.parametrize(
    ("term", "colorterm", "expected"),
    [
        ("xterm-256color", "", "hpview-dark"),
        ("tmux-256color", "truecolor", "hpview-dark"),
        ("xterm", "truecolor", "hpview-dark"),
        ("xterm", "", "hpview-16"),
        ("linux", "", "hpview-16"),
        ("dumb", "", "hpview-16"),
    ],
)
def test_few_colours_choose_the_terminals_own(
    term: str, colorterm: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    assert HpviewApp(sample_fakes().services()).theme == expected
    chosen = HpviewApp(sample_fakes().services(), settings=Settings(theme="hpview-light"))
    assert chosen.theme == "hpview-light"


KEYS = ("S", "escape", "e", "escape", "question_mark", "escape")


@pytest.mark.parametrize(
    "name", [*(theme.name for theme in themes.THEMES), "nord", "textual-light", "ansi-light"]
)
def test_every_screen_draws_under_every_theme(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = HpviewApp(sample_fakes().services(), settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await rested(pilot, app)
        before = screen_lines(app)
        app.theme = name
        await pilot.pause()
        assert screen_lines(app) == before
        for key in (*KEYS, "slash", "escape"):
            await press(pilot, key)
        app.action_settings()
        await pilot.pause()
        assert f"< {name} >" in "\n".join(screen_lines(app))
        await press(pilot, "escape")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await rested(pilot, app)
        for key in KEYS:
            await press(pilot, key)

    drive(app, script)


@pytest.mark.parametrize("key", ["S", "question_mark"])
def test_the_terminals_own_colours_do_in_ascii_too(key: str) -> None:
    given = Settings(theme=themes.SIXTEEN)
    app = HpviewApp(sample_fakes().services(), PID, ascii=True, settings=given)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, key)
        lines = screen_lines(app)
        assert all(line.isascii() for line in lines)
        assert any("+-----" in line for line in lines)

    drive(app, script, (80, 24))


def test_themes_of_others_get_the_palette_that_fits() -> None:
    assert themes.fallback(BUILTIN_THEMES["nord"])["hp-2m"] == "#2bb8a6"
    assert themes.fallback(BUILTIN_THEMES["textual-light"])["hp-2m"] == "#0d8577"
    assert themes.fallback(BUILTIN_THEMES["ansi-light"])["hp-2m"] == "ansi_cyan"
