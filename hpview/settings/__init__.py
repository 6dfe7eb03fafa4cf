"""What the user chose and hpview keeps between runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST: Final = 0.1
LONGEST: Final = 3600.0
"""Seconds between two readings: below, reading would never pause."""

_SMALLEST_CELL: Final = 1 << 12
_LARGEST_CELL: Final = 1 << 36


@dataclass(slots=True)
class Settings:
    """One object for the whole app: screens read it, and write what the user changes.

    Attributes:
        theme: Name of a theme; "" takes the one that fits the terminal.
        refresh: Seconds between two readings of the process list.
        columns: Keys of the process list's columns, in order; [] shows all that fit.
        sort: Key of the column the process list is sorted by.
        reverse: Against that column's own direction.
        zoom: Bytes of a map cell, a power of two from 4 kB to 64 GiB.
        watch: Seconds between two readings of a watched process.
        read_only: Nothing may be changed in a process, whatever is asked for.
        aspect: What the pages of a slot show: a value of ``ui.page_aspects.Aspect``.
    """

    theme: str = ""
    refresh: float = 2.0
    columns: list[str] = field(default_factory=list)
    sort: str = "resident"
    reverse: bool = False
    zoom: int = 1 << 21
    watch: float = 2.0
    aspect: str = "state"
    read_only: bool = False


NAMES: Final = tuple(found.name for found in fields(Settings))


def from_table(table: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """Settings of a table that somebody wrote by hand.

    Returns:
        The settings, with the default for each value that makes no sense, and the keys
        of those. Keys that mean nothing here are left alone: a later version may know them.
    """
    settings = Settings()
    wrong = []
    for name in NAMES:
        if name not in table:
            continue
        value = table[name]
        if isinstance(value, int) and isinstance(getattr(settings, name), float):
            value = value if isinstance(value, bool) else float(value)
        if type(value) is type(getattr(settings, name)) and _makes_sense(name, value):
            setattr(settings, name, value)
        else:
            wrong.append(name)
    return settings, wrong


def _makes_sense(name: str, value: object) -> bool:
    """Whether a value of the right type may be."""
    match name, value:
        case (("refresh" | "watch"), float()):
            return math.isfinite(value) and SHORTEST <= value <= LONGEST
        case "zoom", int():
            return _SMALLEST_CELL <= value <= _LARGEST_CELL and value.bit_count() == 1
        case "columns", list():
            return all(isinstance(item, str) for item in value)
    return True


def changes(settings: Settings, since: Settings) -> dict[str, object]:
    """What differs from how it was."""
    values = {name: getattr(settings, name) for name in NAMES}
    return {name: value for name, value in values.items() if value != getattr(since, name)}
