"""The columns of the process list: what they show, how they sort, how wide they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview import units
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui.paint import bar, fitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.machine import Process
    from hpview.ui.palette import Inks

UNKNOWN: Final = "?"
_SHORT_BELOW: Final = 100
_PERCENT: Final = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Its name.
        title: In the heading; the short one on narrow terminals.
        value: What it sorts by; None sorts last, whatever the direction.
        falling: Sorts the largest first unless reversed.
        widths: Terminal cells on narrow and on wider terminals; 0 takes what is left.
        right: Aligned to the right.
    """

    key: str
    title: tuple[str, str]
    value: Callable[[Process], float | str | None]
    falling: bool
    widths: tuple[int, int]
    right: bool = True


def coverage(process: Process) -> float | None:
    """Huge bytes over resident bytes, 0 to 1; None when unknown or nothing is resident."""
    huge = process.huge
    return huge / process.resident if huge is not None and process.resident else None


COLUMNS: Final = (
    Column("pid", ("PID", "PID"), lambda p: p.pid, False, (7, 7)),
    Column("user", ("USER", "USER"), lambda p: p.user, False, (8, 10), right=False),
    Column("command", ("COMMAND", "COMMAND"), lambda p: p.shown_command, False, (0, 0), False),
    Column("resident", ("RES", "RESIDENT"), lambda p: p.resident, True, (5, 9)),
    Column("2m", ("2M", "2M"), lambda p: p.huge, True, (5, 9)),
    Column("coverage", ("COVERAGE", "COVERAGE"), coverage, True, (14, 20)),
    Column("swap", ("SWAP", "SWAP"), lambda p: p.bytes_swap, True, (5, 9)),
    Column("vmas", ("VMAS", "VMAS"), lambda p: p.vmas, True, (6, 7)),
)
KEYS: Final = tuple(column.key for column in COLUMNS)
"""Columns by their place."""


@dataclass(frozen=True, slots=True)
class Place:
    """A column on a line: first terminal cell and width."""

    column: Column
    x: int
    width: int


def places(width: int) -> list[Place]:
    """Lay the columns out on a line of so many terminal cells."""
    wide = width >= _SHORT_BELOW
    widths = [column.widths[wide] for column in COLUMNS]
    if width >= 150:
        widths[KEYS.index("coverage")] += min(40, (width - 130) // 2)
    spare = max(1, width - sum(widths) - len(COLUMNS))
    out = []
    x = 0
    for column, fixed in zip(COLUMNS, widths, strict=True):
        taken = fixed or spare
        out.append(Place(column, x, taken))
        x += taken + 1
    return out


def heading(width: int, sort: str, falling: bool, inks: Inks) -> list[Segment]:
    """The heading; the column sorted by has a mark."""
    out = []
    for place in places(width):
        column = place.column
        title = column.title[width >= _SHORT_BELOW]
        chosen = column.key == sort
        if chosen:
            mark = inks.glyphs.down if falling else inks.glyphs.up
            title = f"{title}{mark}" if len(title) < place.width else title[:-1] + mark
        style = inks.accent if chosen else inks.dim
        right = column.right and column.key != "coverage"
        out.append(Segment(fitted(title, place.width, right=right) + " ", style))
    return out


def process_row(process: Process, width: int, inks: Inks) -> list[Segment]:
    """One process; what could not be read is a question mark, never 0."""
    out: list[Segment] = []
    unreadable = process.huge is None
    plain = inks.dim if unreadable else inks.text
    size = units.size if width >= _SHORT_BELOW else units.short
    words = {
        "pid": str(process.pid),
        "user": printable(process.user),
        "command": printable(process.shown_command),
        "resident": size(process.resident) + ("+" if process.partial else ""),
        "2m": UNKNOWN if process.huge is None else size(process.huge),
        "swap": size(process.bytes_swap),
        "vmas": UNKNOWN if process.vmas is None else str(process.vmas),
    }
    for place in places(width):
        key = place.column.key
        if key == "coverage":
            out += _coverage(process, place.width, inks)
            out.append(Segment(" ", inks.text))
            continue
        strong = key == "2m" and process.huge
        empty = words[key] in ("0", "0 B")
        style = inks.strong if strong else inks.dim if empty else plain
        text = fitted(words[key], place.width, right=place.column.right, more=inks.glyphs.more)
        out.append(Segment(text + " ", style))
    return out


def _coverage(process: Process, width: int, inks: Inks) -> list[Segment]:
    """The bar of the resident memory and the share of huge pages in it."""
    huge = process.huge
    if huge is None:
        return [Segment(fitted(UNKNOWN, width, right=True), inks.dim)]
    parts = [
        (CellClass.HUGE_1G, process.bytes_1g or 0),
        (CellClass.HUGE_2M, process.bytes_2m or 0),
        (CellClass.FULL_4K, process.bytes_4k or 0),
    ]
    share = fitted(units.percent(huge, process.resident), _PERCENT, right=True)
    return [
        *bar(parts, width - _PERCENT, inks),
        Segment(share, inks.strong if huge else inks.dim),
    ]
