"""A slow, plain account of what changed between two readings, page range by page range."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from hpview.space.changes import ChangeKind
from hpview.space.vma import Mark
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, RunFlag, VmaFlag
from tests.space_model import TABLE, slots_of_run

if TYPE_CHECKING:
    import numpy as np

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records


@dataclass(frozen=True)
class Here:
    """What one reading says of a part of a slot; counts are (at least, at most)."""

    vma: tuple[int, int] | None
    seen: bool
    known: bool = False
    rank: int = 0
    present: tuple[int, int] = (0, 0)
    swapped: tuple[int, int] = (0, 0)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Bytes, as SIZES."""
        present = self.present[1] * PAGE_SIZE
        small = 0 if self.rank else present
        return small, present - small, self.swapped[1] * PAGE_SIZE


def _cover(rows: Records, addr: int) -> np.void | None:
    for row in rows:
        if row["start"] <= addr < row["end"]:
            found: np.void = row
            return found
    return None


def here(space: AddressSpace, lo: int, hi: int) -> Here:
    """The state of ``[lo, hi)``, which lies in one slot and is cut by no border."""
    reach = 1 << 64
    if not space.complete:
        reach = int(space.vmas["start"][-1]) if len(space.vmas) else 0
    vma = _cover(space.vmas, lo)
    if vma is None:
        return Here(None, lo < reach)
    bounds = int(vma["start"]), int(vma["end"])
    slot = lo // SLOT_SIZE * SLOT_SIZE
    whole = (min(bounds[1], slot + SLOT_SIZE) - max(bounds[0], slot)) // PAGE_SIZE
    inside = (hi - lo) // PAGE_SIZE
    run = _cover(space.runs, lo)
    parts = [] if run is None else [part for part in slots_of_run(run) if part.lo <= lo < part.hi]
    unread = bool(vma["flags"] & (VmaFlag.SKIPPED | VmaFlag.ESTIMATE))
    unread |= bool(vma["marks"] & Mark.PARTIAL)
    rank, counts = 0, [0, 0]
    for part in parts:
        unread |= part.backing == Backing.UNKNOWN or bool(part.flags & RunFlag.ESTIMATE)
        rank = {Backing.PMD_2M: 1, Backing.PUD_1G: 2}.get(Backing(part.backing), 0)
        if part.backing in TABLE:
            counts = [*part.counts[:2]]
    if unread or lo >= reach:
        sizes = (0, 0), (0, 0)
        if not unread:
            sizes = (0, min(counts[0], inside)), (0, min(counts[1], inside))
        return Here(bounds, lo < reach, False, 0 if unread else rank, *sizes)
    cut_badly = vma["marks"] & Mark.CHANGED and whole < SLOT_SIZE // PAGE_SIZE
    ranges = [
        (0, inside) if cut_badly else (max(0, count - (whole - inside)), min(count, inside))
        for count in counts
    ]
    if rank:
        ranges[0] = inside, inside
    return Here(bounds, True, True, rank, ranges[0], ranges[1])


def kind(was: Here, now: Here) -> int:
    """The change between two states, 0 for none."""
    if not (was.seen and now.seen) or (was.vma is None and now.vma is None):
        return 0
    if was.vma is None:
        return ChangeKind.MAPPED
    if now.vma is None:
        return ChangeKind.UNMAPPED
    if not (was.known and now.known):
        return 0
    if now.rank > was.rank:
        return ChangeKind.BECAME_HUGE
    if now.rank < was.rank and now.present[1]:
        return ChangeKind.SPLIT
    if now.swapped[0] > was.swapped[1]:
        return ChangeKind.SWAPPED_OUT
    more = now.present[0] > was.present[1]
    back = now.swapped[1] < was.swapped[0]
    if more:
        return ChangeKind.SWAPPED_IN if back else ChangeKind.FILLED
    if now.present[1] < was.present[0] or (back and now.present[1] <= was.present[0]):
        return ChangeKind.EMPTIED
    return 0


def borders(space: AddressSpace) -> set[int]:
    """Where VMAs begin and end."""
    return {int(addr) for row in space.vmas for addr in (row["start"], row["end"])}


def expected(old: AddressSpace, new: AddressSpace) -> list[tuple[int, ...]]:
    """(start, end, kind, was by SIZES, is by SIZES) of each change."""
    cuts = borders(old) | borders(new)
    if not cuts:
        return []
    first, last = min(cuts) // SLOT_SIZE * SLOT_SIZE, max(cuts)
    edges = sorted(cuts | {*range(first, last + SLOT_SIZE, SLOT_SIZE)})
    out: list[tuple[int, ...]] = []
    before: tuple[object, ...] = ()
    for lo, hi in pairwise(edges):
        was, now = here(old, lo, hi), here(new, lo, hi)
        found = kind(was, now)
        key = (hi, found, was.vma, now.vma)
        if not found:
            before = ()
            continue
        sizes = (*was.sizes, *now.sizes)
        if before == (lo, *key[1:]):
            start, _, _, *sums = out.pop()
            out.append((start, hi, found, *(a + b for a, b in zip(sums, sizes, strict=True))))
        else:
            out.append((lo, hi, found, *sizes))
        before = key
    return out
