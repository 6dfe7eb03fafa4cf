"""How changes look: their words, and their marks over the cells of the map."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.segment import Segment
from rich.style import Style

from hpview.space.changes import ChangeKind
from hpview.units import thousands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.ui.palette import Inks

WORDS: Final = {
    ChangeKind.BECAME_HUGE: "huge",
    ChangeKind.SPLIT: "split",
    ChangeKind.SWAPPED_OUT: "swapped",
    ChangeKind.SWAPPED_IN: "back",
    ChangeKind.FILLED: "filled",
    ChangeKind.EMPTIED: "emptied",
    ChangeKind.MAPPED: "mapped",
    ChangeKind.UNMAPPED: "unmapped",
}
"""One word each, as in ``3 huge``."""

SENTENCES: Final = {
    ChangeKind.BECAME_HUGE: "became huge",
    ChangeKind.SPLIT: "split into smaller pages",
    ChangeKind.SWAPPED_OUT: "swapped out",
    ChangeKind.SWAPPED_IN: "came back from swap",
    ChangeKind.FILLED: "got more pages",
    ChangeKind.EMPTIED: "lost pages",
    ChangeKind.MAPPED: "newly mapped",
    ChangeKind.UNMAPPED: "unmapped",
}

_ALWAYS: Final = (
    ChangeKind.BECAME_HUGE,
    ChangeKind.SPLIT,
    ChangeKind.FILLED,
    ChangeKind.EMPTIED,
    ChangeKind.SWAPPED_OUT,
)
"""Counted even when there are none."""

_IF_ANY: Final = (ChangeKind.SWAPPED_IN, ChangeKind.MAPPED, ChangeKind.UNMAPPED)
_FRESH: Final = Style(bold=True)


def counted(
    counts: NDArray[np.int64], inks: Inks, *, zeros: bool = True, words: bool = True
) -> list[Segment]:
    """``+3 huge``, ``/1 split`` and so on: the glyph of the mark, slots, word.

    Args:
        counts: Slots by ``ChangeKind``, shape (9,).
        inks: Styles.
        zeros: Tell the common kinds even when there are none.
        words: Tell the words.
    """
    out = []
    for kind in (*_ALWAYS, *_IF_ANY):
        count = int(counts[kind])
        if not count and (kind in _IF_ANY or not zeros):
            continue
        word = f" {WORDS[kind]}" if words else ""
        drawn = f"{inks.glyphs.marks[kind]}{thousands(count)}{word}"
        out.append(Segment(drawn, inks.strong if count else inks.dim))
    return out


def put_marks(
    segments: list[Segment], kinds: NDArray[np.uint8], fresh: NDArray[np.bool_], inks: Inks
) -> list[Segment]:
    """Draw marks over cells: another glyph on the ground of the cell, bold while it is new.

    Args:
        segments: Cells of a row, one character each.
        kinds: ``ChangeKind`` of each cell, 0 for none, shape (n,).
        fresh: Which of them the newest reading showed, shape (n,).
        inks: Styles.
    """
    if not kinds.any():
        return segments
    looks = kinds.astype(np.int16) * 2 + fresh
    edges = {0, *(np.flatnonzero(looks[1:] != looks[:-1]) + 1).tolist()}
    out = []
    at = 0
    for segment in segments:
        behind = at + len(segment.text)
        bounds = sorted({at, behind, *(edge for edge in edges if at < edge < behind)})
        for lo, hi in pairwise(bounds):
            look = int(looks[lo]) if lo < len(looks) else 0
            out.append(_marked(segment, lo - at, hi - at, look, inks))
        at = behind
    return out


def _marked(segment: Segment, lo: int, hi: int, look: int, inks: Inks) -> Segment:
    kind, new = look >> 1, look & 1
    if not kind:
        return Segment(segment.text[lo:hi], segment.style)
    style = (segment.style or inks.text) + inks.marks[kind]
    return Segment(inks.glyphs.marks[kind] * (hi - lo), style + _FRESH if new else style)
