"""Cells below the size of a slot: exact where the pages of the slot were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.pages.states import PageState
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.cells import Cells

_FIELDS: Final = (
    ("bytes_4k", PageState.PRESENT),
    ("bytes_2m", PageState.HUGE),
    ("bytes_swap", PageState.SWAPPED),
    ("bytes_zero", PageState.ZERO),
)
MOST: Final = 16384
"""Slots that are kept: 8 MiB."""


class Pages:
    """States of single pages by slot, as far as they were read; the oldest give way."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._states = np.zeros((MOST, SLOT_PAGES), dtype=np.uint8)
        self._free = list(range(MOST))
        self._old: set[int] = set()

    def __contains__(self, slot: int) -> bool:
        return slot in self._row_of

    def __len__(self) -> int:
        return len(self._row_of)

    def add(self, slots: NDArray[np.uint64], states: NDArray[np.uint8]) -> None:
        """Keep the pages of slots.

        Args:
            slots: First addresses, different ones, at most ``MOST``, shape (n,).
            states: ``PageState``, shape (n, 512).
        """
        known = slots.tolist()
        self._states[[self._place(slot) for slot in known]] = states
        self._old.difference_update(known)

    def _place(self, slot: int) -> int:
        """The row of a slot, which is the newest from now on."""
        row = self._row_of.pop(slot, None)
        if row is None and not self._free:
            self._forget(next(iter(self._row_of)))
        row = self._free.pop() if row is None else row
        self._row_of[slot] = row
        return row

    def _forget(self, slot: int) -> None:
        self._free.append(self._row_of.pop(slot))
        self._old.discard(slot)

    def clear(self) -> None:
        """Forget all: the process was read again."""
        for slot in tuple(self._row_of):
            self._forget(slot)

    def outdate(self, starts: NDArray[np.uint64], ends: NDArray[np.uint64]) -> None:
        """Another reading found what was read unchanged but for some ranges, sorted, disjoint.

        Slots in these are forgotten; the others are known as they were until they are
        read again.
        """
        known = np.fromiter(self._row_of, np.uint64, len(self._row_of))
        first = np.searchsorted(ends, known, "right")
        touched = first < np.searchsorted(starts, known + np.uint64(SLOT_SIZE))
        for slot in known[touched].tolist():
            self._forget(slot)
        self._old = set(self._row_of)

    def lacking(self, slots: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Which of some slots are to be read: those not known, or only as they were."""
        current = self._row_of.keys() - self._old
        known = np.fromiter((slot in current for slot in slots.tolist()), bool, len(slots))
        left: NDArray[np.uint64] = slots[~known]
        return left

    def refine(self, cells: Cells, cell: int) -> NDArray[np.bool_]:
        """Put exact sums in the place of those that were spread evenly.

        Args:
            cells: Cells no larger than a slot, beginning at multiples of ``cell``; changed.
            cell: Bytes per cell, a power of two.

        Returns:
            Which cells are exact by that, shape (n,).
        """
        exact = np.zeros(len(cells.start), dtype=np.bool_)
        if not self._row_of or not len(exact):
            return exact
        first, end = int(cells.start[0]), int(cells.start[-1]) + cell
        slots = range(first // SLOT_SIZE * SLOT_SIZE, end, SLOT_SIZE)
        rows = np.fromiter((self._row_of.get(slot, -1) for slot in slots), np.intp, len(slots))
        known = np.flatnonzero(rows >= 0)
        by_cell = self._states[rows[known]].reshape(-1, cell // PAGE_SIZE)
        per_slot = SLOT_SIZE // cell
        at = (known[:, np.newaxis] * per_slot + np.arange(per_slot)).ravel()
        at -= (first - slots.start) // cell
        here = (at >= 0) & (at < len(exact))
        for field, state in _FIELDS:
            pages = (by_cell == state).sum(axis=1, dtype=np.uint16)
            getattr(cells, field)[at[here]] = pages[here].astype(np.int64) * PAGE_SIZE
        exact[at[here]] = True
        return exact
