"""What MADV_COLLAPSE does not get past: it asks about less than a page fault and khugepaged do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.in_force import ProcessThp
from hpview.reasons import modes
from hpview.reasons.advice import Advice
from hpview.reasons.kinds import SHARED_KINDS, VmaKind
from hpview.reasons.reason import Reason

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.reasons.eligibility import Eligibility

_OVERRULED: Final = sum(
    reason.bit
    for reason in (
        Reason.OFF,
        Reason.NOT_ADVISED,
        Reason.CANNOT_TELL,
        Reason.SWAPPED,
        Reason.SHARED,
        Reason.SPARSE,
        Reason.CACHE,
        Reason.SPLIT,
        Reason.FALLBACK,
        Reason.WAITING,
    )
)
"""What it does not ask about, or where it may succeed (mm/khugepaged.c, madvise_collapse())."""


def refused(eligibility: Eligibility, in_force: InForce, index: int, bits: int) -> int:
    """The bits of the reasons that it does not get past.

    Args:
        eligibility: The rules applied to all VMAs.
        in_force: The settings.
        index: The VMA.
        bits: Of every ``Reason`` that holds: of the VMA, or of a slot in it.
    """
    overruled = _OVERRULED
    kept = Reason.OFF.bit if in_force.thp.enabled is None else 0
    kind = VmaKind(int(eligibility.kind[index]))
    if kind in SHARED_KINDS:
        advised = bool(eligibility.advice[index] == Advice.HUGEPAGE)
        if modes.collapse_allowed(in_force, kind, advised=advised):
            overruled |= Reason.SHMEM_OFF.bit
        else:
            kept |= Reason.SHMEM_OFF.bit
    if in_force.process is ProcessThp.ADVISED_ONLY:
        overruled |= Reason.PROCESS_OFF.bit
    if kind is VmaKind.FILE and in_force.read_only_thp is not True:
        kept |= Reason.FILE.bit
    return kept | (bits & ~overruled)
