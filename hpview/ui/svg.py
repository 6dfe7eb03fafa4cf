"""Pictures of a screen that need nothing from elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from textual.app import App

_FONT_FACE: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*")
_FAMILY: Final = re.compile(r"font-family: Fira Code, monospace")
_LOCAL: Final = "font-family: 'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_ENTITY: Final = re.compile(r"&[^;]+;")
_WORDS: Final = re.compile("[^\u00a0]+(?:\u00a0[^\u00a0]+)*")
_TEXT: Final = re.compile(
    r'(<text class="[^"]*" )x="([0-9.]+)"( y="[0-9.]+") textLength="([0-9.]+)"( clip[^>]*>)'
    r"([^<]*)</text>"
)


def _tight(found: re.Match[str]) -> str:
    """The words of a text, each at its own place, without the blanks around and between.

    Viewers differ in what blanks and fallback fonts do to the place of later words;
    words that begin where they belong look the same in all of them.
    """
    before, x, y, length, after, escaped = found.groups()
    text = escaped.replace("&#160;", "\u00a0").rstrip("\n")
    cells = _cells(text)
    if not cells:
        return ""
    cell = float(length) / cells
    out = []
    for words in _WORDS.finditer(text):
        at = float(x) + _cells(text[: words.start()]) * cell
        width = _cells(words.group()) * cell
        place = f'{before}x="{at:.6g}"{y} textLength="{width:.6g}"'
        shown = words.group().replace("\u00a0", "&#160;")
        out.append(f"{place}{after}{shown}</text>")
    return "".join(out)


def _cells(text: str) -> int:
    """Terminal cells of a text in which each is one character or one entity."""
    return len(_ENTITY.sub("_", text))


def self_contained(svg: str) -> str:
    """Take the fonts out that Rich would have a viewer fetch from the network."""
    return _TEXT.sub(_tight, _FAMILY.sub(_LOCAL, _FONT_FACE.sub("", svg)))


def picture(app: App[None], title: str) -> str:
    """The app's screen as SVG text."""
    return self_contained(app.export_screenshot(title=title, simplify=True))
