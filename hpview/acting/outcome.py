"""What came of it: the slots of a plan in a reading before and one after."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hpview.acting.plan import inwards
from hpview.space import runs as runs_
from hpview.space.cells import cells
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hpview.acting.plan import Plan
    from hpview.acting.target import Attempt
    from hpview.space.address_space import AddressSpace


@dataclass(frozen=True, slots=True)
class Outcome:
    """Numbers of the whole range, read from the page tables, not from what the call claims.

    Attributes:
        count: Slots of the range.
        was_huge: Of these, huge before.
        huge: Huge now.
        tried: Slots the kernel was asked for.
        left: Slots that were to be tried and were not: it was stopped.
        grown: Bytes that resident memory of the range grew by.
        failures: Slots tried that are not huge now, by errno, the commonest first; 0 where
            the kernel said that it was done.
    """

    count: int
    was_huge: int
    huge: int
    tried: int
    left: int
    grown: int
    failures: tuple[tuple[int, int], ...]

    @property
    def whole(self) -> bool:
        """Every slot of the range is huge now."""
        return self.huge == self.count


def outcome(
    plan: Plan, attempts: Sequence[Attempt], before: AddressSpace, after: AddressSpace
) -> Outcome:
    """Compare.

    Args:
        plan: What was to be tried.
        attempts: What was.
        before: A reading from before the first attempt.
        after: One from after the last.
    """
    asked = np.array([attempt.address for attempt in attempts], dtype=np.uint64)
    now_huge = huge_at(after, asked)
    failed = Counter(
        attempt.errno
        for attempt, is_huge in zip(attempts, now_huge.tolist(), strict=True)
        if not is_huge
    )
    was, huge = (_bytes(space, plan) for space in (before, after))
    return Outcome(
        count=plan.count,
        was_huge=was[0] // SLOT_SIZE,
        huge=huge[0] // SLOT_SIZE,
        tried=len(attempts),
        left=len(plan.slots) - len(attempts),
        grown=huge[1] - was[1],
        failures=tuple(failed.most_common()),
    )


def huge_at(space: AddressSpace, slots: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which slots are mapped by a leaf, shape (n,)."""
    runs = space.runs
    at = np.searchsorted(runs["end"], slots, "right")
    inside = at < len(runs)
    inside[inside] = runs["start"][at[inside]] <= slots[inside]
    inside[inside] = np.isin(runs["backing"][at[inside]], runs_.LEAVES)
    return inside


def all_huge(space: AddressSpace, start: int, end: int) -> bool:
    """Whether every whole slot of a range is mapped by a leaf, and there is one."""
    first, behind = inwards(start, end)
    if first >= behind:
        return False
    here = runs_.trim(space.runs_of(first, behind), first, behind)
    huge = here[np.isin(here["backing"], runs_.LEAVES)]
    return int((huge["end"] - huge["start"]).sum()) == behind - first


def _bytes(space: AddressSpace, plan: Plan) -> tuple[int, int]:
    """Huge and resident bytes of the range."""
    here = cells(space, plan.start, 1, plan.end - plan.start)
    huge = int(here.bytes_2m[0]) + int(here.bytes_1g[0])
    return huge, huge + int(here.bytes_4k[0])
