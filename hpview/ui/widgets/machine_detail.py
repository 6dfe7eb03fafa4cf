"""The lines below small tables: what the row under the cursor is, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview.ui.machine.table import cut
from hpview.ui.paint import clipped, joined, width_of

if TYPE_CHECKING:
    from hpview.ui.machine.table import Detail
    from hpview.ui.palette import Inks

_LEAST: Final = 2
_WIDE: Final = 130
_LOW: Final = 22


def detail_height(width: int, height: int) -> int:
    """Lines that ``detail_lines`` needs on a screen: the source has its own where that is narrow.

    Args:
        width: Columns of the screen.
        height: Its lines.
    """
    return _LEAST + (width < _WIDE and height >= _LOW)


def detail_lines(detail: Detail | None, height: int, width: int, inks: Inks) -> list[list[Segment]]:
    """The name in the source and the value; the meaning; the source.

    Args:
        detail: Of the row under the cursor, if there is one.
        height: Lines there are.
        width: Terminal cells.
        inks: Styles.
    """
    if detail is None:
        return []
    more, text = inks.glyphs.more, inks.glyphs.text
    first = [
        Segment(f" {detail.field}", inks.strong),
        Segment(text(f"  {detail.value}"), inks.text),
    ]
    words = text(f" {detail.meaning}")
    meaning = [Segment(clipped(words, width, more=more), inks.dim)]
    if height > _LEAST:
        source = clipped(f" {detail.source}", width - 1, tail=True, more=more)
        return [cut(first, width, inks), meaning, [Segment(source, inks.dim)]]
    room = width - width_of(meaning) - 1
    source = clipped(f"{detail.source} ", room, tail=True, more=more)
    return [cut(first, width, inks), joined(meaning, [Segment(source, inks.dim)], width, inks)]
