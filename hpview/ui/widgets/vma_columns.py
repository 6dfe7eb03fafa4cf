"""The columns of the VMA list: what they show and how wide they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment

from hpview import units
from hpview.inquiry.words import COLUMN, column_words
from hpview.kernelfs.maps import perms
from hpview.reasons.reason import Reason
from hpview.space.query import ANONYMOUS
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui.paint import bar, fitted
from hpview.ui.widgets.columns import Place, in_a_row
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    import numpy as np
    from rich.style import Style

    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks

_ADDRESS: Final = 13
_PERCENT: Final = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: What it sorts by, for ``space.listing``.
        title: In the heading.
        width: Terminal cells; 0 takes what is left.
        needs: Shown on lines of at least so many terminal cells.
        right: Aligned to the right.
        short: The title where the other does not fit.
    """

    key: str
    title: str
    width: int
    needs: int = 0
    right: bool = True
    short: str = ""


_COLUMNS: Final = (
    Column("address", "ADDRESS", _ADDRESS, right=False),
    Column("size", "SIZE", 5),
    Column("perms", "PERM", 4, right=False),
    Column("resident", "RES", 5, needs=76),
    Column("2m", "2M", 5, needs=96),
    Column("4k", "4K", 5, needs=96),
    Column("swap", "SWAP", 5, needs=104),
    Column("coverage", "COVERAGE", 0, right=False, short="BACKED"),
    Column("why", "WHY", COLUMN, needs=80, right=False),
    Column("name", "NAME", 0, right=False),
)
_EMPTY: Final = "0"
_BESIDE: Final = frozenset({Reason.KIND, Reason.TOO_SMALL, Reason.FILE, Reason.CACHE})
"""Reasons of memory that coverage does not count."""


@lru_cache(maxsize=64)
def places(width: int) -> tuple[Place, ...]:
    """Lay the columns out on a line of so many terminal cells."""
    columns = [column for column in _COLUMNS if width >= column.needs]
    fixed = sum(column.width for column in columns)
    spare = max(8, width - fixed - len(columns) + 1)
    cover = min(max(4, spare // 3), 22)
    out = []
    for column in columns:
        taken = column.width or (cover if column.key == "coverage" else spare - cover)
        title = column.title if len(column.title) <= taken else column.short
        out.append(Place(column.key, title, taken, column.right))
    return in_a_row(out)


def is_file(vma: np.void) -> bool:
    """Whether a VMA maps a file (device 0 and inode 0 mean none)."""
    return bool(vma["ino"]) or bool(vma["dev"])


def shown_name(space: AddressSpace, index: int) -> tuple[str, bool]:
    """The name of a VMA, printable, and whether it is its own rather than hpview's word."""
    name = space.name_of(index)
    if name:
        return printable(name), True
    return ("…", False) if is_file(space.vmas[index]) else (ANONYMOUS, False)


class Verdict(NamedTuple):
    """What is said of a VMA.

    Attributes:
        reason: The main one why it is not huge.
        counted: Bytes that coverage is a share of, see ``listing.counted``.
    """

    reason: Reason
    counted: int


def vma_row(
    space: AddressSpace, index: int, verdict: Verdict, width: int, inks: Inks
) -> list[Segment]:
    """One VMA in all columns."""
    vma = space.vmas[index]
    out: list[Segment] = []
    for place in places(width):
        if out:
            out.append(Segment(" ", inks.text))
        if place.key == "why":
            style = inks.dim if verdict.reason in _BESIDE else inks.text
            out.append(Segment(fitted(column_words(verdict.reason), place.width), style))
        elif place.key == "coverage":
            out += _coverage(vma, verdict.counted, place.width, inks)
        else:
            out += _drawn(space, index, vma, place, inks)
    return out


def _drawn(
    space: AddressSpace, index: int, vma: np.void, place: Place, inks: Inks
) -> list[Segment]:
    width = place.width
    match place.key:
        case "address":
            changed = bool(vma["marks"]) or bool(vma["flags"] & VmaFlag.READ_ERROR)
            return [
                Segment(f"{int(vma['start']):012x}", inks.text),
                Segment(inks.glyphs.changed if changed else " ", inks.warn),
            ]
        case "perms":
            return [Segment(perms(int(vma["vm_flags"])), inks.dim)]
        case "name":
            name, own = shown_name(space, index)
            text = fitted(inks.glyphs.text(name), width, tail=True, more=inks.glyphs.more)
            return [Segment(text, inks.text if own else inks.dim)]
        case key:
            text = units.short(_bytes(vma, key))
            return [Segment(fitted(text, width, right=True), _style(text, inks))]


def _style(text: str, inks: Inks) -> Style:
    return inks.dim if text == _EMPTY else inks.text


def _bytes(vma: np.void, key: str) -> int:
    if key == "size":
        return int(vma["end"]) - int(vma["start"])
    huge = int(vma["bytes_2m"]) + int(vma["bytes_1g"])
    small = int(vma["bytes_4k"])
    return {"resident": huge + small, "2m": huge, "4k": small, "swap": int(vma["bytes_swap"])}[key]


def _coverage(vma: np.void, counted: int, width: int, inks: Inks) -> list[Segment]:
    """The bar of the whole VMA and, where there is room, the huge share of what is counted."""
    if vma["flags"] & VmaFlag.SKIPPED:
        return bar([(CellClass.UNKNOWN, 1)], width, inks)
    sums = [
        (CellClass.HUGE_1G, int(vma["bytes_1g"])),
        (CellClass.HUGE_2M, int(vma["bytes_2m"])),
        (CellClass.FULL_4K, int(vma["bytes_4k"])),
        (CellClass.SWAP, int(vma["bytes_swap"])),
    ]
    rest = int(vma["end"]) - int(vma["start"]) - sum(size for _, size in sums)
    parts = [*sums, (CellClass.EMPTY, max(0, rest))]
    if width < _PERCENT + 4:
        return bar(parts, width, inks)
    huge = sums[0][1] + sums[1][1]
    share = units.percent(huge, counted)
    style = inks.strong if huge else inks.dim
    return [
        *bar(parts, width - _PERCENT, inks),
        Segment(fitted(share, _PERCENT, right=True), style),
    ]
