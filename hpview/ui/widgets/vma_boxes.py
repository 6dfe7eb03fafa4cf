"""VMAs as boxes in a row, in the manner of the comment in kernel/bpf/task_iter.c."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview.ui.paint import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from hpview.ui.palette import Inks

MARGIN: Final = 10
"""Terminal cells left of the boxes, for the name of the lane."""

_NARROWEST: Final = 9
_WIDEST: Final = 22


class Fate(Enum):
    """What became of a VMA."""

    SHOWN = "shown"
    PENDING = "pending"
    GONE = "gone"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Box:
    """A VMA, or several, of a lane.

    Attributes:
        start: First address.
        end: Its end, exclusive; None when it is not known.
        words: What stands in it.
        fate: What became of it; ``GONE`` is drawn without a border.
    """

    start: int
    end: int | None
    words: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class Lane:
    """Boxes that existed at one time, by address, disjoint.

    Attributes:
        name: What stands before them.
        boxes: The boxes.
    """

    name: str
    boxes: Sequence[Box]


def bounds(lanes: Sequence[Lane]) -> list[int]:
    """The addresses at which a box begins or ends, ascending."""
    found = {box.start for lane in lanes for box in lane.boxes}
    found |= {box.end for lane in lanes for box in lane.boxes if box.end is not None}
    return sorted(found)


def columns(count: int, room: int) -> int:
    """Terminal cells between two of ``count`` addresses, where so many cells are free."""
    return max(_NARROWEST, min(_WIDEST, (room - 1) // max(1, count)))


def draw(lanes: Sequence[Lane], width: int, inks: Inks) -> list[list[Segment]]:
    """Three lines a lane, on one scale that keeps order, not size; then the addresses.

    Args:
        lanes: What to draw, from the top; one without boxes is left out.
        width: Terminal cells.
        inks: Styles.

    Returns:
        Lines; what does not fit is cut at the right.
    """
    lanes = [lane for lane in lanes if lane.boxes]
    addresses = bounds(lanes)
    if not addresses:
        return []
    open_end = any(box.end is None for lane in lanes for box in lane.boxes)
    step = columns(len(addresses) - 1 + open_end, width - MARGIN)
    at = {address: MARGIN + i * step for i, address in enumerate(addresses)}
    behind = at[addresses[-1]] + step
    out = []
    for lane in lanes:
        placed = [
            (at[box.start], behind if box.end is None else at[box.end], box) for box in lane.boxes
        ]
        out += _lane(lane.name, placed, inks)
    for labels in _labels({at[address]: f"{address:x}" for address in addresses}, width):
        out.append([Segment(labels, inks.dim)])
    return out


def _style(fate: Fate, inks: Inks) -> Style:
    match fate:
        case Fate.SHOWN:
            return inks.strong
        case Fate.PENDING:
            return inks.accent
        case Fate.GONE:
            return inks.warn
        case Fate.UNREAD:
            return inks.dim


def _lane(name: str, placed: list[tuple[int, int, Box]], inks: Inks) -> list[list[Segment]]:
    """Border, words, border."""
    width = max((right for _, right, _ in placed), default=MARGIN) + 1
    border, sides = [" "] * width, [" "] * width
    for left, right, box in placed:
        if box.fate is not Fate.GONE:
            border[left : right + 1] = "-" * (right - left + 1)
            for x in (left, right) if box.end is not None else (left,):
                border[x], sides[x] = "+", "|"
    middle = [Segment(fitted(f" {name}", MARGIN), inks.text)]
    x = MARGIN
    for left, right, box in placed:
        room = right - left - 1
        words = fitted(box.words, min(room, len(box.words)), more=inks.glyphs.more)
        middle.append(Segment("".join(sides[x : left + 1]), inks.dim))
        middle.append(Segment(f"{words:^{room}}", _style(box.fate, inks)))
        x = right
    middle.append(Segment("".join(sides[x:]), inks.dim))
    line = [Segment("".join(border), inks.dim)]
    return [line, middle, line]


def _labels(placed: dict[int, str], width: int) -> list[str]:
    """Addresses below their place, on as many lines as they need to stand apart, at most two."""
    lines = ["", ""]
    for x, label in placed.items():
        for i, line in enumerate(lines):
            if (not line or len(line) < x) and x + len(label) <= width:
                lines[i] = line.ljust(x) + label
                break
    return [line for line in lines if line]
