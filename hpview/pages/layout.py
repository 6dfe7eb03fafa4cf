"""The mappings of a process as numbers and, until one is asked for, as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpview import text
from hpview.wire import PAGE_SIZE

I64 = NDArray[np.int64]

_NIBBLES: Final = np.full(256, -1, np.int64)
_NIBBLES[list(b"0123456789abcdef")] = np.arange(16)

_DIGITS: Final = 16
"""Of the longest address."""


class Fields(NamedTuple):
    """The columns of a line of maps, as they stand there."""

    start: str
    end: str
    perms: str
    offset: str
    dev: str
    ino: str
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of /proc/PID/maps, [vsyscall] included: smaps and thpmaps list it, too.

    Attributes:
        first: First page number of each VMA, int64, ascending, shape (n,).
        last: Page number behind its last page, int64, shape (n,).
        accessible: Whether it may be read, written or executed, bool, shape (n,).
        data: The text.
        offsets: Where in it each line begins, and the end, int64, shape (n + 1,).
    """

    first: I64
    last: I64
    accessible: NDArray[np.bool_]
    data: bytes
    offsets: I64

    def __len__(self) -> int:
        return len(self.first)

    def fields(self, i: int) -> Fields:
        """The line of one VMA; ``name`` is decoded by ``text.decode``."""
        line = self.data[self.offsets[i] : self.offsets[i + 1] - 1]
        columns = text.decode(line).split(" ", 5)
        start, _, end = columns[0].partition("-")
        perms, offset, dev, ino = columns[1:5]
        return Fields(start, end, perms, offset, dev, ino, columns[5].lstrip(" "))


def parse(data: bytes) -> Layout:
    """The layout that a maps text tells.

    Raises:
        ValueError: A line that maps would not print.
    """
    chars = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(chars == ord("\n"))
    if len(chars) and (not len(newlines) or newlines[-1] != len(chars) - 1):
        raise ValueError("not the text of maps")
    offsets = np.concatenate(([0], newlines + 1))
    # so that no look ahead leaves the text
    chars = np.concatenate((chars, np.zeros(2 * _DIGITS + 8, np.uint8)))
    start, at = _pages(chars, offsets[:-1], ord("-"))
    end, at = _pages(chars, at, ord(" "))
    letters = chars[at[:, None] + np.arange(3)]
    accessible = (letters != ord("-")).any(axis=1)
    return Layout(start, end, accessible, data, offsets)


def _pages(chars: NDArray[np.uint8], at: I64, until: int) -> tuple[I64, I64]:
    """Page numbers of hexadecimal addresses at some places, and the places behind them."""
    value = np.zeros(len(at), np.uint64)
    at = at.copy()
    for _ in range(_DIGITS):
        nibbles = _NIBBLES[chars[at]]
        going = nibbles >= 0
        if not going.any():
            break
        value[going] = value[going] << np.uint64(4) | nibbles[going].astype(np.uint64)
        at += going
    if (chars[at] != until).any():
        raise ValueError("not the text of maps")
    return (value // np.uint64(PAGE_SIZE)).astype(np.int64), at + 1
