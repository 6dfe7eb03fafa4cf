"""What must be true once no further record of a VMA, or of the stream, is to come.

With it a stream of which records are missing, doubled or damaged is refused, as far as it says
the same thing twice. What it says once may be wrong in silence: who the process is (TASK), where
a VMA lies, what it maps and how it may be used, as long as its runs lie in it; the sums of a VMA
that is its own run (SINGLE), up to its size; of a run the zero pages and guard markers, and, with
nothing else in it, where it lies and what it is called; and what END tells of errors.
tests/test_faults_recording.py damages each byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import CorruptStream
from hpview.space.checks import NOT_THE_SUMS
from hpview.wire import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.segment import Tail
    from hpview.wire import Records

_COUNTED: Final = (("tasks", Kind.TASK), ("vmas", Kind.VMA), ("runs", Kind.RUN))
"""Fields of END, and what they count."""


class Seen:
    """Counts the records of a stream, which its END holds against its own numbers.

    Without that a stream from which records are missing would pass for a whole one.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(max(Kind) + 1, dtype=np.int64)

    def add(self, kinds: NDArray[np.uint8]) -> None:
        """Note records, shape (n,)."""
        self._counts += np.bincount(kinds, minlength=len(self._counts))

    def check(self, end: Records, offset: int) -> None:
        """Refuse an END that counts others than came.

        Args:
            end: dtype ``wire.END``, shape (1,).
            offset: Where it stands in the stream, bytes.

        Raises:
            CorruptStream: It does.
        """
        for field, kind in _COUNTED:
            told, seen = int(end[field][0]), int(self._counts[kind])
            if told != seen:
                raise CorruptStream(offset, f"{seen} {field} came, {told} were sent")


def check_tail(tail: Tail | None, offset: int) -> None:
    """Refuse a VMA that ends here and whose runs are not what its sums say.

    Args:
        tail: The newest VMA, if there is one.
        offset: Where the record behind it stands in the stream, bytes.

    Raises:
        CorruptStream: They are not.
    """
    if tail is not None and tail.due.any():
        raise CorruptStream(offset, NOT_THE_SUMS)
