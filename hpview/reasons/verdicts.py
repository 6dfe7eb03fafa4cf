"""For each slot in use the reason why it is not huge, and the bytes that are missed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.pages.slot_facts import NO_FACTS, Folio
from hpview.reasons.bits import ReasonBits
from hpview.reasons.eligibility import Support
from hpview.reasons.kinds import THP_KINDS
from hpview.reasons.reason import Reason
from hpview.space import runs as runs_
from hpview.space.columns import found_at
from hpview.wire import SLOT_PAGES, SLOT_SIZE, Backing, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce
    from hpview.reasons.eligibility import Eligibility
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

    Mask = NDArray[np.bool_]

PIECE: Final = np.dtype(
    [
        ("start", "u8"),
        ("end", "u8"),
        ("vma", "u4"),
        ("mask", "u4"),
        ("reason", "u1"),
        ("backing", "u1"),
        ("present", "u2"),
        ("swapped", "u2"),
        ("shared", "u2"),
        ("gap", "i8"),
        ("beside", "i8"),
        ("huge", "i8"),
    ],
    align=True,
)
"""Consecutive slots of one VMA with one verdict.

``start``, ``end``: addresses, cut to the VMA. ``vma``: index in ``AddressSpace.vmas``.
``mask``: bits of every reason that holds, the primary one with them. ``reason``: the primary
``Reason``. ``backing``: ``wire.Backing``. ``present``, ``swapped``: 4 kB pages per slot.
``shared``: of them mapped by others too, 0 where not asked for. ``gap``: bytes of 4 kB pages
in huge-able VMAs; ``beside``: those in others; ``huge``: bytes of leaves.
"""

NONE_DEFAULT: Final = SLOT_PAGES - 1
SWAP_DEFAULT: Final = SLOT_PAGES // 8
SHARED_DEFAULT: Final = SLOT_PAGES // 2
"""mm/khugepaged.c, khugepaged_init(): what max_ptes_* are unless somebody sets them."""

_SLOT: Final = np.uint64(SLOT_SIZE)
_UFFD: Final = np.uint64(VmFlag.UFFD_MISSING)


def decide(
    space: AddressSpace,
    in_force: InForce,
    eligibility: Eligibility,
    facts: Records = NO_FACTS,
) -> Records:
    """The verdict on every slot that has something in it.

    Args:
        space: What is known.
        in_force: The settings.
        eligibility: The rules applied to the VMAs of ``space``.
        facts: dtype ``slot_facts.SLOT_FACTS``, ascending; of some slots, or none.

    Returns:
        dtype ``PIECE``, ascending and disjoint. Slots with nothing in them have no piece.
        ``gap`` sums to the present 4 kB pages of huge-able VMAs.
    """
    runs = _cut(space.runs, facts)
    out = np.zeros(len(runs), dtype=PIECE)
    for field in ("start", "end", "backing", "present", "swapped"):
        out[field] = runs[field]
    out["vma"] = np.searchsorted(space.vmas["end"], runs["start"], "right")
    folio = _with_facts(out, runs["zero"], facts)
    bits = _bits(space, in_force, eligibility, out, folio)
    out["mask"], out["reason"] = bits.rows, bits.first
    slots = runs_.slots_of(runs["start"], runs["end"])
    small = runs_.table_bytes(runs, "present") * slots
    able = eligibility.huge_able[out["vma"]]
    out["gap"] = np.where(able, small, 0)
    out["beside"] = np.where(able, 0, small)
    leaf = np.isin(runs["backing"], runs_.LEAVES)
    out["huge"] = np.where(leaf, runs["end"] - runs["start"], 0)
    return out


def _cut(runs: Records, facts: Records) -> Records:
    """Runs cut into what lies in one slot only, and whole slots; singly where facts are."""
    start, end = runs["start"], runs["end"]
    first = np.minimum((start + (_SLOT - np.uint64(1))) // _SLOT * _SLOT, end)
    last = np.maximum(end // _SLOT * _SLOT, first)
    parts = []
    for lo, hi in ((start, first), (first, last), (last, end)):
        some = lo < hi
        part = runs[some]
        part["start"], part["end"] = lo[some], hi[some]
        parts.append(part)
    parts[1] = _singly(parts[1], facts["start"])
    whole = np.concatenate(parts)
    return whole[np.argsort(whole["start"], kind="stable")]


def _singly(runs: Records, slots: NDArray[np.uint64]) -> Records:
    """Split into single slots the runs that hold one of some slots."""
    has = np.searchsorted(slots, runs["end"]) > np.searchsorted(slots, runs["start"])
    if not has.any():
        return runs
    known = runs[has]
    single = np.repeat(known, runs_.slots_of(known["start"], known["end"]))
    single["start"] = runs_.every_slot(known["start"], known["end"])
    single["end"] = single["start"] + _SLOT
    return np.concatenate((runs[~has], single))


def _with_facts(pieces: Records, zero: NDArray[np.uint16], facts: Records) -> NDArray[np.uint8]:
    """Fill in what is shared, without zero pages; what is known of the folio of each piece."""
    folio = np.zeros(len(pieces), dtype=np.uint8)
    at, met = found_at(facts["start"], pieces["start"])
    shared = facts["shared"][at[met]]
    pieces["shared"][met] = shared - np.minimum(shared, zero[met])
    folio[met] = facts["folio"][at[met]]
    return folio


def _bits(
    space: AddressSpace,
    in_force: InForce,
    eligibility: Eligibility,
    pieces: Records,
    folio: NDArray[np.uint8],
) -> ReasonBits:
    vma, backing = pieces["vma"], pieces["backing"]
    bits = ReasonBits(eligibility.obstacles[vma].copy())
    kind = eligibility.kind[vma]
    whole = (pieces["end"] - pieces["start"]) % _SLOT == 0
    whole &= pieces["start"] % _SLOT == 0
    table = (backing == Backing.PTE_4K) | (backing == Backing.SWAP)
    nothing = (backing == Backing.ZERO) | (backing == Backing.NONE)
    nothing |= table & (pieces["present"] == 0) & (pieces["swapped"] == 0)
    bits.add(Reason.EMPTY, nothing)
    small = (bits.rows & np.uint32(Reason.TOO_SMALL.bit)) != 0
    bits.add(Reason.EDGE, ~whole & ~small)
    uffd = (space.vmas["vm_flags"][vma] & _UFFD) != 0
    _add_fill(bits, in_force, pieces, uffd, np.isin(kind, THP_KINDS) & table & whole & ~nothing)
    bits.add(Reason.CACHE, eligibility.support[vma] == Support.CACHE)
    bits.add(Reason.SPLIT, folio == Folio.SPLIT)
    left = (bits.rows == 0) & table
    bits.add(Reason.FALLBACK if in_force.free_huge == 0 else Reason.WAITING, left)
    bits.only(Reason.UNREADABLE, backing == Backing.UNKNOWN)
    bits.only(Reason.NONE, np.isin(backing, runs_.LEAVES))
    return bits


def _add_fill(
    bits: ReasonBits, in_force: InForce, pieces: Records, uffd: Mask, where: Mask
) -> None:
    """What khugepaged leaves alone (mm/khugepaged.c, hpage_collapse_scan_pmd()).

    Zero pages count as none, and where userfaultfd waits for missing pages (``uffd``) it
    fills in none at all. Of files it looks at the page cache, of which the page table
    shows a part: there it is possible, not certain.
    """
    present, swapped = pieces["present"].astype(np.int64), pieces["swapped"].astype(np.int64)
    none = SLOT_PAGES - present - swapped
    may_lack = np.where(uffd, 0, in_force.khugepaged("max_ptes_none", NONE_DEFAULT))
    may_swap = in_force.khugepaged("max_ptes_swap", SWAP_DEFAULT)
    may_share = in_force.khugepaged("max_ptes_shared", SHARED_DEFAULT)
    bits.add(Reason.SWAPPED, where & ((swapped > may_swap) | (present == 0)))
    bits.add(Reason.SHARED, where & (pieces["shared"] > may_share))
    bits.add(Reason.SPARSE, where & (none > may_lack) & (present > 0))
