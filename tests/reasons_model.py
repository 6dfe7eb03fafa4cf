"""The verdicts by a slow, plain reading of the rules, one slot at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hpview.pages.slot_facts import Folio
from hpview.reasons.reason import Reason
from hpview.wire import SLOT_SIZE, Backing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hpview.in_force import InForce
    from hpview.reasons.eligibility import Eligibility
    from hpview.space.address_space import AddressSpace


class Slot(NamedTuple):
    """What the rules say of one slot."""

    start: int
    end: int
    vma: int
    reason: Reason
    reasons: frozenset[Reason]
    gap: int
    beside: int
    huge: int


def slots(
    space: AddressSpace,
    in_force: InForce,
    eligibility: Eligibility,
    facts: Mapping[int, tuple[int, Folio]],
) -> Iterator[Slot]:
    """Every slot that has a run, ascending."""
    for run in space.runs:
        at = int(run["start"])
        while at < int(run["end"]):
            end = min(at // SLOT_SIZE * SLOT_SIZE + SLOT_SIZE, int(run["end"]))
            vma = space.index_at(at)
            backing, present, swapped = (int(run[n]) for n in ("backing", "present", "swapped"))
            whole = end - at == SLOT_SIZE
            shared, folio = facts.get(at, (0, Folio.UNKNOWN)) if whole else (0, Folio.UNKNOWN)
            shared = max(shared - int(run["zero"]), 0)
            found = _reasons(
                in_force, int(eligibility.obstacles[vma]), backing, present, swapped, shared,
                split=folio is Folio.SPLIT, whole=whole,
                cache=_in_cache(space, in_force, eligibility, vma),
                thp=int(eligibility.kind[vma]) in (0, 1, 2, 4, 6),
            )  # fmt: skip
            leaf = backing in (Backing.PMD_2M, Backing.PUD_1G)
            table = backing in (Backing.PTE_4K, Backing.SWAP, Backing.ZERO)
            small = present * 4096 if table else 0
            able = bool(eligibility.huge_able[vma])
            yield Slot(
                at, end, vma, min(found), frozenset(found),
                small if able else 0, 0 if able else small, end - at if leaf else 0,
            )  # fmt: skip
            at = end


def _in_cache(space: AddressSpace, in_force: InForce, eligibility: Eligibility, vma: int) -> bool:
    mount = in_force.mounts.get(int(space.vmas["dev"][vma]))
    return int(eligibility.kind[vma]) == 4 and mount is not None and mount.kind == "ext4"


def _reasons(
    in_force: InForce, obstacles: int, backing: int, present: int, swapped: int, shared: int,
    *, split: bool, whole: bool, cache: bool, thp: bool,
) -> set[Reason]:  # fmt: skip
    if backing in (Backing.PMD_2M, Backing.PUD_1G):
        return {Reason.NONE}
    if backing == Backing.UNKNOWN:
        return {Reason.UNREADABLE}
    found = {reason for reason in Reason if obstacles >> reason & 1}
    if backing in (Backing.NONE, Backing.ZERO) or not present + swapped:
        found.add(Reason.EMPTY)
    if not whole and Reason.TOO_SMALL not in found:
        found.add(Reason.EDGE)
    if thp and whole and Reason.EMPTY not in found:
        limits = in_force.thp.khugepaged
        if swapped > limits["max_ptes_swap"] or not present:
            found.add(Reason.SWAPPED)
        if shared > limits["max_ptes_shared"]:
            found.add(Reason.SHARED)
        if present and 512 - present - swapped > limits["max_ptes_none"]:
            found.add(Reason.SPARSE)
    if cache:
        found.add(Reason.CACHE)
    if split:
        found.add(Reason.SPLIT)
    if not found:
        found.add(Reason.WAITING if in_force.free_huge else Reason.FALLBACK)
    return found
