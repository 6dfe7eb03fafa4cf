"""Sums for whoever tells of the answers: by reason with what shows it, and by VMA."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpview.reasons.breakdown import ranges
from hpview.space.columns import overlap
from hpview.space.runs import slots_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hpview.reasons.answers import Answers
    from hpview.reasons.breakdown import Share
    from hpview.reasons.case import Finding
    from hpview.reasons.reason import Reason
    from hpview.wire import Records


class Told(NamedTuple):
    """One reason with all there is to tell of it.

    Attributes:
        share: Its bytes and slots.
        counted: It is a part of the gap; else its memory stands beside coverage.
        vmas: VMAs in which it is the primary reason of something.
        places: Where, dtype ``breakdown.RANGE``, the most bytes first.
        finding: What shows it in the first of these.
    """

    share: Share
    counted: bool
    vmas: int
    places: Records
    finding: Finding


def told(answers: Answers) -> tuple[Told, ...]:
    """Every reason: first those of the gap, the largest first, then those beside it."""
    found = answers.breakdown
    return (
        *_told(answers, found.shares, "gap", counted=True),
        *_told(answers, found.others, "beside", counted=False),
    )


def _told(
    answers: Answers, shares: tuple[Share, ...], field: str, *, counted: bool
) -> Iterator[Told]:
    places = ranges(answers.pieces, field)
    for share in shares:
        own = places[places["reason"] == share.reason]
        own = own[np.argsort(-own["bytes"], kind="stable")]
        finding = finding_at(answers, int(own["start"][0]), share.reason)
        if finding is not None:
            yield Told(share, counted, len(np.unique(own["vma"])), own, finding)


def finding_at(answers: Answers, address: int, reason: Reason) -> Finding | None:
    """What shows that a reason holds in the slot around an address; None if it does not."""
    explanation = answers.explain(address)
    if explanation is None:
        return None
    return next((found for found in explanation.findings if found.reason is reason), None)


def within(answers: Answers, start: int, end: int) -> Records:
    """The verdicts on ``[start, end)``, cut to it, with the bytes that lie in it.

    Args:
        answers: The rules applied.
        start: A multiple of the slot size, as is ``end``.
        end: Address behind the last.

    Returns:
        dtype ``verdicts.PIECE``.
    """
    some = answers.pieces[overlap(answers.pieces, start, end)].copy()
    before = slots_of(some["start"], some["end"])
    some["start"] = np.maximum(some["start"], np.uint64(start))
    some["end"] = np.minimum(some["end"], np.uint64(end))
    after = slots_of(some["start"], some["end"])
    for field in ("gap", "beside", "huge"):
        # All slots of a piece are alike.
        some[field] = some[field] // before * after
    return some


class VmaSums(NamedTuple):
    """Bytes of each VMA, int64, shape (n,); meaning as in ``Breakdown``."""

    huge: NDArray[np.int64]
    gap: NDArray[np.int64]
    beside: NDArray[np.int64]

    @property
    def neediest(self) -> NDArray[np.intp]:
        """Indexes of the VMAs that hold some of the gap, the most first."""
        order = np.argsort(-self.gap, kind="stable")
        return order[self.gap[order] > 0]


def vma_sums(answers: Answers) -> VmaSums:
    """Sum up by VMA."""
    pieces, count = answers.pieces, len(answers.space.vmas)
    # Sums of bytes stay below 2**53: floats hold them exactly.
    return VmaSums(
        *(
            np.bincount(pieces["vma"], pieces[field], minlength=count).astype(np.int64)
            for field in VmaSums._fields
        )
    )
