"""Asks which columns the process list is to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from hpview.ui import palette
from hpview.ui.paint import fitted, over
from hpview.ui.widgets.key_line import keys
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.process_columns import ALWAYS, COLUMNS, chosen_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from textual import events
    from textual.app import ComposeResult

    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs, Inks

_TITLE: Final = 10
_ABOVE: Final = 2


class ColumnsScreen(ModalScreen[None]):
    """Changes ``settings.columns`` at once.

    Args:
        glyphs: The character set.
        settings: Where the columns are.
        fitting: Asked for the columns that have room now.
        changed: Called after each change.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "change", "Show or hide", key_display="Space", tooltip="Show or hide"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="The column above"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="The column below"),
        Binding("escape,enter,o,q", "dismiss", "Back", tooltip="Close"),
    ]

    def __init__(
        self,
        glyphs: Glyphs,
        settings: Settings,
        fitting: Callable[[], Collection[str]],
        changed: Callable[[], None],
    ) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._settings = settings
        self._fitting = fitting
        self._changed = changed
        self._row = 0
        self._lines = Lines(glyphs, id="columns-lines")

    def compose(self) -> ComposeResult:
        """The columns and the keys."""
        with Vertical(id="columns"):
            self._lines.paint(self._paint)
            self._lines.styles.height = len(COLUMNS) + 2 * _ABOVE
            yield self._lines

    def _paint(self, width: int, inks: Inks) -> list[list[Segment]]:
        wanted, fitting = chosen_columns(self._settings.columns), self._fitting()
        out = [[Segment("Columns", inks.strong)], []]
        for number, column in enumerate(COLUMNS):
            here, key = number == self._row, column.key
            words = column.words
            if key in ALWAYS:
                words += ", always shown"
            elif key in wanted and key not in fitting:
                words += ", no room for it now"
            row = [
                Segment(f"{inks.glyphs.here if here else ' '} ", inks.accent),
                Segment(f"[{'x' if key in wanted else ' '}] ", inks.accent),
                Segment(f"{column.title[1]:<{_TITLE}}", inks.strong if key in wanted else inks.dim),
                Segment(fitted(words, max(0, width - _TITLE - 6)), inks.dim),
            ]
            out.append(over(row, inks.cursor) if here else row)
        shown = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]
        return [*out, [], keys(shown, width, inks)]

    def action_move(self, step: int) -> None:
        """Go to a neighbouring column."""
        self._row = (self._row + step) % len(COLUMNS)
        self._lines.paint(self._paint)

    def action_change(self) -> None:
        """Show or hide the column under the cursor."""
        key = COLUMNS[self._row].key
        if key in ALWAYS:
            return
        wanted = {*chosen_columns(self._settings.columns)} ^ {key}
        every = len(wanted) == len(COLUMNS)
        self._settings.columns = [] if every else [c.key for c in COLUMNS if c.key in wanted]
        self._changed()
        self._lines.paint(self._paint)

    def on_click(self, event: events.Click) -> None:
        """Show or hide the column that was clicked; outside of the box: close."""
        if event.widget is self and self.is_active:
            self.dismiss()
        elif event.widget is self._lines and 0 <= event.y - _ABOVE < len(COLUMNS):
            self._row = event.y - _ABOVE
            self.action_change()
