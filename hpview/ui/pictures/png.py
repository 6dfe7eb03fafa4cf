"""A picture as PNG, by whatever on this machine turns SVG into pixels.

A renderer of hpview's own would be megabytes of a foreign library for one of four
formats, and it would need the fonts that come with the programs tried here.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from hpview.errors import HpviewError
from hpview.text import decode, printable

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE: Final = 30.0
"""Seconds; inkscape takes some only to start."""

CONVERTERS: Final[dict[str, Callable[[str, str], list[str]]]] = {
    "rsvg-convert": lambda svg, png: ["--zoom=2", f"--output={png}", svg],
    "resvg": lambda svg, png: ["--zoom", "2", svg, png],
    "inkscape": lambda svg, png: ["--export-dpi=192", f"--export-filename={png}", svg],
    "magick": lambda svg, png: ["-density", "192", svg, png],
}
"""Programs, best first, each with its arguments for two files."""


class NoConverter(HpviewError):
    """Nothing here turns SVG into PNG."""

    def __init__(self) -> None:
        super().__init__(
            f"PNG needs one of {', '.join(CONVERTERS)}: install librsvg2-bin (Debian, Ubuntu), "
            "librsvg2-tools (Fedora) or librsvg (Arch)"
        )


def converter() -> str | None:
    """The path of the first program that is here."""
    return next(filter(None, map(shutil.which, CONVERTERS)), None)


def png(svg: str) -> bytes:
    """The pixels of an SVG text, two for each of its units; blocks.

    Raises:
        NoConverter: No program for it is here.
        HpviewError: The program failed or took too long.
    """
    program = converter()
    if program is None:
        raise NoConverter
    name = Path(program).name
    with TemporaryDirectory(prefix="hpview-") as folder:
        source, target = Path(folder, "picture.svg"), Path(folder, "picture.png")
        source.write_text(svg, encoding="utf-8")
        try:
            done = subprocess.run(
                [program, *CONVERTERS[name](str(source), str(target))],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as err:
            raise HpviewError(f"{name} took longer than {_PATIENCE:.0f} s") from err
        if done.returncode or not target.exists():
            lines = decode(done.stderr).split("\n")
            raise HpviewError(f"{name} failed: {printable(lines[0]) or done.returncode}")
        return target.read_bytes()
