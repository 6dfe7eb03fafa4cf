"""What the answers do not rest on because it could not be read, and what would change that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hpview.in_force import ProcessThp
from hpview.pages.slot_facts import MOST, Folio
from hpview.reasons.advice import Advice
from hpview.reasons.kinds import VmaKind
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.inquiry.asking import Inquiry

_AS_ROOT: Final = "run as root"


class Unknown(NamedTuple):
    """One thing that is not known.

    Attributes:
        what: It, and where it would stand.
        remedy: What would make it known, or "".
    """

    what: str
    remedy: str = ""


def unknowns(found: Inquiry) -> tuple[Unknown, ...]:
    """What was not readable for these answers, the weightiest first."""
    return (*_of_the_process(found), *_of_pages(found), *_of_the_machine(found))


def _of_the_process(found: Inquiry) -> Iterator[Unknown]:
    answers = found.answers
    unread = answers.space.read_errors
    if unread:
        yield Unknown(
            f"page tables of {thousands(unread)} VMA{'s' * (unread != 1)}", "read the process again"
        )
    advice = answers.eligibility.advice[answers.eligibility.huge_able]
    unadvised = int(np.count_nonzero(advice == Advice.UNKNOWN))
    if unadvised:
        vmas = f"{thousands(unadvised)} huge-able VMA{'s' * (unadvised != 1)}"
        yield Unknown(
            f"what madvise() said of {vmas}",
            "run as root, or with CAP_BPF and CAP_PERFMON; or read smaps once",
        )
    match answers.in_force.process:
        case ProcessThp.UNKNOWN:
            yield Unknown("whether huge pages are disabled for the process (THP_enabled)")
        case ProcessThp.NOT_DISABLED:
            yield Unknown(
                "whether the process has huge pages only where advised "
                "(PR_THP_DISABLE_EXCEPT_ADVISED): /proc does not tell"
            )


def _of_pages(found: Inquiry) -> Iterator[Unknown]:
    if found.no_facts:
        yield Unknown(f"which pages are shared or were huge: {found.no_facts}")
    if found.unasked:
        slots = f"{thousands(found.unasked)} slot{'s' * (found.unasked != 1)}"
        yield Unknown(
            f"which pages are shared or were huge, of {slots}: only {thousands(MOST)} are looked at"
        )
    if len(found.facts) and (found.facts["folio"] == Folio.UNKNOWN).all():
        yield Unknown("which pages were huge and are split (/proc/kpageflags)", _AS_ROOT)


def _of_the_machine(found: Inquiry) -> Iterator[Unknown]:
    in_force = found.answers.in_force
    has_files = bool((found.answers.eligibility.kind == VmaKind.FILE).any())
    if in_force.read_only_thp is None and has_files:
        yield Unknown(
            "CONFIG_READ_ONLY_THP_FOR_FS of this kernel (/proc/config.gz, /boot/config-*)"
        )
    if not in_force.mounts:
        yield Unknown("file systems and their options (/proc/PID/mountinfo)", _AS_ROOT)
    if in_force.free_huge is None:
        yield Unknown("free blocks of 2 MiB (/proc/buddyinfo)")
