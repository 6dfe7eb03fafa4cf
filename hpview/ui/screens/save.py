"""Asks in which form and where something is to be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from hpview.export.files import free_name
from hpview.ui import palette
from hpview.ui.paint import fitted, over
from hpview.ui.widgets.key_line import keys
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.screens.base import Choice

_NAME = 6


class SaveScreen(ModalScreen[tuple[int, str] | None]):
    """Dismissed with the number of the choice and a path, or None.

    Args:
        glyphs: The character set.
        title: What is to be saved.
        choices: The forms it may have.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "save", "Save", tooltip="Save under this name"),
        Binding(
            "up,shift+tab",
            "choose(-1)",
            "Form",
            key_display="Up Down",
            tooltip="The form above",
        ),
        Binding("down,tab", "choose(1)", "Form", show=False, tooltip="The form below"),
        Binding("escape", "cancel", "Cancel", tooltip="Save nothing"),
    ]

    def __init__(self, glyphs: Glyphs, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._title = title
        self._choices = choices
        self._chosen = 0
        self._lines = Lines(glyphs, id="save-choices")
        self._input = Input(self._proposed(), id="save-path", compact=True, select_on_focus=False)

    def compose(self) -> ComposeResult:
        """The forms, the path, the keys."""
        with Vertical(id="save"):
            self._lines.paint(self._choice_lines)
            self._lines.styles.height = len(self._choices) + 2
            yield self._lines
            with Horizontal(id="save-line"):
                prompt = Lines(self._glyphs, id="save-prompt")
                prompt.paint(lambda _width, inks: [[Segment("to ", inks.accent)]])
                yield prompt
                yield self._input
            keys = Lines(self._glyphs, id="save-keys")
            keys.paint(self._key_line)
            yield keys

    def on_mount(self) -> None:
        """Begin to type at the end of the path."""
        self._input.focus()

    def _proposed(self) -> str:
        choice = self._choices[self._chosen]
        return free_name(f"{choice.stem}{choice.ending}")

    def _choice_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        out = [[Segment(self._title, inks.strong)], []]
        for number, choice in enumerate(self._choices):
            here = number == self._chosen
            row = [
                Segment(f"{inks.glyphs.here if here else ' '} ", inks.accent),
                Segment(f"{choice.name:<{_NAME}}", inks.strong),
                Segment(fitted(choice.words, width - _NAME - 2), inks.dim),
            ]
            out.append(over(row, inks.cursor) if here else row)
        return out

    def _key_line(self, width: int, inks: Inks) -> list[list[Segment]]:
        shown = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show]
        return [[], keys(shown, width, inks)]

    def _take(self, number: int) -> None:
        """Choose a form; a name that was only proposed, or ends as the old form does, follows."""
        before = self._choices[self._chosen]
        proposed = self._proposed()
        self._chosen = number
        self._lines.paint(self._choice_lines)
        if self._input.value == proposed:
            self._input.value = self._proposed()
        elif self._input.value.endswith(before.ending):
            stem = self._input.value.removesuffix(before.ending)
            self._input.value = stem + self._choices[number].ending
        self._input.cursor_position = len(self._input.value)

    def action_choose(self, step: int) -> None:
        """Choose a neighbouring form."""
        self._take((self._chosen + step) % len(self._choices))

    def on_click(self, event: events.Click) -> None:
        """Choose the form that was clicked; outside of the box: cancel."""
        if event.widget is self:
            self.action_cancel()
        elif event.widget is self._lines and 0 <= event.y - 2 < len(self._choices):
            self._take(event.y - 2)

    @on(Input.Submitted)
    def action_save(self) -> None:
        """Save under this name."""
        self._leave((self._chosen, self._input.value.strip()))

    def action_cancel(self) -> None:
        """Save nothing."""
        self._leave(None)

    def _leave(self, answer: tuple[int, str] | None) -> None:
        """Answer, but once: a second Enter may have been on its way."""
        if self.is_active:
            self.dismiss(answer)
