"""All that the rules say of one process: the door to this package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.in_force import ProcessThp
from hpview.pages.slot_facts import NO_FACTS
from hpview.reasons.advice import advice_of
from hpview.reasons.bits import members
from hpview.reasons.breakdown import Breakdown, breakdown, main_reasons
from hpview.reasons.case import Case, Finding
from hpview.reasons.eligibility import judged
from hpview.reasons.evidence import EVIDENCE, is_certain
from hpview.reasons.forced import refused
from hpview.reasons.kinds import VmaKind
from hpview.reasons.reason import Reason
from hpview.reasons.remedies import REMEDIES
from hpview.reasons.verdicts import decide
from hpview.space.columns import overlap
from hpview.space.runs import every_slot
from hpview.wire import SLOT_PAGES, SLOT_SIZE, Backing, MmFlag, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce
    from hpview.kernelfs.smaps import Smaps
    from hpview.reasons.eligibility import Eligibility
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_SLOT: Final = np.uint64(SLOT_SIZE)
_UFFD: Final = np.uint64(VmFlag.UFFD_MISSING)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one slot is not huge.

    Attributes:
        start: First address, cut to the VMA.
        end: Address behind the last.
        vma: Index in ``AddressSpace.vmas``.
        huge: It is huge; then there are no findings.
        findings: The primary reason first, then all others that hold.
    """

    start: int
    end: int
    vma: int
    huge: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Answers:
    """The rules applied to a process as it was read; later changes of ``space`` do not count.

    Attributes:
        space: What is known.
        in_force: The settings.
        eligibility: The rules applied to its VMAs.
        pieces: The verdicts, dtype ``verdicts.PIECE``.
    """

    space: AddressSpace
    in_force: InForce
    eligibility: Eligibility
    pieces: Records

    @cached_property
    def breakdown(self) -> Breakdown:
        """Of the whole process."""
        return breakdown(self.pieces)

    @cached_property
    def main(self) -> NDArray[np.uint8]:
        """The ``Reason`` of each VMA with the most bytes, shape (n,)."""
        return main_reasons(self.pieces, len(self.space.vmas))

    @property
    def open_slots(self) -> NDArray[np.uint64]:
        """The whole slots of 4 kB pages that single pages could tell more of, ascending."""
        table = self.pieces[self.pieces["backing"] == Backing.PTE_4K]
        whole = (table["start"] % _SLOT == 0) & (table["end"] % _SLOT == 0)
        some = table[whole & (table["gap"] > 0)]
        return every_slot(some["start"], some["end"])

    def of_range(self, start: int, end: int) -> Breakdown:
        """Of the pieces that have an address in ``[start, end)``, whole pieces."""
        return breakdown(self.pieces[overlap(self.pieces, start, end)])

    def explain(self, address: int) -> Explanation | None:
        """Why the slot around an address is not huge; None where nothing is mapped."""
        index = self.space.index_at(address)
        if index < 0:
            return None
        vma = self.space.vmas[index]
        slot = address // SLOT_SIZE * SLOT_SIZE
        start, end = max(slot, int(vma["start"])), min(slot + SLOT_SIZE, int(vma["end"]))
        found = self.pieces[overlap(self.pieces, address, address + 1)]
        if len(found):
            piece = found[0]
            bits = int(piece["mask"])
            if bits == Reason.NONE.bit:
                return Explanation(start, end, index, True, ())
            counts = [int(piece[field]) for field in ("present", "swapped", "shared")]
        else:
            bits, counts = self._nothing(index, start, end), [0, 0, 0]
        case = self._case(index, start, end, counts, bits)
        findings = tuple(_finding(reason, case) for reason in members(bits, Reason))
        return Explanation(start, end, index, False, findings)

    def _nothing(self, index: int, start: int, end: int) -> int:
        """The reasons of a slot that has nothing in it."""
        bits = int(self.eligibility.obstacles[index]) | Reason.EMPTY.bit
        whole = end - start == SLOT_SIZE or bits & Reason.TOO_SMALL.bit
        return bits if whole else bits | Reason.EDGE.bit

    def _case(self, index: int, start: int, end: int, counts: list[int], bits: int) -> Case:
        present, swapped, shared = counts
        vma = self.space.vmas[index]
        # Where userfaultfd waits for missing pages nobody else fills them in.
        filled = present + swapped == SLOT_PAGES or not vma["vm_flags"] & _UFFD
        tried = filled and present + swapped > 0
        return Case(
            in_force=self.in_force,
            vma=vma,
            kind=VmaKind(int(self.eligibility.kind[index])),
            name=self.space.name_of(index),
            start=start,
            end=end,
            present=present,
            swapped=swapped,
            shared=shared,
            collapsible=tried and not refused(self.eligibility, self.in_force, index, bits),
        )


def _finding(reason: Reason, case: Case) -> Finding:
    return Finding(reason, is_certain(reason, case), EVIDENCE[reason](case), REMEDIES[reason](case))


def _process(space: AddressSpace, in_force: InForce) -> ProcessThp:
    """What prctl() left to the process: the iterator reads it where /proc does not tell all."""
    flags = space.mm_flags
    if MmFlag.KNOWN not in flags:
        return in_force.process
    if MmFlag.THP_DISABLED in flags:
        return ProcessThp.DISABLED
    return ProcessThp.ADVISED_ONLY if MmFlag.THP_EXCEPT_ADVISED in flags else ProcessThp.ALLOWED


def answer(
    space: AddressSpace,
    in_force: InForce,
    smaps: Smaps | None = None,
    facts: Records = NO_FACTS,
) -> Answers:
    """Apply the rules.

    Args:
        space: What is known; it must not change while the answers are used.
        in_force: The settings.
        smaps: Of the process, where somebody asked for it to be read: tells what was advised.
        facts: dtype ``slot_facts.SLOT_FACTS``: what single pages tell.
    """
    in_force = replace(in_force, process=_process(space, in_force))
    eligibility = judged(space, in_force, advice_of(space, smaps))
    return Answers(space, in_force, eligibility, decide(space, in_force, eligibility, facts))
