"""Parts of slots: what of one slot lies in one VMA, and which part comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from hpview.wire import Records


def part_at(vmas: Records, address: int) -> tuple[int, int] | None:
    """The part of an address's slot that one VMA covers.

    Args:
        vmas: dtype VMA, sorted, disjoint.
        address: Any.

    Returns:
        First address and end, in the VMA at the address, else in the first one of the
        slot; None if there is none.
    """
    slot = address & -SLOT_SIZE
    index = int(np.searchsorted(vmas["end"], np.uint64(address), "right"))
    if index == len(vmas) or int(vmas["start"][index]) > address:
        index = int(np.searchsorted(vmas["end"], np.uint64(slot), "right"))
    if index == len(vmas) or int(vmas["start"][index]) >= slot + SLOT_SIZE:
        return None
    start, end = int(vmas["start"][index]), int(vmas["end"][index])
    return max(start, slot), min(end, slot + SLOT_SIZE)


def part_beside(vmas: Records, start: int, end: int, step: int) -> tuple[int, int] | None:
    """The nearest part of a slot before (-1) or behind (1) a range; gaps do not count.

    Args:
        vmas: dtype VMA, sorted, disjoint.
        start: First address of the range.
        end: Address behind its last.
        step: -1 or 1.

    Returns:
        First address and end; None if there is none.
    """
    if step > 0:
        index = int(np.searchsorted(vmas["end"], np.uint64(end), "right"))
        if index == len(vmas):
            return None
        first = max(end, int(vmas["start"][index]))
        return first, min(int(vmas["end"][index]), (first & -SLOT_SIZE) + SLOT_SIZE)
    index = int(np.searchsorted(vmas["start"], np.uint64(start))) - 1
    if index < 0:
        return None
    last = min(start, int(vmas["end"][index]))
    return max(int(vmas["start"][index]), (last - 1) & -SLOT_SIZE), last
