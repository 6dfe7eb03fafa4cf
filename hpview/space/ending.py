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
from hpview.wire import TASK, Kind

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
        self._before = [self._counts.copy()]
        """What had come before each address space."""

    def add(self, kinds: NDArray[np.uint8]) -> None:
        """Note records, shape (n,)."""
        self._counts += np.bincount(kinds, minlength=len(self._counts))

    def forget(self) -> None:
        """All before the newest record, a TASK, was of another address space, and is forgotten.

        It may have come from another stream, of which this one took the place
        (``stream.auto``): then END does not count it, but what came since, more than one
        address space if there was an exec() later.
        """
        before = self._counts.copy()
        before[Kind.TASK] -= 1
        self._before.append(before)

    def check(self, end: Records, offset: int) -> None:
        """Refuse an END that counts others than came.

        Args:
            end: dtype ``wire.END``, shape (1,).
            offset: Where it stands in the stream, bytes.

        Raises:
            CorruptStream: It does.
        """
        kinds = [kind for _, kind in _COUNTED]
        told = [int(end[field][0]) for field, _ in _COUNTED]
        seen = [(self._counts - before)[kinds].tolist() for before in self._before]
        if told not in seen:
            came, sent = (" ".join(map(str, counts)) for counts in (seen[0], told))
            raise CorruptStream(offset, f"{came} tasks, VMAs and runs came, {sent} were sent")


def identity_of(task: Records) -> tuple[int, int]:
    """What only one address space has: mm and start time.

    The start time tells a reused pid, should the new mm have the old one's address.

    Args:
        task: dtype ``wire.TASK``, shape (1,).
    """
    return int(task["mm"][0]), int(task["start_time"][0])


def check_tail(
    tail: Tail | None, record: Records, identity: tuple[int, int] | None, offset: int
) -> None:
    """Refuse a VMA that ends here and whose runs are not what its sums say.

    One of an address space that is forgotten may lack some: another stream may have taken the
    place of the one that had them (``stream.auto``).

    Args:
        tail: The newest VMA, if there is one.
        record: The TASK or END behind it, shape (1,).
        identity: Of the address space that the VMA is of.
        offset: Where ``record`` stands in the stream, bytes.

    Raises:
        CorruptStream: They are not.
    """
    if tail is None or not tail.due.any():
        return
    if record["kind"][0] != Kind.TASK or identity_of(record.view(TASK)) == identity:
        raise CorruptStream(offset, NOT_THE_SUMS)
