"""What the signs on the screens mean, for their help."""

from __future__ import annotations

from typing import Final, NamedTuple

from hpview.space.cell_class import CellClass


class Sign(NamedTuple):
    """One sign.

    Attributes:
        kind: Drawn in its glyph and ink; None for a mark that is no cell.
        words: What it means; begins with the mark where that is no cell.
    """

    kind: CellClass | None
    words: str


BACKING: Final = (
    Sign(CellClass.HUGE_2M, "2M: one entry of the page table maps 2 MB"),
    Sign(CellClass.HUGE_1G, "1G: one entry maps 1 GB"),
    Sign(CellClass.FULL_4K, "4k pages that fill 7/8 or more"),
    Sign(CellClass.PART_4K, "4k pages, between that and"),
    Sign(CellClass.SPARSE_4K, "4k pages that fill less than 1/8"),
    Sign(CellClass.SWAP, "swapped out"),
    Sign(CellClass.ZERO, "only the zero page: no memory"),
    Sign(CellClass.EMPTY, "mapped, nothing there"),
    Sign(CellClass.UNKNOWN, "could not be read"),
)
"""Of the cells of the map."""

MAP: Final = (
    *BACKING,
    Sign(None, "Every other VMA is a shade darker."),
    Sign(None, "At the right: the whole space, and how much of it is in view."),
    Sign(None, "COVERAGE: the huge share of what could be huge; - where nothing could."),
    Sign(None, "! at a VMA: it changed while it was read, or was read in part."),
)

WHY: Final = (
    BACKING[0],
    Sign(CellClass.FULL_4K, "4k pages that could be huge"),
    Sign(None, "1 2 3 in the bar: where the share of a reason begins."),
    Sign(None, "? behind a reason: likely, not proved."),
)

LIST: Final = (
    *(Sign(sign.kind, sign.words) for sign in BACKING[:2]),
    Sign(CellClass.FULL_4K, "4k pages"),
    Sign(CellClass.SWAP, "swapped out"),
    Sign(None, "COVERAGE: the share that is huge, of what could be."),
    Sign(None, "GAP: what could be huge and is not."),
    Sign(None, "+ behind a size: more than was counted; ?: not readable."),
    Sign(None, "~ before a size: an estimate."),
    Sign(None, "Sums count what processes share once for each of them."),
)
