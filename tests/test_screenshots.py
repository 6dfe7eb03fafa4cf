"""The pictures in the README show the screens as they are now."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).parent.parent / "screenshots"
LAYOUT = {
    "list": (1, 2, -1),
    "process": (1, -3, -1),
    "why": (3, 9, -1),
    "slot": (2, -3, -1),
    "protocol": (0, 1, -1),
}
"""Pictures, and the lines of each that hang neither on the machine nor on where this is run."""

_TEXT = "{http://www.w3.org/2000/svg}text"
_LINE = 24.4
_KEPT = ("2M", "1G", "4k")
_OF_THE_DEMO = r"[0-9]|^([KMGT]i)?B$|^[^a-zA-Z]+$"
"""Numbers, their units and bars."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of the demo process, drawn now."""
    folder = tmp_path_factory.mktemp("screenshots")
    done = subprocess.run(
        [sys.executable, str(FOLDER / "make.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def lines(picture: Path) -> list[str]:
    """The words of a picture, line by line."""
    found: dict[int, list[str]] = {}
    for text in ElementTree.parse(picture).iter(_TEXT):
        found.setdefault(int(float(text.attrib["y"]) / _LINE), []).append(text.text or "")
    return [" ".join(found[y]) for y in sorted(found)]


def skeleton(folder: Path, name: str) -> list[list[str]]:
    """The words of headings, legend and keys."""
    told = lines(folder / f"{name}.svg")
    return [
        [word for word in told[at].split() if word in _KEPT or not re.search(_OF_THE_DEMO, word)]
        for at in LAYOUT[name]
    ]


@pytest.mark.root
@pytest.mark.bpf
@pytest.mark.parametrize("name", LAYOUT)
def test_the_pictures_are_not_stale(name: str, fresh: Path) -> None:
    assert skeleton(FOLDER, name) == skeleton(fresh, name), "make screenshots draws them again"


@pytest.mark.parametrize("name", LAYOUT)
def test_the_pictures_tell_nothing_of_where_they_were_drawn(name: str) -> None:
    words = "\n".join(lines(FOLDER / f"{name}.svg"))
    assert str(FOLDER.parent) not in words
    assert str(Path.home()) not in words
