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
_MOST: Final = 8192
"""Slots that are kept: 4 MiB."""


class Pages:
    """States of single pages by slot, as far as they were read."""

    def __init__(self) -> None:
        self._slots: dict[int, NDArray[np.uint8]] = {}
        self._old: set[int] = set()

    def __contains__(self, slot: int) -> bool:
        return slot in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, slots: NDArray[np.uint64], states: NDArray[np.uint8]) -> None:
        """Keep the pages of slots.

        Args:
            slots: First addresses, shape (n,).
            states: ``PageState``, shape (n, 512).
        """
        if len(self._slots) + len(slots) > _MOST:
            self.clear()
        self._old.difference_update(slots.tolist())
        self._slots.update(zip(slots.tolist(), states, strict=True))

    def clear(self) -> None:
        """Forget all: the process was read again."""
        self._slots.clear()
        self._old.clear()

    def outdate(self, starts: NDArray[np.uint64], ends: NDArray[np.uint64]) -> None:
        """Another reading found what was read unchanged but for some ranges, sorted, disjoint.

        Slots in these are forgotten; the others are known as they were until they are
        read again.
        """
        known = np.fromiter(self._slots, np.uint64, len(self._slots))
        first = np.searchsorted(ends, known, "right")
        touched = first < np.searchsorted(starts, known + np.uint64(SLOT_SIZE))
        for slot in known[touched].tolist():
            del self._slots[slot]
        self._old = set(self._slots)

    def lacking(self, slots: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Which of some slots are to be read: those not known, or only as they were."""
        current = self._slots.keys() - self._old
        known = np.fromiter((slot in current for slot in slots.tolist()), bool, len(slots))
        left: NDArray[np.uint64] = slots[~known]
        return left

    def refine(self, cells: Cells, cell: int) -> NDArray[np.bool_]:
        """Put exact sums in the place of those that were spread evenly.

        Args:
            cells: Cells smaller than a slot, beginning at multiples of ``cell``; changed.
            cell: Bytes per cell, a power of two.

        Returns:
            Which cells are exact by that, shape (n,).
        """
        exact = np.zeros(len(cells.start), dtype=np.bool_)
        if not self._slots or not len(exact):
            return exact
        per_cell = cell // PAGE_SIZE
        first, end = int(cells.start[0]), int(cells.start[-1]) + cell
        for slot in range(first // SLOT_SIZE * SLOT_SIZE, end, SLOT_SIZE):
            states = self._slots.get(slot)
            if states is None:
                continue
            low, high = max(slot, first), min(slot + SLOT_SIZE, end)
            here = slice((low - first) // cell, (high - first) // cell)
            at = slice((low - slot) // cell, (high - slot) // cell)
            by_cell = states.reshape(SLOT_PAGES // per_cell, per_cell)[at]
            for field, state in _FIELDS:
                getattr(cells, field)[here] = (by_cell == state).sum(axis=1) * PAGE_SIZE
            exact[here] = True
        return exact
