"""All keys, read from the bindings themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from hpview.ui import palette
from hpview.ui.widgets.key_line import key_names
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from hpview.ui.palette import Glyphs, Inks

_KEYS = 16


def sections(parts: tuple[tuple[str, type], ...]) -> list[tuple[str, list[Binding]]]:
    """The bindings that each class declares, under its heading; "" goes on with the last."""
    out: list[tuple[str, list[Binding]]] = []
    for title, owner in parts:
        declared: list[BindingType] = getattr(owner, "BINDINGS", [])
        found = [binding for binding in declared if isinstance(binding, Binding)]
        if found and title:
            out.append((title, found))
        elif found:
            out[-1][1].extend(found)
    return out


class HelpScreen(ModalScreen[None]):
    """Keys by where they work."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark", "app.back", "Back"),
        # A modal screen hides the bindings of the app.
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, glyphs: Glyphs, parts: tuple[tuple[str, type], ...]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._sections = sections(parts)

    def compose(self) -> ComposeResult:
        """One scrolling box."""
        with VerticalScroll(id="help"):
            lines = Lines(self._glyphs, id="help-lines")
            lines.paint(self._lines)
            lines.styles.height = sum(len(found) + 2 for _, found in self._sections)
            yield lines

    def _lines(self, _width: int, inks: Inks) -> list[list[Segment]]:
        out: list[list[Segment]] = []
        for title, found in self._sections:
            out.append([Segment(title, inks.strong)])
            for binding in found:
                names = "  ".join(key_names(binding))
                words = binding.tooltip or binding.description
                out.append(
                    [
                        Segment(f"  {names:<{_KEYS}} ", inks.accent),
                        Segment(words, inks.text),
                    ]
                )
            out.append([])
        return out
