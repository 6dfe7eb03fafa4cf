"""All keys, read from the bindings themselves, and what the signs mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from hpview.ui import palette
from hpview.ui.paint import fitted, width_of
from hpview.ui.signs import Sign
from hpview.ui.widgets.key_line import key_names
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hpview.ui.palette import Glyphs, Inks

_KEYS: Final = 11
_COLUMN: Final = 64
_GAP: Final = 4
_FRAME: Final = 8
"""Terminal cells beside the words: a border, a blank, a scroll bar."""

Section = tuple[str, "Sequence[Binding | Sign]"]
"""A heading and what stands below it."""


class HelpScreen(ModalScreen[None]):
    """Keys by where they work, in two columns where there is room.

    Args:
        glyphs: The character set.
        sections: What to show, in order.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark", "app.back", "Back"),
        # A modal screen hides the bindings of the app.
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, glyphs: Glyphs, sections: Sequence[Section]) -> None:
        super().__init__()
        self._sections = sections
        self._columns = [list(sections)]
        self._box = VerticalScroll(id="help")
        self._lines = Lines(glyphs, id="help-lines")
        self._lines.paint(self._paint)

    def compose(self) -> ComposeResult:
        """One scrolling box."""
        with self._box:
            yield self._lines

    def on_resize(self) -> None:
        """Use the width there is."""
        self._columns = self._arranged(self.size.width - _FRAME)
        words = len(self._columns) * (_COLUMN + _GAP) - _GAP
        self._box.styles.width = words + self._box.gutter.width
        self._lines.styles.height = max(map(_height, self._columns))
        self._lines.paint(self._paint)

    def _arranged(self, width: int) -> list[list[Section]]:
        """The sections in one column, or in two that are as equally long as may be."""
        sections = list(self._sections)
        if width < 2 * _COLUMN + _GAP or len(sections) < 2:
            return [sections]
        halves = [[sections[:at], sections[at:]] for at in range(1, len(sections))]
        return min(halves, key=lambda both: max(map(_height, both)))

    def _paint(self, _width: int, inks: Inks) -> list[list[Segment]]:
        columns = [_drawn(sections, inks) for sections in self._columns]
        out = []
        for y in range(max(map(len, columns))):
            line: list[Segment] = []
            for number, column in enumerate(columns):
                indent = number * (_COLUMN + _GAP) - width_of(line)
                line += [Segment(" " * indent, inks.text), *(column[y] if y < len(column) else [])]
            out.append(line)
        return out


def _key(binding: Binding, inks: Inks) -> list[Segment]:
    names = "  ".join(key_names(binding))
    words = binding.tooltip or binding.description
    return [
        Segment(f"  {names:<{_KEYS}} ", inks.accent),
        Segment(fitted(words, _COLUMN - _KEYS - 3, more=inks.glyphs.more), inks.text),
    ]


def _sign(sign: Sign, inks: Inks) -> list[Segment]:
    drawn = [Segment("  ", inks.text)]
    if sign.kind is not None:
        glyph, style = inks.cell(sign.kind)
        drawn += [Segment(glyph, style), Segment(" " * _KEYS, inks.text)]
    room = _COLUMN - width_of(drawn)
    return [*drawn, Segment(fitted(sign.words, room, more=inks.glyphs.more), inks.text)]


def _height(sections: list[Section]) -> int:
    return sum(len(found) + 2 for _, found in sections) - 1


def _drawn(sections: list[Section], inks: Inks) -> list[list[Segment]]:
    out: list[list[Segment]] = []
    for title, found in sections:
        out.append([Segment(title, inks.strong)])
        out += [_sign(each, inks) if isinstance(each, Sign) else _key(each, inks) for each in found]
        out.append([])
    return out[:-1]
