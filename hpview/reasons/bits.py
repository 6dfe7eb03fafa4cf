"""Sets of reasons, one a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.reasons.reason import Reason

    Mask = NDArray[np.bool_]


class ReasonBits:
    """Which reasons hold for each row.

    Attributes:
        rows: Bits of ``Reason``, uint32, shape (n,).
    """

    def __init__(self, rows: NDArray[np.uint32]) -> None:
        self.rows = rows

    def add(self, reason: Reason, where: Mask) -> None:
        """A reason holds in some rows, shape (n,)."""
        self.rows[where] |= np.uint32(reason.bit)

    def only(self, reason: Reason, where: Mask) -> None:
        """In some rows there is nothing else to say."""
        self.rows[where] = reason.bit

    @property
    def first(self) -> NDArray[np.uint8]:
        """The reason that comes first in each row, ``Reason.NONE`` where there is none."""
        lowest = self.rows & (~self.rows + np.uint32(1))
        # frexp of 2**n is (0.5, n + 1), exactly; of 0 it is (0, 0).
        exponents = np.frexp(lowest.astype(np.float64))[1]
        first: NDArray[np.uint8] = np.maximum(exponents - 1, 0).astype(np.uint8)
        return first


def members(bits: int, reasons: type[Reason]) -> tuple[Reason, ...]:
    """The reasons of one row, the first one first."""
    return tuple(reason for reason in reasons if bits & reason.bit)
