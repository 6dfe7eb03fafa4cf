"""The columns of the process list: which of them have room, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview.roster.fields import FIELDS
from hpview.ui.paint import fitted

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    Column("coverage", ("COVERAGE", "COVERAGE"), (13, 20), "share of huge pages", right=False),
    Column("vmas", ("VMAS", "VMAS"), (6, 7), "mappings"),
    Column("change", ("+/-", "CHANGE"), (6, 7), "growth since the last refresh"),
)
BY_KEY: Final = {column.key: column for column in COLUMNS}

ALWAYS: Final = frozenset({"pid", "command"})
"""Cannot be hidden."""

_IMPORTANCE: Final = (
    "pid", "command", "resident", "coverage", "2m", "4k", "user", "change", "1g", "swap", "vmas",
    "cgroup", "ppid",
)  # fmt: skip
"""Where there is no room for all, the last go first."""


_UNASKED_FROM: Final = {"cgroup": 150, "ppid": 170}
"""Columns that have to be chosen on narrower terminals: the command is worth more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column on a line: first terminal cell and width."""

    column: Column
    x: int
    width: int


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
    out = []
    x = 0
    for column in COLUMNS:
        if column.key in kept:
            taken = column.widths[wide] + extra.get(column.key, 0)
            out.append(Place(column, x, taken))
            x += taken + 1
    return tuple(out)


def _shared_out(spare: int, kept: set[str]) -> dict[str, int]:
    """Who gets the cells that are left: the command most of them."""
    extra = {}
    for key, most in (("coverage", _COVERAGE_MOST), ("cgroup", _CGROUP_MOST)):
        if key in kept:
            extra[key] = min(spare // 4, most)
    return {**extra, "command": spare - sum(extra.values())}


def heading(
    placed: tuple[Place, ...], sort: str, *, reverse: bool, shape: str, wide: bool, inks: Inks
) -> list[Segment]:
    """The titles; that of the column sorted by has a mark, the command's tells the shape."""
    falling = FIELDS[sort].falling != reverse
    out = []
    for place in placed:
        column = place.column
        title = column.title[wide]
        if column.key == "command" and shape:
            both = f"{title} {shape}"
            title = both if len(both) < place.width else shape
        chosen = column.key == sort
        if chosen:
            mark = inks.glyphs.down if falling else inks.glyphs.up
            title = (
                f"{title}{mark}" if len(title) < place.width else title[: place.width - 1] + mark
            )
        style = inks.accent if chosen else inks.dim
        text = fitted(title, place.width, right=column.right, more=inks.glyphs.more)
        out.append(Segment(text + " ", style))
    return out
