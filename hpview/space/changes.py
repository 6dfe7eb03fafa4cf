"""What became of each slot between two readings of one process."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.sides import pair, pieces
from hpview.wire import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.space.sides import State
    from hpview.wire import Records


class ChangeKind(IntEnum):
    """What happened to a slot; the first that holds, in the order of ``_KINDS``."""

    BECAME_HUGE = 1
    """Mapped by a larger leaf than before, whatever was there."""
    SPLIT = 2
    """A leaf before; by smaller pages now, some of them present."""
    SWAPPED_OUT = 3
    """More pages swapped out."""
    SWAPPED_IN = 4
    """Fewer pages swapped out, and more present."""
    FILLED = 5
    """More pages present."""
    EMPTIED = 6
    """Fewer pages present or swapped out, and no more than before of the other."""
    MAPPED = 7
    """In no VMA before."""
    UNMAPPED = 8
    """In no VMA now."""


CHANGE: Final = np.dtype(
    [
        ("start", "u8"),
        ("end", "u8"),
        ("was_4k", "i8"),
        ("was_huge", "i8"),
        ("was_swap", "i8"),
        ("is_4k", "i8"),
        ("is_huge", "i8"),
        ("is_swap", "i8"),
        ("name", "u4"),
        ("file", "?"),
        ("kind", "u1"),
    ],
    align=True,
)
"""Consecutive slots of one VMA with the same change, 72 bytes.

``start``, ``end``: addresses cut to the VMA, end exclusive. ``was_*``, ``is_*``: bytes,
zero pages not counted; ``huge`` is under leaves of any size. ``kind``: ``ChangeKind``.
``name``: for ``AddressSpace.name`` of the newer space, of the older one where UNMAPPED.
``file``: the VMA maps a file.
"""

SIZES: Final = ("4k", "huge", "swap")
"""Behind ``was_`` and ``is_``."""


def same_memory(old: AddressSpace, new: AddressSpace) -> bool:
    """Whether two readings are of one address space.

    Other readers than BPF do not tell one mm from the next: there an exec is known by
    that no VMA begins where one did. Without randomised addresses it stays unnoticed.
    """
    if old.tgid != new.tgid or old.identity is None or new.identity is None:
        return False
    if old.identity[1] != new.identity[1]:
        return False
    if old.source is Source.BPF and new.source is Source.BPF:
        return old.identity == new.identity
    both = np.isin(old.vmas["start"], new.vmas["start"], assume_unique=True)
    return bool(both.any()) or not (len(old.vmas) and len(new.vmas))


def changes(old: AddressSpace, new: AddressSpace) -> Records:
    """Compare two readings slot by slot.

    What is compared is what lies at an address, whether or not the VMA there was
    replaced, cut, joined or given other permissions meanwhile. Each slot, cut to its VMA,
    has at most one change; ``ChangeKind`` says which.

    Where the VMAs' borders cut a slot otherwise than before, the common part is
    compared. A count of the whole may lie anywhere in it, so the part has between
    ``count - pages outside`` and ``min(count, pages inside)`` of them, and there is a
    change only if these ranges of before and now do not meet. Bytes told are the upper ones.

    Nothing is concluded from what was not read: an UNKNOWN run, a VMA that was skipped,
    is partly read or only estimated, and, in a reading that is not complete, whatever
    lies at or above its last VMA. In a VMA that changed while it was read, the slots
    that its borders cut may hold any number of pages. That a VMA came or went is known
    without its content.

    Cost: O(n log n) for the n VMAs and runs that differ, and a few passes over the rest.

    Args:
        old: A reading.
        new: A later one; see ``same_memory``.

    Returns:
        dtype CHANGE, sorted, disjoint.
    """
    before, after = pair(old, new)
    lo, hi = pieces(before, after)
    was, now = before.state(lo, hi), after.state(lo, hi)
    return _joined(lo, hi, _kinds(was, now), was, now)


def _kinds(was: State, now: State) -> NDArray[np.uint8]:
    """The ``ChangeKind`` of each piece, 0 for none, shape (n,)."""
    seen = was.seen & now.seen
    came, went = (was.vma < 0) & (now.vma >= 0), (was.vma >= 0) & (now.vma < 0)
    known = was.known & now.known
    more, fewer = now.present[0] > was.present[1], now.present[1] < was.present[0]
    out, back = now.swapped[0] > was.swapped[1], now.swapped[1] < was.swapped[0]
    no_more = now.present[1] <= was.present[0]
    kinds = {
        ChangeKind.MAPPED: seen & came,
        ChangeKind.UNMAPPED: seen & went,
        ChangeKind.BECAME_HUGE: known & (now.rank > was.rank),
        ChangeKind.SPLIT: known & (now.rank < was.rank) & (now.present[1] > 0),
        ChangeKind.SWAPPED_OUT: known & out,
        ChangeKind.SWAPPED_IN: known & back & more,
        ChangeKind.FILLED: known & more,
        ChangeKind.EMPTIED: known & (fewer | (back & no_more)),
    }
    return np.select(list(kinds.values()), list(kinds), default=0).astype(np.uint8)


def _joined(
    lo: NDArray[np.uint64],
    hi: NDArray[np.uint64],
    kinds: NDArray[np.uint8],
    was: State,
    now: State,
) -> Records:
    """Changes of pieces as ranges: neighbours of one kind in one VMA, before and now."""
    some = np.flatnonzero(kinds)
    if not len(some):
        return np.zeros(0, dtype=CHANGE)
    prior, next_ = some[:-1], some[1:]
    apart = hi[prior] != lo[next_]
    for key in (kinds, was.vma, now.vma):
        apart |= key[prior] != key[next_]
    heads = np.concatenate(([0], np.flatnonzero(apart) + 1))
    first, last = some[heads], some[np.append(heads[1:], len(some)) - 1]
    out = np.zeros(len(heads), dtype=CHANGE)
    out["start"], out["end"], out["kind"] = lo[first], hi[last], kinds[first]
    for when, state in (("was", was), ("is", now)):
        for size, bytes_ in zip(SIZES, state.sizes, strict=True):
            out[f"{when}_{size}"] = np.add.reduceat(bytes_[some], heads)
    gone = kinds[first] == ChangeKind.UNMAPPED
    out["name"] = np.where(gone, was.names[first], now.names[first])
    out["file"] = np.where(gone, was.files[first], now.files[first])
    return out
