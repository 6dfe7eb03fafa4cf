"""What a cell is drawn as: apart from ``cells``, for the palette is needed before numpy is."""

from __future__ import annotations

from enum import IntEnum


class CellClass(IntEnum):
    """What a cell is drawn as."""

    UNMAPPED = 0
    EMPTY = 1
    """Mapped, nothing there."""
    HUGE_2M = 2
    HUGE_1G = 3
    FULL_4K = 4
    """Filled to 7/8 or more."""
    PART_4K = 5
    SPARSE_4K = 6
    """Filled to less than 1/8."""
    SWAP = 7
    ZERO = 8
    """Zero pages only: no memory."""
    UNKNOWN = 9
    """Could not be read."""
