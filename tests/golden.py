"""The text of a screen, and files that say what it should be.

``HPVIEW_REGOLD=1`` rewrites the files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hpview.ui.pictures.screen import taken

if TYPE_CHECKING:
    from textual.app import App

FOLDER = Path(__file__).parent / "golden"


def screen_lines(app: App[None]) -> list[str]:
    """What stands on an app's screen, line by line, without blanks at the ends."""
    return taken(app).lines()


def check(name: str, lines: list[str]) -> None:
    """Compare lines with the golden file of that name."""
    path = FOLDER / f"{name}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("HPVIEW_REGOLD") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; HPVIEW_REGOLD=1 rewrites it"
