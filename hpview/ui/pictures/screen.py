"""The screen as rows of text in colours, read from the one public picture of it.

Textual hands the whole screen out as SVG only. Read back once, it can be written in every
format, and without the fonts that this SVG would have a viewer fetch from the network.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

_CELL: Final = 12.2
_LINE: Final = 24.4
"""Width and height of a terminal cell, as Rich draws it."""

_BLACK: Final = "#000000"

# Not read as XML: what programs call themselves may hold characters that XML cannot.
_ELEMENT: Final = re.compile(r"<(rect|text)\b([^<>]*)>([^<]*)")
_ATTRIBUTE: Final = re.compile(r'([\w-]+)="([^"]*)"')
_RULE: Final = re.compile(r"\.[\w-]+-(r\d+) \{ ([^}]*?) ?\}")
_FILL: Final = re.compile(r"(?:^|;)fill: (#[0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class Look:
    """Colours are ``#rrggbb``."""

    fg: str
    bg: str
    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False

    @property
    def css(self) -> str:
        """What CSS says of it beside the colours, ``;`` in front of each."""
        lines = " ".join(
            word
            for word, on in (("underline", self.underline), ("line-through", self.strike))
            if on
        )
        return (
            ";font-weight:bold" * self.bold
            + ";font-style:italic" * self.italic
            + (f";text-decoration:{lines}" if lines else "")
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells of one look.

    Attributes:
        x: First column.
        width: Terminal cells; fewer characters where some are two cells wide.
        text: What stands there.
        look: How.
    """

    x: int
    width: int
    text: str
    look: Look


@dataclass(frozen=True, slots=True)
class Picture:
    """A screen.

    Attributes:
        title: What it shows, in a few words.
        columns: Terminal cells of each row.
        rows: Runs of each row, which fill it from the left to the right end.
    """

    title: str
    columns: int
    rows: tuple[tuple[Run, ...], ...]

    @property
    def ground(self) -> str:
        """The colour behind most of it."""
        areas: Counter[str] = Counter()
        for row in self.rows:
            for run in row:
                areas[run.look.bg] += run.width
        return areas.most_common(1)[0][0] if areas else "#000000"

    def lines(self) -> list[str]:
        """The text alone, without blanks at the ends."""
        return ["".join(run.text for run in row).rstrip() for row in self.rows]


def seen(app: App[None], title: str = "hpview") -> Callable[[], Picture]:
    """What makes a picture of the app's screen as it is now: later, in any thread."""
    svg = app.export_screenshot(title=title, simplify=True)
    return partial(parsed, svg, *app.size, title)


def taken(app: App[None], title: str = "hpview") -> Picture:
    """The app's screen as it is now."""
    return seen(app, title)()


def parsed(svg: str, columns: int, lines: int, title: str) -> Picture:
    """The picture in the SVG text that Rich writes.

    Args:
        svg: Of ``App.export_screenshot``.
        columns: Size of the screen in terminal cells.
        lines: The same.
        title: Kept with the picture.
    """
    cells = _Cells(columns, lines)
    looks = {name: _look(css) for name, css in _RULE.findall(svg)}
    for tag, given, text in _ELEMENT.findall(svg):
        found = dict(_ATTRIBUTE.findall(given))
        if tag == "rect" and "shape-rendering" in found:
            cells.paint(found)
        elif tag == "text" and "textLength" in found:
            cells.write(found, looks[found["class"].rpartition("-")[2]], unescape(text))
    return Picture(title, columns, tuple(map(_runs, cells.chars, cells.looks, cells.grounds)))


def _runs(chars: list[str], looks: list[Look], grounds: list[str]) -> tuple[Run, ...]:
    out = []
    x = 0
    for (look, ground), cells in groupby(zip(looks, grounds, strict=True)):
        width = sum(1 for _ in cells)
        out.append(Run(x, width, "".join(chars[x : x + width]), replace(look, bg=ground)))
        x += width
    return tuple(out)


class _Cells:
    """A character and a look for each cell.

    Attributes:
        chars: By row and column; "" right of a character that is two cells wide.
        looks: The same, all but the ground.
        grounds: The colours behind them.
    """

    def __init__(self, columns: int, lines: int) -> None:
        self.chars = [[" "] * columns for _ in range(lines)]
        self.looks = [[Look("#ffffff", _BLACK)] * columns for _ in range(lines)]
        self.grounds = [[_BLACK] * columns for _ in range(lines)]

    def paint(self, rect: dict[str, str]) -> None:
        """The ground of some cells."""
        x, y, width = (float(rect[name]) for name in ("x", "y", "width"))
        row = self.grounds[round((y - 1.5) / _LINE)]
        first, end = round(x / _CELL), min(len(row), round((x + width) / _CELL))
        row[first:end] = [rect["fill"]] * (end - first)

    def write(self, place: dict[str, str], look: Look, text: str) -> None:
        """Characters, one behind the other."""
        x = round(float(place["x"]) / _CELL)
        y = round((float(place["y"]) - 20) / _LINE)
        chars, looks = self.chars[y], self.looks[y]
        # Rich ends each line with a text of one newline behind the last column.
        for char in text.rstrip("\n").replace("\u00a0", " "):
            width = cell_len(char)
            if x + width > len(chars):
                break
            if not width:
                chars[max(0, x - 1)] += char
                continue
            chars[x] = char if char.isprintable() else "\ufffd"
            chars[x + 1 : x + width] = [""] * (width - 1)
            looks[x : x + width] = [look] * width
            x += width


def _look(css: str) -> Look:
    fill = _FILL.search(css)
    return Look(
        fill.group(1) if fill else "#ffffff",
        _BLACK,
        bold="font-weight: bold" in css,
        italic="font-style: italic" in css,
        underline="underline" in css,
        strike="line-through" in css,
    )
