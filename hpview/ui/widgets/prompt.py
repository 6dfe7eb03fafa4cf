"""One line to type into, for the questions a screen asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import on
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from hpview.text import printable
from hpview.ui.paint import fitted
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from hpview.ui.palette import Glyphs, Inks


class _Field(Input):
    """The text; keys that were typed behind Enter are for whom they would have reached later.

    Attributes:
        after: What Enter gives the focus.
    """

    after: Widget | None = None

    @property
    def is_asking(self) -> bool:
        """The focus is here, be it told already or not (``has_focus``)."""
        return self.screen.focused is self

    async def on_key(self, event: events.Key) -> None:
        """Take Enter before the keys behind it, and those no more."""
        if self.is_asking and event.key != "enter":
            return
        event.stop()
        event.prevent_default()
        if self.is_asking:
            await self.action_submit()
            self.screen.set_focus(self.after)
        else:
            self.app.post_message(event.copy())


class Prompt(Horizontal):
    """Hidden until it is opened for a question, which one letter names.

    Attributes:
        question: ``/``, ``g`` or what else it was opened for; "" while it is closed.
    """

    class Told(Message):
        """Something was typed.

        Attributes:
            question: As ``Prompt.question``.
            text: All that stands there.
        """

        def __init__(self, question: str, text: str) -> None:
            super().__init__()
            self.question = question
            self.text = text

    class Changed(Told):
        """The text changed as it was typed."""

    class Submitted(Told):
        """The text was confirmed with Enter."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.question = ""
        self._letter = Lines(glyphs, id="prompt-letter")
        self._input = _Field(id="prompt-input", compact=True)
        self._problem = Lines(glyphs, id="prompt-problem")
        self.display = False

    def compose(self) -> ComposeResult:
        """The letter, the text, and what is wrong with it."""
        yield self._letter
        yield self._input
        yield self._problem

    @property
    def is_typed_into(self) -> bool:
        """Letters are text now, not commands."""
        return self._input.is_asking

    def open(self, question: str, placeholder: str, text: str = "") -> None:
        """Ask; the focus moves at once, so that no letter typed fast goes elsewhere."""
        self.question = question
        self._letter.paint(self._paint_letter)
        self._input.placeholder = placeholder
        with self._input.prevent(Input.Changed):  # nobody has typed it
            self._input.value = text
        self._input.cursor_position = len(text)
        self.tell(())
        self.display = True
        if not self._input.is_asking:
            self._input.after = self.screen.focused
            self.screen.set_focus(self._input)

    def close(self) -> None:
        """Ask no more."""
        self.question = ""
        self._input.value = ""
        self.display = False

    def tell(self, problems: Iterable[str]) -> None:
        """Say beside the text what is wrong with it."""
        words = "; ".join(map(printable, problems))
        self._problem.display = bool(words)
        self._problem.paint(
            lambda width, inks: [[Segment(fitted(f"{words} ", width, right=True), inks.warn)]]
        )

    def _paint_letter(self, _width: int, inks: Inks) -> list[list[Segment]]:
        return [[Segment(f" {self.question}", inks.accent)]]

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.question:
            self.post_message(self.Changed(self.question, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.question:
            self.post_message(self.Submitted(self.question, event.value))
