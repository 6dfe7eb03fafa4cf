"""The text of a screen, and files that say what it should be.

``HPVIEW_REGOLD=1`` rewrites the files.
"""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from rich.console import Console

from hpview.ui.pictures.screen import taken

if TYPE_CHECKING:
    from textual.app import App

FOLDER = Path(__file__).parent / "golden"
_LETTERS = string.ascii_letters + "".join(map(chr, range(0xC0, 0x180)))


def screen_lines(app: App[None]) -> list[str]:
    """What stands on an app's screen, line by line, without blanks at the ends.

    As ``taken(app).lines()``, without the way through an SVG: that is slow, and has tests.
    """
    with patch.object(Console, "export_svg", lambda console, **_: console.export_text()):
        lines = app.export_screenshot().splitlines()
    return [line.rstrip() for line in lines]


def inked_lines(app: App[None]) -> list[str]:
    """What stands on a screen, then in which ink: a letter and a count for each run of a row."""
    picture = taken(app)
    letters: dict[str, str] = {}
    inks = []
    for row in picture.rows:
        words = []
        for run in row:
            look = run.look
            ink = f"{look.fg} on {look.bg}{' bold' * look.bold}{' underline' * look.underline}"
            letter = letters.setdefault(ink, _LETTERS[len(letters)])
            words.append(f"{letter}{run.width}")
        inks.append(" ".join(words))
    legend = [f"{letter} {ink}" for ink, letter in letters.items()]
    return [*picture.lines(), "", *legend, "", *inks]


def check(name: str, lines: list[str]) -> None:
    """Compare lines with the golden file of that name."""
    path = FOLDER / f"{name}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("HPVIEW_REGOLD") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; HPVIEW_REGOLD=1 rewrites it"
