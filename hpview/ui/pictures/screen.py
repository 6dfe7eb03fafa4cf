"""The screen as rows of text in colours, read from the one public picture of it.

Textual hands the whole screen out as SVG only. Read back once, it can be written in every
format, and without the fonts that this SVG would have a viewer fetch from the network.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from html.parser import HTMLParser
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

_CELL: Final = 12.2
_LINE: Final = 24.4
"""Width and height of a terminal cell, as Rich draws it."""

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
    reader = _Reader(columns, lines)
    reader.feed(svg)
    reader.close()
    rows = zip(reader.chars, reader.looks, strict=True)
    return Picture(title, columns, tuple(_runs(*row) for row in rows))


def _runs(chars: list[str], looks: list[Look]) -> tuple[Run, ...]:
    out = []
    x = 0
    for look, cells in groupby(looks):
        width = sum(1 for _ in cells)
        out.append(Run(x, width, "".join(chars[x : x + width]), look))
        x += width
    return tuple(out)


class _Reader(HTMLParser):
    """Collects a character and a look for each cell.

    An HTML parser rather than one of XML: it does not fail at characters XML cannot hold.

    Attributes:
        chars: By row and column; "" right of a character that is two cells wide.
        looks: The same.
    """

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__(convert_charrefs=True)
        blank = Look("#ffffff", "#000000")
        self.chars = [[" "] * columns for _ in range(lines)]
        self.looks = [[blank] * columns for _ in range(lines)]
        self._styles: dict[str, Look] = {}
        self._inside = ""
        self._at: tuple[int, int, Look] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        found = {name: value or "" for name, value in attrs}
        if tag == "rect" and "shape-rendering" in found:
            self._paint(found)
        elif tag == "text" and "textlength" in found:
            _, _, name = found["class"].rpartition("-")
            x = round(float(found["x"]) / _CELL)
            y = round((float(found["y"]) - 20) / _LINE)
            self._at = (x, y, self._styles[name])

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self._at = None

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self._styles |= {name: _look(css) for name, css in _RULE.findall(data)}
        elif self._at is not None:
            self._write(*self._at, data)

    def _paint(self, rect: dict[str, str]) -> None:
        x, y, width = (float(rect[name]) for name in ("x", "y", "width"))
        row = self.looks[round((y - 1.5) / _LINE)]
        for at in range(round(x / _CELL), min(len(row), round((x + width) / _CELL))):
            row[at] = replace(row[at], bg=rect["fill"])

    def _write(self, x: int, y: int, look: Look, text: str) -> None:
        # Rich ends each line with a text of one newline behind the last column.
        for char in text.rstrip("\n").replace("\u00a0", " "):
            width = cell_len(char)
            if x + width > len(self.chars[y]):
                break
            if not width:
                self.chars[y][max(0, x - 1)] += char
                continue
            self.chars[y][x] = char if char.isprintable() else "\ufffd"
            self.chars[y][x + 1 : x + width] = [""] * (width - 1)
            for at in range(x, x + width):
                self.looks[y][at] = replace(look, bg=self.looks[y][at].bg)
            x += width


def _look(css: str) -> Look:
    fill = _FILL.search(css)
    return Look(
        fill.group(1) if fill else "#ffffff",
        "#000000",
        bold="font-weight: bold" in css,
        italic="font-style: italic" in css,
        underline="underline" in css,
        strike="line-through" in css,
    )
