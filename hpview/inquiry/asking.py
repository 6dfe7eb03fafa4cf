"""Reads all that the rules need for one process, and applies them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpview.errors import HpviewError
from hpview.inquiry.sums import told
from hpview.pages.slot_facts import MOST, NO_FACTS
from hpview.reasons.advice import in_smaps
from hpview.reasons.answers import answer
from hpview.reasons.thpeligible import Foretold, thp_eligible
from hpview.text import printable
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.inquiry.sums import Told
    from hpview.kernelfs.smaps import Smaps
    from hpview.reasons.answers import Answers
    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records


@dataclass(frozen=True, eq=False)
class Inquiry:
    """The answers, and what they rest on.

    Attributes:
        answers: The rules applied.
        smaps: Of the process, where somebody asked for it to be read.
        facts: What single pages told, dtype ``slot_facts.SLOT_FACTS``.
        unasked: Slots of which single pages were not asked, because there are too many.
        no_facts: Why single pages told nothing, printable, or "".
    """

    answers: Answers
    smaps: Smaps | None = None
    facts: Records = field(default_factory=lambda: NO_FACTS)
    unasked: int = 0
    no_facts: str = ""

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """Every reason with what shows it."""
        return told(self.answers)


def ask(space: AddressSpace, in_force: InForce, smaps: Smaps | None = None) -> Inquiry:
    """Apply the rules without looking at single pages.

    Args:
        space: What is known; it must not change while the answers are used.
        in_force: The settings.
        smaps: Of the process, if it was read.
    """
    return Inquiry(answer(space, in_force, smaps), smaps)


def look_closer(services: Services, found: Inquiry, address: int | None = None) -> Inquiry:
    """Ask single pages, too, where they can tell more.

    What runs under the pid by now may be something else: then its pages tell nothing here.

    Args:
        services: Reads pages.
        found: The answers so far.
        address: Of the only slot that matters; None stands for all, of which the first
            ``slot_facts.MOST`` are looked at.
    """
    answers = found.answers
    slots = answers.open_slots
    if address is not None:
        slots = slots[slots == address // SLOT_SIZE * SLOT_SIZE]
    if not len(slots):
        return found
    try:
        facts = services.slot_facts(answers.in_force.pid, slots[:MOST])
        services.require_same(answers.space)
    except HpviewError as err:
        return Inquiry(answers, found.smaps, no_facts=printable(str(err)))
    closer = answer(answers.space, answers.in_force, found.smaps, facts)
    return Inquiry(closer, found.smaps, facts, max(0, len(slots) - MOST))


class Disagreement(NamedTuple):
    """A VMA of which the kernel's own word differs from what the rules foretell.

    Attributes:
        start: First address.
        end: Address behind the last.
        kernel: THPeligible, 0 or 1.
        foretold: The same by the rules.
    """

    start: int
    end: int
    kernel: int
    foretold: int


def cross_check(found: Inquiry) -> tuple[int, tuple[Disagreement, ...]]:
    """Hold the rules against THPeligible of smaps.

    Returns:
        How many VMAs were compared, and those that differ.
    """
    smaps, answers = found.smaps, found.answers
    if smaps is None:
        return 0, ()
    foretold = thp_eligible(answers.space, answers.in_force, answers.eligibility)
    vmas = answers.space.vmas
    at, same = in_smaps(answers.space, smaps)
    said = np.full(len(vmas), -1, dtype=np.int64)
    said[same] = smaps.table["eligible"][at[same]]
    same &= (said >= 0) & (foretold != Foretold.UNKNOWN)
    differ = np.flatnonzero(same & (said != foretold))
    return int(same.sum()), tuple(
        Disagreement(int(vmas["start"][i]), int(vmas["end"][i]), int(said[i]), int(foretold[i]))
        for i in differ.tolist()
    )
