"""Sums over verdicts: coverage, and the gap by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hpview.reasons.reason import COUNT, Reason
from hpview.space.runs import slots_of
from hpview.units import size as sized

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.wire import Records

RANGE: Final = np.dtype(
    [("start", "u8"), ("end", "u8"), ("vma", "u4"), ("reason", "u1"), ("bytes", "i8")], align=True
)
"""Consecutive slots of one VMA with one reason. ``bytes``: 4 kB pages in them."""


class Share(NamedTuple):
    """What one reason keeps from being huge.

    Attributes:
        reason: The primary one of all that is counted.
        bytes: Present 4 kB pages.
        slots: Slots that they lie in, cut ones included.
        start: Where the range with the most of these bytes begins.
        end: Where it ends.
    """

    reason: Reason
    bytes: int
    slots: int
    start: int
    end: int


class Breakdown(NamedTuple):
    """How much is huge, how much could be, and why it is not.

    Attributes:
        huge: Bytes mapped by leaves, hugetlb included.
        gap: Bytes of 4 kB pages in huge-able VMAs.
        beside: Bytes of 4 kB pages in all others, which coverage does not count.
        shares: Of the gap, the largest first; their bytes sum to ``gap``.
        others: The like of ``beside``.
    """

    huge: int
    gap: int
    beside: int
    shares: tuple[Share, ...]
    others: tuple[Share, ...]

    @property
    def able(self) -> int:
        """Huge-able resident bytes."""
        return self.huge + self.gap

    @property
    def coverage(self) -> float | None:
        """Huge bytes over huge-able resident bytes, 0 to 1; None where there are none."""
        return self.huge / self.able if self.able else None

    def words(self, most: int = 3) -> str:
        """The headline: what is missed, and for which reasons.

        Args:
            most: Reasons to name; the others are summed up.
        """
        if not self.able:
            return "nothing here can be huge"
        if not self.gap:
            return f"all {sized(self.huge)} that could be huge are"
        head = f"{sized(self.gap)} of {sized(self.able)} could be huge and are not"
        return f"{head}: {', '.join(self._parts(most))}"

    def _parts(self, most: int) -> list[str]:
        named = self.shares if len(self.shares) <= most else self.shares[: most - 1]
        parts = [f"{sized(share.bytes)} {share.reason.short}" for share in named]
        rest = self.gap - sum(share.bytes for share in named)
        return [*parts, f"{sized(rest)} for other reasons"] if rest else parts


def breakdown(pieces: Records) -> Breakdown:
    """Sum up verdicts, of a whole process or of some of it.

    Args:
        pieces: dtype ``verdicts.PIECE``, ascending.
    """
    return Breakdown(
        huge=int(pieces["huge"].sum()),
        gap=int(pieces["gap"].sum()),
        beside=int(pieces["beside"].sum()),
        shares=_shares(pieces, "gap"),
        others=_shares(pieces, "beside"),
    )


def _shares(pieces: Records, field: str) -> tuple[Share, ...]:
    counted = pieces[pieces[field] > 0]
    sums, slots = (
        np.bincount(counted["reason"], weights, minlength=COUNT)
        for weights in (counted[field], slots_of(counted["start"], counted["end"]))
    )
    found = ranges(counted, field)
    order = np.argsort(-sums, kind="stable")
    return tuple(
        _share(Reason(number), int(sums[number]), int(slots[number]), found)
        for number in order[sums[order] > 0].tolist()
    )


def _share(reason: Reason, total: int, slots: int, found: Records) -> Share:
    own = found[found["reason"] == reason]
    largest = own[own["bytes"].argmax()]
    return Share(reason, total, slots, int(largest["start"]), int(largest["end"]))


def ranges(pieces: Records, field: str = "gap") -> Records:
    """Join neighbouring pieces of one VMA and one primary reason.

    Args:
        pieces: dtype ``verdicts.PIECE``, ascending.
        field: ``gap`` or ``beside``: what to sum; pieces without any are left out.

    Returns:
        dtype ``RANGE``, ascending.
    """
    some = pieces[pieces[field] > 0]
    joined = np.zeros(len(some), dtype=np.bool_)
    joined[1:] = some["start"][1:] == some["end"][:-1]
    for key in ("vma", "reason"):
        joined[1:] &= some[key][1:] == some[key][:-1]
    heads = np.flatnonzero(~joined)
    out = np.zeros(len(heads), dtype=RANGE)
    if len(heads):
        last = np.append(heads[1:], len(some)) - 1
        for key in ("start", "vma", "reason"):
            out[key] = some[key][heads]
        out["end"] = some["end"][last]
        out["bytes"] = np.add.reduceat(some[field], heads)
    return out


def main_reasons(pieces: Records, vmas: int) -> NDArray[np.uint8]:
    """Of each VMA the ``Reason`` with the most 4 kB bytes, ``NONE`` without any; shape (n,).

    Args:
        pieces: dtype ``verdicts.PIECE``.
        vmas: n.
    """
    sums = by_vma(pieces, vmas, pieces["gap"] + pieces["beside"])
    out: NDArray[np.uint8] = sums.argmax(axis=1).astype(np.uint8)
    return out


def by_vma(pieces: Records, vmas: int, amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Amounts of pieces by VMA and primary reason, shape (n, ``COUNT``).

    Args:
        pieces: dtype ``verdicts.PIECE``, shape (m,).
        vmas: n.
        amounts: Of each piece, below 2**53 in all, shape (m,).
    """
    at = pieces["vma"].astype(np.int64) * COUNT + pieces["reason"]
    # As floats, which hold sums of bytes exactly.
    sums = np.bincount(at, amounts, minlength=vmas * COUNT)
    table: NDArray[np.int64] = sums.astype(np.int64).reshape(vmas, COUNT)
    return table
