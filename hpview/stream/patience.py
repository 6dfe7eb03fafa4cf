"""How long to go on asking a stream that says EAGAIN."""

from __future__ import annotations

import time
from typing import Final

from hpview.errors import BackendUnavailable

FREE: Final = 1000
"""EAGAINs in a row behind which each is followed by a rest. Every one stands for a bounded piece
of work: so many without a record are those of a very large process, or something is amiss, and
then no processor must be kept busy with it."""

REST: Final = 0.001
"""Seconds."""

MOST: Final = 10_000
"""EAGAINs in a row after which whoever cannot be stopped gives up, some ten seconds later."""


class Patience:
    """Counts EAGAINs in a row.

    Args:
        most: As many end it; None for who can be stopped meanwhile.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._count = 0

    def progress(self) -> None:
        """Something came."""
        self._count = 0

    def again(self) -> None:
        """Nothing came: rest if that has been so for long.

        Raises:
            BackendUnavailable: It has been so too often.
        """
        self._count += 1
        if self._most is not None and self._count >= self._most:
            raise BackendUnavailable("bpf", f"{self._count:,} reads in a row brought nothing")
        if self._count > FREE:
            time.sleep(REST)
