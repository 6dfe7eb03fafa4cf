"""The settings that have no place on a screen of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from hpview.ui import palette
from hpview.ui.paint import fitted, over
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.watch import INTERVALS
from hpview.ui.widgets import key_line
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs, Inks

_LABEL: Final = 28


class PreferencesScreen(ModalScreen[None]):
    """Changes the settings at once; the app is told of each change.

    Args:
        glyphs: The character set.
        settings: Where they are changed.
        themes: Names to choose from; the one in force is the app's.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left,h,minus", "change(-1)", "Change", key_display="Left Right", tooltip="Value before"
        ),
        Binding("right,l,plus,enter", "change(1)", "Change", show=False, tooltip="Value behind"),
        Binding("up,k,shift+tab", "move(-1)", "Up", show=False, tooltip="The setting above"),
        Binding("down,j,tab", "move(1)", "Down", show=False, tooltip="The setting below"),
        Binding("escape,q", "dismiss", "Back", tooltip="Close"),
    ]

    def __init__(self, glyphs: Glyphs, settings: Settings, themes: Sequence[str]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._settings = settings
        self._themes = list(themes)
        self._row = 0
        self._lines = Lines(glyphs, id="preferences-lines")

    def compose(self) -> ComposeResult:
        """Settings and keys."""
        with Vertical(id="preferences"):
            self._lines.paint(self._paint)
            yield self._lines

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("Theme", self.app.theme),
            ("List read every", f"{self._settings.refresh:g} s"),
            ("Watched process read every", f"{self._settings.watch:g} s"),
        ]

    def _paint(self, width: int, inks: Inks) -> list[list[Segment]]:
        out = [[Segment("Settings", inks.strong)], []]
        for number, (label, value) in enumerate(self._rows()):
            here = number == self._row
            row = [
                Segment(f"{inks.glyphs.here if here else ' '} ", inks.accent),
                Segment(f"{label:<{_LABEL}}", inks.text),
                Segment(fitted(f"< {value} >", max(0, width - _LABEL - 2)), inks.strong),
            ]
            out.append(over(row, inks.cursor) if here else row)
        shown = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]
        return [*out, [], key_line.keys(shown, width, inks)]

    def action_move(self, step: int) -> None:
        """Go to a neighbouring setting."""
        self._row = (self._row + step) % len(self._rows())
        self._lines.paint(self._paint)

    def action_change(self, step: int) -> None:
        """Take the value before or behind."""
        match self._row:
            case 0:
                self.app.theme = _neighbour(self._themes, self.app.theme, step)
            case 1:
                self._settings.refresh = _neighbour(INTERVALS, self._settings.refresh, step)
            case 2:
                self._settings.watch = _neighbour(INTERVALS, self._settings.watch, step)
        self._lines.paint(self._paint)
        self.app.post_message(HpviewScreen.SettingsChanged())


_Value = TypeVar("_Value", str, float)


def _neighbour(values: Sequence[_Value], value: _Value, step: int) -> _Value:
    """The value before or behind one, which need not be among them; stops at the ends."""
    ordered = list(values)
    if value not in ordered:
        ordered.append(value)
        ordered.sort()
    at = ordered.index(value) + step
    return ordered[max(0, min(at, len(ordered) - 1))]
