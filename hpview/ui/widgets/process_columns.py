"""The columns of the process list: which of them have room, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hpview.roster.fields import FIELDS
from hpview.ui.widgets.columns import Place, in_a_row, titles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.segment import Segment

    from hpview.ui.palette import Inks

WIDE: Final = 130
"""Terminal cells from which on sizes have long units."""

_COVERAGE_MOST: Final = 12
_CGROUP_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Of its field.
        title: In the heading; the short one on narrow terminals.
        widths: Terminal cells on narrow and on wide terminals, the least it can do with.
        right: Aligned to the right.
        words: What it is, for choosing.
    """

    key: str
    title: tuple[str, str]
    widths: tuple[int, int]
    words: str
    right: bool = True


COLUMNS: Final = (
    Column("pid", ("PID", "PID"), (7, 7), "process"),
    Column("ppid", ("PPID", "PPID"), (7, 7), "parent"),
    Column("user", ("USER", "USER"), (8, 10), "effective user", right=False),
    Column("cgroup", ("CGROUP", "CGROUP"), (16, 24), "cgroup", right=False),
    Column("command", ("COMMAND", "COMMAND"), (20, 36), "command line", right=False),
    Column("resident", ("RES", "RESIDENT"), (6, 9), "resident memory"),
    Column("2m", ("2M", "2M"), (5, 8), "in 2 MB pages"),
    Column("1g", ("1G", "1G"), (5, 8), "in 1 GB pages"),
    Column("4k", ("4K", "4K"), (5, 8), "in 4 kB pages"),
    Column("swap", ("SWAP", "SWAP"), (5, 8), "swapped out"),
    Column("coverage", ("COVERAGE", "COVERAGE"), (13, 20), "huge, of what could be", right=False),
    Column("gap", ("GAP", "GAP"), (5, 8), "could be huge and is not"),
    Column("vmas", ("VMAS", "VMAS"), (6, 7), "mappings"),
    Column("change", ("+/-", "CHANGE"), (6, 7), "growth since the last refresh"),
)
BY_KEY: Final = {column.key: column for column in COLUMNS}

ALWAYS: Final = frozenset({"pid", "command"})
"""Cannot be hidden."""

_IMPORTANCE: Final = (
    "pid", "command", "resident", "coverage", "gap", "2m", "user", "change", "4k", "1g", "swap",
    "vmas", "cgroup", "ppid",
)  # fmt: skip
"""Where there is no room for all, the last go first."""

_UNASKED_FROM: Final = {"cgroup": 150, "ppid": 170}
"""Columns that have to be chosen on narrower terminals: the command is worth more."""


def chosen_columns(keys: Iterable[str]) -> tuple[str, ...]:
    """The columns that are wanted, in their order; keys that mean nothing are left out.

    Args:
        keys: ``settings.columns``; none wants all.
    """
    wanted = {key for key in keys if key in BY_KEY} or set(BY_KEY)
    return tuple(key for key in BY_KEY if key in wanted | ALWAYS)


@lru_cache(maxsize=64)
def places(width: int, wanted: tuple[str, ...]) -> tuple[Place, ...]:
    """Lay out on a line of so many terminal cells what has room of the columns wanted."""
    wide = width >= WIDE
    left = width + 1
    kept: set[str] = set()
    unasked = set(wanted) == set(BY_KEY)
    for key in _IMPORTANCE:
        if unasked and width < _UNASKED_FROM.get(key, 0):
            continue
        needs = BY_KEY[key].widths[wide] + 1
        if key in wanted and (needs <= left or key in ALWAYS):
            kept.add(key)
            left -= needs
    extra = _shared_out(max(0, left), kept)
    return in_a_row(
        Place(c.key, c.title[wide], c.widths[wide] + extra.get(c.key, 0), c.right)
        for c in COLUMNS
        if c.key in kept
    )


def _shared_out(spare: int, kept: set[str]) -> dict[str, int]:
    """Who gets the cells that are left: the command most of them."""
    extra = {}
    for key, most in (("coverage", _COVERAGE_MOST), ("cgroup", _CGROUP_MOST)):
        if key in kept:
            extra[key] = min(spare // 4, most)
    return {**extra, "command": spare - sum(extra.values())}


def heading(
    placed: tuple[Place, ...], sort: str, *, reverse: bool, shape: str, inks: Inks
) -> list[Segment]:
    """The titles; the command's tells the shape."""
    if shape:
        placed = tuple(
            _shaped(place, shape) if place.key == "command" else place for place in placed
        )
    return titles(placed, sort, falling=FIELDS[sort].falling != reverse, inks=inks)


def _shaped(place: Place, shape: str) -> Place:
    both = f"{place.title} {shape}"
    return replace(place, title=both if len(both) < place.width else shape)
