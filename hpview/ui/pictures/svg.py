"""A picture as SVG that needs nothing from elsewhere."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.ui.pictures.screen import Look, Picture, Run

_FONTS: Final = "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_SIZE: Final = 20.26
"""At which letters of DejaVu Sans Mono are a cell wide: librsvg knows no ``textLength``."""
_CELL: Final = 12.2
_LINE: Final = 24.4
_BASE: Final = 18.5
_MARGIN: Final = 14
_WORDS: Final = re.compile(r"\S+(?: \S+)*")


def svg(picture: Picture) -> str:
    """SVG text: a rectangle for each background, a text for the words of each run.

    Viewers differ in what blanks and fallback fonts do to the place of later words;
    words that begin where they belong look the same in all of them.
    """
    width = picture.columns * _CELL + 2 * _MARGIN
    height = len(picture.rows) * _LINE + 2 * _MARGIN
    looks = {_css(run.look): "" for row in picture.rows for run in row if run.text.strip()}
    names = {css: f"r{number}" for number, css in enumerate(looks)}
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">',
            f"<title>{escape(picture.title)}</title>",
            f"<style>text{{font:{_SIZE}px {_FONTS};white-space:pre}}",
            *(f".{name}{{{css}}}" for css, name in names.items()),
            "</style>",
            f'<rect width="100%" height="100%" rx="8" fill="{picture.ground}"/>',
            f'<g transform="translate({_MARGIN},{_MARGIN})">',
            '<g shape-rendering="crispEdges">',
            *_grounds(picture),
            "</g>",
            *_texts(picture, names),
            "</g>",
            "</svg>",
            "",
        )
    )


def _css(look: Look) -> str:
    return f"fill:{look.fg}{look.css}"


def _grounds(picture: Picture) -> Iterator[str]:
    ground = picture.ground
    for y, row in enumerate(picture.rows):
        x = 0
        while x < len(row):
            first, last = row[x], row[x]
            while x < len(row) and row[x].look.bg == first.look.bg:
                last = row[x]
                x += 1
            if first.look.bg != ground:
                wide = last.x + last.width - first.x
                yield (
                    f'<rect x="{first.x * _CELL:g}" y="{y * _LINE:g}" width="{wide * _CELL:g}" '
                    f'height="{_LINE + 0.25:g}" fill="{first.look.bg}"/>'
                )


def _texts(picture: Picture, names: dict[str, str]) -> Iterator[str]:
    for y, row in enumerate(picture.rows):
        words = [word for run in row for word in _words(run, y, names)]
        if words:
            yield "".join(words)


def _words(run: Run, y: int, names: dict[str, str]) -> Iterator[str]:
    for found in _WORDS.finditer(run.text):
        x = run.x + cell_len(run.text[: found.start()])
        yield (
            f'<text class="{names[_css(run.look)]}" x="{x * _CELL:g}" y="{y * _LINE + _BASE:g}" '
            f'textLength="{cell_len(found.group()) * _CELL:g}">{escape(found.group())}</text>'
        )
