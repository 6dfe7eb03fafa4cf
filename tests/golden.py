"""The text of a screen, and files that say what it should be.

``HPVIEW_REGOLD=1`` rewrites the files.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App

FOLDER = Path(__file__).parent / "golden"
_TEXT = re.compile(
    r'<text class="[^"]*" x="([0-9.]+)" y="[0-9.]+" textLength="[0-9.]+" '
    r'clip-path="url\(#[^"]*-line-(\d+)\)">([^<]*)</text>'
)
_CELL = 12.2


def screen_lines(app: App[None]) -> list[str]:
    """What stands on an app's screen, line by line, without blanks at the ends.

    Read from the picture, the one public way to see the whole screen.
    """
    width, height = app.size
    lines = [[" "] * width for _ in range(height)]
    for x, line, text in _TEXT.findall(app.export_screenshot(simplify=True)):
        at = round(float(x) / _CELL)
        # Rich ends each line with a text of one newline behind the last column.
        for i, char in enumerate(html.unescape(text).rstrip("\n").replace("\xa0", " ")):
            lines[int(line)][at + i] = char
    return ["".join(line).rstrip() for line in lines]


def check(name: str, lines: list[str]) -> None:
    """Compare lines with the golden file of that name."""
    path = FOLDER / f"{name}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("HPVIEW_REGOLD") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; HPVIEW_REGOLD=1 rewrites it"
