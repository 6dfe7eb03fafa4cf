"""Two readings of one process side by side, cut to pieces that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space import runs as runs_
from hpview.space.vma import Mark
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, RunFlag, VmaFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_SLOT: Final = np.uint64(SLOT_SIZE)
_SLOT_SHIFT: Final = np.uint64(21)
_ONE: Final = np.uint64(1)
_LAST: Final = np.uint64(2**64 - 1)
_RUN_WORDS: Final = runs_.RUN.itemsize // 8
_UNREAD: Final = np.uint16(VmaFlag.SKIPPED | VmaFlag.ESTIMATE)
_RANK: Final = np.zeros(len(Backing), dtype=np.int8)
_RANK[Backing.PMD_2M], _RANK[Backing.PUD_1G] = 1, 2


def pair(old: AddressSpace, new: AddressSpace) -> tuple[Side, Side]:
    """The parts of two readings in which they differ."""
    old_runs, new_runs = _differing(old.runs, new.runs), _differing(new.runs, old.runs)
    at_runs = np.sort(np.concatenate((old_runs["start"], new_runs["start"])))
    return (
        Side(old, _concerned(old.vmas, new.vmas, at_runs), old_runs),
        Side(new, _concerned(new.vmas, old.vmas, at_runs), new_runs),
    )


def _differing(runs: Records, others: Records) -> Records:
    """The runs that are not among the others; what both have has not changed.

    A run's ends tell how its slots are cut, so equal ones lie in equal parts of slots.
    """
    if not len(others):
        return runs
    at = np.minimum(np.searchsorted(others["start"], runs["start"]), len(others) - 1)
    mine, theirs = (rows.view(np.uint64).reshape(-1, _RUN_WORDS) for rows in (runs, others))
    same = np.ones(len(runs), dtype=np.bool_)
    for word in range(_RUN_WORDS):
        same &= mine[:, word] == theirs[:, word][at]
    return runs.take(np.flatnonzero(~same))


def _concerned(vmas: Records, others: Records, at_runs: NDArray[np.uint64]) -> Records:
    """The VMAs that differ from the others or hold a run that differs."""
    wanted = np.searchsorted(at_runs, vmas["start"]) < np.searchsorted(at_runs, vmas["end"])
    if not len(others):
        return vmas
    at = np.minimum(np.searchsorted(others["start"], vmas["start"]), len(others) - 1)
    for field in ("start", "end", "flags", "marks"):
        wanted |= vmas[field] != others[field][at]
    return vmas.take(np.flatnonzero(wanted))


def pieces(*sides: Side) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Ranges within which nothing changes on any side: whole slots, or part of one slot."""
    edges = np.concatenate([side.rows[end] for side in sides for end in ("start", "end")])
    edges = np.concatenate([edges, *(side.runs[end] for side in sides for end in ("start", "end"))])
    cut = edges[(edges & (_SLOT - _ONE)) != 0]
    below = cut >> _SLOT_SHIFT << _SLOT_SHIFT
    # Mostly ascending already, where sorting is an order faster than np.unique.
    edges = np.sort(np.concatenate((edges, below, below + _SLOT)), kind="stable")
    edges = edges[np.append(edges[1:] != edges[:-1], True)] if len(edges) else edges
    return edges[:-1], edges[1:]


@dataclass(frozen=True, slots=True)
class State:
    """What one reading says of pieces, arrays of shape (n,); counts are pages per slot.

    Attributes:
        seen: Whether there is a VMA is known.
        vma: Index of the VMA, -1 for none.
        known: What is in it is known, too.
        rank: Of the leaf that maps it: 0 for none, 1 for 2 MiB, 2 for 1 GiB.
        present: At least and at most, shape (2, n).
        swapped: The same.
        sizes: Bytes by SIZES, shape (3, n).
        names: The VMA's name.
        files: The VMA maps a file.
    """

    seen: NDArray[np.bool_]
    vma: NDArray[np.intp]
    known: NDArray[np.bool_]
    rank: NDArray[np.int8]
    present: NDArray[np.int64]
    swapped: NDArray[np.int64]
    sizes: NDArray[np.int64]
    names: NDArray[np.uint32]
    files: NDArray[np.bool_]


class Side:
    """The part of one reading that is to be compared.

    Attributes:
        rows: VMAs.
        runs: Runs within them.
    """

    def __init__(self, space: AddressSpace, rows: Records, runs: Records) -> None:
        vmas = space.vmas
        self.rows = rows
        self.runs = runs
        self._reach = _LAST
        if not space.complete:
            # The runs of the last one may still be on their way.
            self._reach = vmas["start"][-1] if len(vmas) else np.uint64(0)

    def state(self, lo: NDArray[np.uint64], hi: NDArray[np.uint64]) -> State:
        """What is known of pieces."""
        vma, row = _found(self.rows, lo)
        mapped = vma >= 0
        run_at, run = _found(self.runs, lo)
        held = run_at >= 0
        unread = (row["flags"] & _UNREAD) != 0
        unread |= (row["marks"] & np.uint16(Mark.PARTIAL)) != 0
        guessed = (run["flags"] & np.uint16(RunFlag.ESTIMATE)) != 0
        unread |= held & (guessed | (run["backing"] == Backing.UNKNOWN))
        seen = lo < self._reach

        slot = lo >> _SLOT_SHIFT << _SLOT_SHIFT
        first, last = np.maximum(slot, row["start"]), np.minimum(slot + _SLOT, row["end"])
        whole = np.where(mapped, (last - first) // PAGE_SIZE, 0).astype(np.int64)
        inside = (np.minimum(hi - lo, _SLOT) // PAGE_SIZE).astype(np.int64)
        loose = (row["marks"] & np.uint16(Mark.CHANGED)) != 0
        loose &= whole < SLOT_SIZE // PAGE_SIZE

        rank = np.where(held, _RANK[run["backing"]], 0).astype(np.int8)
        bounds = []
        for count in ("present", "swapped"):
            pages = np.where(held, runs_.table_bytes(run, count) // PAGE_SIZE, 0)
            least = np.where(loose, 0, np.maximum(pages - (whole - inside), 0))
            most = np.where(loose, inside, np.minimum(pages, inside))
            bounds.append(np.stack((least, most)))
        present, swapped = bounds
        present[:, rank > 0] = inside[rank > 0]
        told = np.where(mapped & ~unread, PAGE_SIZE * runs_.slots_of(lo, hi), 0)
        small = np.where(rank > 0, 0, present[1])
        return State(
            seen=seen,
            vma=vma,
            known=seen & mapped & ~unread,
            rank=rank,
            present=present,
            swapped=swapped,
            sizes=np.stack((small, present[1] - small, swapped[1])) * told,
            names=row["name"],
            files=(row["ino"] != 0) | (row["dev"] != 0),
        )


def _found(rows: Records, lo: NDArray[np.uint64]) -> tuple[NDArray[np.intp], Records]:
    """For each address the index of the row that covers it, or -1, and the row; zeros if none."""
    if not len(rows):
        return np.full(len(lo), -1, dtype=np.intp), np.zeros(len(lo), dtype=rows.dtype)
    at = np.searchsorted(rows["start"], lo, "right") - 1
    index = np.where((at >= 0) & (lo < rows["end"][at]), at, -1)
    row = rows.take(index)
    return index, row
