"""Columns of a list: where they stand, their titles, and which one it is sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview.ui.paint import fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hpview.ui.palette import Inks


@dataclass(frozen=True, slots=True)
class Place:
    """A column on a line.

    Attributes:
        key: What the list is sorted by there.
        title: In the heading.
        width: Terminal cells.
        right: Aligned to the right.
        x: Its first terminal cell.
    """

    key: str
    title: str
    width: int
    right: bool
    x: int = 0


def in_a_row(columns: Iterable[Place]) -> tuple[Place, ...]:
    """Columns side by side, a terminal cell between two."""
    out: list[Place] = []
    x = 0
    for place in columns:
        out.append(Place(place.key, place.title, place.width, place.right, x))
        x += place.width + 1
    return tuple(out)


def titles(placed: Iterable[Place], sort: str, *, falling: bool, inks: Inks) -> list[Segment]:
    """The heading, a segment a column; that of the column sorted by has a mark."""
    out = []
    for place in placed:
        title, chosen = place.title, place.key == sort
        if chosen:
            title = title[: place.width - 1] + (inks.glyphs.down if falling else inks.glyphs.up)
        text = fitted(title, place.width, right=place.right, more=inks.glyphs.more)
        out.append(Segment(text + " ", inks.accent if chosen else inks.dim))
    return out


def beside(placed: Sequence[Place], sort: str, step: int) -> str:
    """The column to the right (1) or to the left (-1) of the one sorted by, going round.

    Where that one is not shown, the first or the last.
    """
    keys = [place.key for place in placed]
    at = keys.index(sort) if sort in keys else -(step > 0)
    return keys[(at + step) % len(keys)]


def column_at(placed: Iterable[Place], x: int) -> str | None:
    """The column at a terminal cell of the line, or right before it."""
    return next((p.key for p in placed if p.x <= x <= p.x + p.width), None)
