"""What words on the command line stand for; wrong ones are told by argparse."""

from __future__ import annotations

import argparse
from typing import Final

from hpview.text import printable

_PID_MAX: Final = 1 << 22
"""PID_MAX_LIMIT of include/linux/threads.h."""

_LONGEST: Final = 20
"""Characters of a number, and of a wrong one that is repeated to the user."""


_SLOT: Final = 1 << 21
"""``wire.SLOT_SIZE``; numpy, which comes with that, is not imported to parse a command line."""

_DAY: Final = 86_400


def pid(word: str) -> int:
    """A process id."""
    digits = word.isascii() and word.isdecimal() and len(word) < _LONGEST
    if not digits or not 0 < int(word) <= _PID_MAX:
        raise argparse.ArgumentTypeError(f"{printable(word[:_LONGEST])!r} is not a process id")
    return int(word)


def address(word: str) -> int:
    """A hexadecimal address in the lower half."""
    digits = word.removeprefix("0x")
    hexadecimal = digits.isascii() and digits.isalnum() and len(word) < _LONGEST
    try:
        found = int(digits, 16) if hexadecimal else -1
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 63:
        shown = printable(word[:_LONGEST])
        raise argparse.ArgumentTypeError(f"{shown!r} is not an address, like 7f3a5c200000")
    return found


def span(word: str) -> tuple[int, int]:
    """A range of addresses, or one address, which stands for its slot: START-END or ADDRESS.

    Returns:
        The first address and the end, exclusive.
    """
    first, dash, last = word.partition("-")
    start = address(first)
    if not dash:
        return start // _SLOT * _SLOT, (start // _SLOT + 1) * _SLOT
    end = address(last)
    if end <= start:
        shown = printable(word[: 2 * _LONGEST])
        raise argparse.ArgumentTypeError(f"{shown!r} does not end behind its start")
    return start, end


def size(word: str) -> tuple[int, int]:
    """Columns and rows of a picture."""
    columns, _, rows = word.partition("x")
    if not (columns.isdecimal() and rows.isdecimal()) or len(word) > _LONGEST:
        shown = printable(word[:_LONGEST])
        raise argparse.ArgumentTypeError(f"{shown!r} is not COLUMNSxROWS, like 140x40")
    if not (10 <= int(columns) <= 1000 and 3 <= int(rows) <= 500):
        raise argparse.ArgumentTypeError(f"{word} is not between 10x3 and 1000x500")
    return int(columns), int(rows)


def seconds(word: str) -> float:
    """A time to wait, above 0 and at most a day."""
    try:
        found = float(word) if word.isascii() and len(word) < _LONGEST else -1.0
    except ValueError:
        found = -1.0
    if not 0 < found <= _DAY:  # nor is NaN
        shown = printable(word[:_LONGEST])
        raise argparse.ArgumentTypeError(f"{shown!r} is not a number of seconds, like 5")
    return found
