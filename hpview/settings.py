"""What the user chose and hpview keeps between runs."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """

    theme: str = ""
    refresh: float = 2.0
    columns: list[str] = field(default_factory=list)
    sort: str = "resident"
    reverse: bool = False
    zoom: int = 1 << 21
    watch: float = 2.0
