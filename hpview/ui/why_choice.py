"""What is looked at of the reasons of a process: one of them, one of its ranges, one remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hpview.text import printable

if TYPE_CHECKING:
    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.reasons.case import Finding
    from hpview.reasons.reason import Reason
    from hpview.ui.widgets.reason_list import Row


@dataclass
class WhyChoice:
    """Kept while the screen is closed, so that one goes on where one was.

    Attributes:
        key: Of the row; None before there was one.
        place: Number of the range among those of the reason.
        remedy: Number of the remedy.
    """

    key: tuple[Reason | None, bool] | None = None
    place: int = 0
    remedy: int = 0

    def settle(self, row: Row) -> None:
        """A row is the current one, perhaps with other ranges than before."""
        if row.key != self.key:
            self.key, self.place, self.remedy = row.key, 0, 0
        if row.told is not None:
            self.place = min(self.place, len(row.told.places) - 1)

    def step_range(self, one: Told, step: int) -> bool:
        """Go to another range; whether there is one."""
        wanted = self.place + step
        if not 0 <= wanted < len(one.places):
            return False
        self.place, self.remedy = wanted, 0
        return True

    def step_remedy(self, found: Inquiry, one: Told, step: int) -> None:
        """Go to another remedy, around the ends."""
        count = len(self.findings(found, one)[0].remedies)
        if count:
            self.remedy = (self.remedy + step) % count

    def findings(self, found: Inquiry, one: Told) -> tuple[Finding, ...]:
        """All that holds in the first slot of the range, the reason itself first."""
        explanation = found.answers.explain(int(one.places["start"][self.place]))
        return explanation.findings if explanation is not None else (one.finding,)

    def text(self, found: Inquiry, one: Told) -> str:
        """The command or line of code of the remedy, or else its words; printable, or ""."""
        remedies = self.findings(found, one)[0].remedies
        if self.remedy >= len(remedies):
            return ""
        chosen = remedies[self.remedy]
        return printable(chosen.text or chosen.words)
