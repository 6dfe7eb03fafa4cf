"""What would be collapsed: whole slots of one VMA that hold pages and are not huge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hpview.errors import HpviewError
from hpview.reasons.advice import advice_of
from hpview.reasons.eligibility import judged
from hpview.reasons.forced import refused
from hpview.reasons.reason import Reason
from hpview.space import runs as runs_
from hpview.space.columns import overlap
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, Backing, VmaFlag, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce
    from hpview.reasons.eligibility import Eligibility
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_DEVICE: Final = VmFlag.PFNMAP | VmFlag.IO


_DOUBTS: Final = {
    Reason.NOHUGEPAGE: "the program asked for no huge pages here (MADV_NOHUGEPAGE)",
    Reason.PROCESS_OFF: "huge pages are disabled for the process (PR_SET_THP_DISABLE)",
    Reason.MISALIGNED: "address and offset in what is mapped differ by no multiple of 2 MiB",
    Reason.SHMEM_OFF: "shmem_enabled, or the knob of this size, denies it to shared memory",
    Reason.FILE: "files can be collapsed only with CONFIG_READ_ONLY_THP_FOR_FS, and read-only",
}
"""Why the kernel refuses all of a VMA, as far as that can be told beforehand."""


class CannotCollapse(HpviewError):
    """Nothing can be tried there; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be tried in one VMA.

    Attributes:
        pid: The process.
        start: First address of the range, a multiple of the slot size.
        end: Its end, exclusive, a multiple of the slot size.
        name: Of the VMA, untrusted, "" for none.
        slots: First addresses of the slots to try, ascending, uint64, shape (n,).
        huge: Slots of the range that are huge already.
        empty: Slots with no page in memory, which are left alone.
        unread: Slots of which nothing is known, left alone too.
        missing: Bytes of pages that are not there yet in the slots to try: what memory may
            grow by.
        swapped: Bytes of them that are swapped out, and would be read back.
        doubt: Why the kernel is expected to refuse, or "".
    """

    pid: int
    start: int
    end: int
    name: str
    slots: NDArray[np.uint64]
    huge: int
    empty: int
    unread: int
    missing: int
    swapped: int
    doubt: str

    @property
    def count(self) -> int:
        """Slots of the range."""
        return (self.end - self.start) // SLOT_SIZE

    @property
    def command(self) -> str:
        """What does the same from the shell."""
        return f"hpview collapse {self.pid} {self.start:x}-{self.end:x}"


def inwards(start: int, end: int) -> tuple[int, int]:
    """The whole slots of a range; the second number is not above the first if there is none."""
    return -(-start // SLOT_SIZE) * SLOT_SIZE, end // SLOT_SIZE * SLOT_SIZE


class Rules(NamedTuple):
    """What of a process decides whether its memory can be collapsed.

    Attributes:
        in_force: The settings.
        eligibility: The rules applied to its VMAs.
    """

    in_force: InForce
    eligibility: Eligibility

    @classmethod
    def of(cls, space: AddressSpace, in_force: InForce) -> Rules:
        """Apply the rules; some 15 ms for the largest processes."""
        return cls(in_force, judged(space, in_force, advice_of(space)))

    def refused(self, index: int) -> int:
        """Bits of the reasons for which the kernel refuses all of a VMA."""
        bits = int(self.eligibility.obstacles[index])
        return refused(self.eligibility, self.in_force, index, bits)


def plan(space: AddressSpace, index: int, start: int, end: int, rules: Rules | None = None) -> Plan:
    """Plan for what of a range lies in one VMA.

    Args:
        space: The process, read to its end.
        index: The VMA; -1 for none.
        start: First address wanted.
        end: Its end, exclusive.
        rules: Of the process; without them the plan has no doubts.

    Raises:
        CannotCollapse: No slot there can be tried.
    """
    if index < 0:
        raise CannotCollapse("nothing is mapped here")
    vma = space.vmas[index]
    _refuse_kind(vma)
    doubt = "" if rules is None else _doubt(rules, index)
    first, behind = inwards(max(start, int(vma["start"])), min(end, int(vma["end"])))
    if first >= behind:
        raise CannotCollapse("no whole 2 MiB slot of this VMA lies here: its edge cuts it")
    found = _planned(space, index, first, behind, doubt)
    if not len(found.slots):
        raise CannotCollapse(_nothing_to_try(found))
    return found


def _refuse_kind(vma: Records) -> None:
    flags = int(vma["vm_flags"])
    if flags & VmFlag.HUGETLB:
        raise CannotCollapse("this is hugetlb memory: its pages have their size for good")
    if flags & _DEVICE:
        raise CannotCollapse("what devices map has no huge pages")
    if int(vma["flags"]) & VmaFlag.SKIPPED:
        raise CannotCollapse("it was not read what backs this VMA")


def _doubt(rules: Rules, index: int) -> str:
    """Why the kernel is expected to refuse, or "".

    Raises:
        CannotCollapse: It never does it to memory of this kind.
    """
    bits = rules.refused(index)
    if bits & Reason.KIND.bit:
        raise CannotCollapse(
            "special mappings of the kernel, and what devices map, stay as they are"
        )
    if bits & Reason.FILE.bit and rules.in_force.read_only_thp is False:
        raise CannotCollapse(
            "this maps a file: without CONFIG_READ_ONLY_THP_FOR_FS only memory can be collapsed"
        )
    return next((words for reason, words in _DOUBTS.items() if bits & reason.bit), "")


def _planned(space: AddressSpace, index: int, start: int, end: int, doubt: str) -> Plan:
    runs = runs_.trim(space.runs_of(start, end), start, end)
    counts = ((runs["end"] - runs["start"]) // np.uint64(SLOT_SIZE)).astype(np.int64)
    small = (runs["backing"] == Backing.PTE_4K) & (runs["present"] > 0)
    huge = int(counts[np.isin(runs["backing"], runs_.LEAVES)].sum())
    unread = int(counts[runs["backing"] == Backing.UNKNOWN].sum())
    tried = int(counts[small].sum())
    pages = {name: int((counts * runs[name])[small].sum()) for name in ("present", "swapped")}
    return Plan(
        pid=space.tgid,
        start=start,
        end=end,
        name=space.name_of(index),
        slots=runs_.every_slot(runs[small]["start"], runs[small]["end"]),
        huge=huge,
        unread=unread,
        empty=(end - start) // SLOT_SIZE - huge - unread - tried,
        missing=(tried * SLOT_PAGES - pages["present"]) * PAGE_SIZE,
        swapped=pages["swapped"] * PAGE_SIZE,
        doubt=doubt,
    )


def _nothing_to_try(found: Plan) -> str:
    if found.huge == found.count:
        return "all of it is huge already" if found.count > 1 else "it is huge already"
    if found.unread:
        return "what is here could not be read"
    return (
        "there is no memory here yet: nothing to collapse"
        if not found.huge
        else (f"{found.huge} of {found.count} slots are huge already, in the others is nothing yet")
    )


def plans(
    space: AddressSpace, start: int, end: int, rules: Rules | None = None
) -> tuple[list[Plan], list[str]]:
    """A plan for each VMA of a range, and why there is none for the others.

    Returns:
        The plans by address, and a line for each VMA without one.
    """
    made, refused = [], []
    at = overlap(space.vmas, start, end)
    for index in range(at.start, at.stop):
        try:
            made.append(plan(space, index, start, end, rules))
        except CannotCollapse as err:
            refused.append(f"{int(space.vmas['start'][index]):x}: {err}")
    return made, refused or ([] if made else ["nothing is mapped there"])
