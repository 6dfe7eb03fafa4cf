"""The lines above the sections of the machine: an answer to each question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.message import Message

from hpview.ui.machine.sections import SECTIONS
from hpview.ui.machine.table import Part
from hpview.ui.paint import over, width_of
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from hpview.ui.machine.seen import Seen
    from hpview.ui.palette import Glyphs, Inks

OLD: Final = 15.0
"""Seconds after which it is told how old an answer is."""

_NAME: Final = max(len(section.name) for section in SECTIONS)


class MachineOverview(Lines):
    """A line a section, or all sections in one line where there is no room for that."""

    class Chosen(Message):
        """The user clicked a section.

        Attributes:
            number: From 1.
        """

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="machine-overview")
        self._seen: Seen | None = None
        self._chosen = 1
        self._ages: Sequence[float] = ()

    def show(self, seen: Seen, chosen: int, ages: Sequence[float]) -> None:
        """Draw anew.

        Args:
            seen: What was read.
            chosen: The section that is looked at, from 1.
            ages: Seconds since each section was read.
        """
        self._seen, self._chosen, self._ages = seen, chosen, ages
        self.paint(self._answers)

    def on_click(self, event: events.Click) -> None:
        """Choose a section, where each has a line."""
        offset = event.get_content_offset(self)
        if offset is not None and self.size.height == len(SECTIONS):
            self.post_message(self.Chosen(offset.y + 1))

    def _answers(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self.size.height < len(SECTIONS):
            return [self._tabs(inks)]
        out = []
        for number, section in enumerate(SECTIONS, 1):
            chosen = number == self._chosen
            line = [
                Segment(inks.glyphs.here if chosen else " ", inks.accent),
                Segment(f"{number} ", inks.accent),
                Segment(f"{section.name:<{_NAME}}  ", inks.strong if chosen else inks.text),
            ]
            facts = section.answer(self._seen) if self._seen is not None else []
            age = self._ages[number - 1]
            facts += [[Part(f"{age:.0f} s ago", "dim")]] if age > OLD else []
            line += told(facts, width - width_of(line) - 1, inks)
            out.append(line)
        return out

    def _tabs(self, inks: Inks) -> list[Segment]:
        out: list[Segment] = []
        for number, section in enumerate(SECTIONS, 1):
            chosen = number == self._chosen
            tab = [
                Segment(f" {number} ", inks.accent),
                Segment(f"{section.name} ", inks.strong if chosen else inks.dim),
            ]
            out += over(tab, inks.cursor) if chosen else tab
        return out


def told(facts: list[list[Part]], width: int, inks: Inks) -> list[Segment]:
    """As many facts as fit, the first of them in any case."""
    out: list[Segment] = []
    for fact in facts:
        dot = [Segment(inks.glyphs.text(" · "), inks.dim)] if out else []
        words = [*dot, *(part.segment(inks) for part in fact)]
        if fact and (not out or width_of(out) + width_of(words) <= width):
            out += words
    return out
