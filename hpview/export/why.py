"""``hpview.why/1`` and ``hpview.why-slot/1``: why memory is not huge, as JSON.

Names of reasons are those of ``Reason.key`` and stay what they are. Conventions as in ``json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hpview import text
from hpview.inquiry.asking import cross_check
from hpview.inquiry.sums import vma_sums
from hpview.inquiry.unknowns import unknowns
from hpview.inquiry.words import slot_words
from hpview.reasons.breakdown import by_vma
from hpview.reasons.reason import COUNT, Reason

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.reasons.answers import Answers, Explanation
    from hpview.reasons.case import Finding

_KEYS: Final = tuple(reason.key for reason in Reason)

REASON_KEYS: Final = (
    "reason",
    "words",
    "counted",
    "certain",
    "bytes",
    "share",
    "slots",
    "vmas",
    "ranges",
    "start",
    "end",
)
"""Keys of a reason but for its evidence and remedies."""


def why_object(found: Inquiry, *, complete: bool) -> dict[str, Any]:
    """The object of ``hpview why PID --format json``, schema ``hpview.why/1``.

    Args:
        found: The answers.
        complete: All of the process was read.
    """
    answers = found.answers
    sums = answers.breakdown
    return {
        "schema": "hpview.why/1",
        **_head(answers, complete=complete),
        "headline": sums.words(),
        "coverage": sums.coverage,
        "huge": sums.huge,
        "gap": sums.gap,
        "beside": sums.beside,
        "reasons": [reason_object(one, sums.gap) for one in found.told],
        "vmas": vma_objects(answers),
        **_rest(found),
    }


def slot_object(found: Inquiry, explanation: Explanation, *, complete: bool) -> dict[str, Any]:
    """The object of ``hpview why PID ADDRESS --format json``, schema ``hpview.why-slot/1``."""
    answers = found.answers
    vma = answers.space.vmas[explanation.vma]
    return {
        "schema": "hpview.why-slot/1",
        **_head(answers, complete=complete),
        "start": hex(explanation.start),
        "end": hex(explanation.end),
        "vma": {
            "start": hex(int(vma["start"])),
            "end": hex(int(vma["end"])),
            "name": text.well_formed(answers.space.name_of(explanation.vma)),
        },
        "huge": explanation.huge,
        "reasons": [
            {
                "reason": finding.reason.key,
                "words": slot_words(finding),
                "primary": number == 0,
                **_finding(finding),
            }
            for number, finding in enumerate(explanation.findings)
        ],
        **_rest(found),
    }


def _head(answers: Answers, *, complete: bool) -> dict[str, Any]:
    space = answers.space
    return {
        "pid": space.tgid,
        "comm": text.well_formed(space.comm),
        "source": space.source.label,
        "complete": complete,
    }


def _rest(found: Inquiry) -> dict[str, Any]:
    return {
        "in_force": in_force_object(found.answers.in_force),
        "not_known": [
            {"what": unknown.what, "remedy": unknown.remedy or None} for unknown in unknowns(found)
        ],
        "cross_check": _cross_check(found),
    }


def reason_object(one: Told, gap: int) -> dict[str, Any]:
    """A reason with its sums, and with the evidence and remedies of its largest range."""
    share = one.share
    return {
        "reason": share.reason.key,
        "words": share.reason.short,
        "counted": one.counted,
        "bytes": share.bytes,
        "share": share.bytes / gap if one.counted else None,
        "slots": share.slots,
        "vmas": one.vmas,
        "ranges": len(one.places),
        "start": hex(share.start),
        "end": hex(share.end),
        **_finding(one.finding),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "certain": finding.certain,
        "evidence": [
            {name: text.well_formed(value) for name, value in fact._asdict().items()}
            for fact in finding.evidence
        ],
        "remedies": [
            {"words": text.well_formed(remedy.words), "text": text.well_formed(remedy.text) or None}
            for remedy in finding.remedies
        ],
    }


def vma_objects(answers: Answers) -> list[dict[str, Any]]:
    """The VMAs that hold some of the gap, the most first."""
    sums, space = vma_sums(answers), answers.space
    by_reason = by_vma(answers.pieces, len(space.vmas), answers.pieces["gap"])
    return [
        {
            "start": hex(int(space.vmas["start"][index])),
            "end": hex(int(space.vmas["end"][index])),
            "name": text.well_formed(space.name_of(index)),
            "huge": huge,
            "gap": gap,
            "coverage": huge / (huge + gap),
            "reason": Reason(main).key,
            "reasons": {_KEYS[at]: shares[at] for at in range(COUNT) if shares[at]},
        }
        for index, huge, gap, main, shares in zip(
            sums.neediest.tolist(),
            *(column[sums.neediest].tolist() for column in (sums.huge, sums.gap, answers.main)),
            by_reason[sums.neediest].tolist(),
            strict=True,
        )
    ]


def in_force_object(in_force: InForce) -> dict[str, Any]:
    """The settings; null is a file that this kernel lacks, or that may not be read."""
    thp = in_force.thp
    return {
        "kernel": ".".join(map(str, in_force.kernel)),
        "enabled": thp.enabled,
        "defrag": thp.defrag,
        "shmem_enabled": thp.shmem_enabled,
        "use_zero_page": thp.use_zero_page,
        "sizes": [
            {"size": one.size, "enabled": one.enabled, "shmem_enabled": one.shmem_enabled}
            for one in thp.sizes
        ],
        "khugepaged": dict(thp.khugepaged),
        "process": in_force.process.value,
        "read_only_thp_for_fs": in_force.read_only_thp,
        "free_2m_blocks": in_force.free_huge,
        "thp_fault_alloc": in_force.fault_alloc,
        "thp_fault_fallback": in_force.fault_fallback,
    }


def _cross_check(found: Inquiry) -> dict[str, Any] | None:
    """THPeligible against the rules; null where smaps was not read."""
    if found.smaps is None:
        return None
    compared, differ = cross_check(found)
    return {
        "vmas": compared,
        "differ": [
            {
                "start": hex(one.start),
                "end": hex(one.end),
                "thp_eligible": one.kernel,
                "foretold": one.foretold,
            }
            for one in differ
        ],
    }
