"""Lines of the picture of a slot's pages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.segment import Segment

from hpview.ui.page_aspects import Aspect, letters, looks
from hpview.ui.page_folios import Edge, pieces, size_word
from hpview.ui.page_looks import PageLook
from hpview.wire import SLOT_PAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.style import Style

    from hpview.pages.page import SlotPages
    from hpview.ui.page_folios import Piece
    from hpview.ui.palette import Inks

_WIDEST: Final = 5
_LETTER_FROM: Final = 3
"""Terminal cells of a page from which on one is left for a letter."""
_COLUMNS: Final = (64, 32, 16, 8)

_FILLING: Final = frozenset(
    (
        PageLook.OUTSIDE,
        PageLook.ANON,
        PageLook.FILE,
        PageLook.SWAPPED,
        PageLook.HUGE,
        PageLook.GIGA,
    )
)
"""Looks whose glyph fills all terminal cells of a page; of others it stands there once."""

# Looks of terminal cells that are no page.
_GAP: Final = -1
_PLATE: Final = -2
_CURSOR: Final = -3


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the 512 pages are laid out.

    Attributes:
        columns: Pages in a row.
        cell: Terminal cells of a page; the last of two and more stands between pages.
        height: Lines of a row.
    """

    columns: int
    cell: int
    height: int

    @property
    def rows(self) -> int:
        """Rows in all."""
        return SLOT_PAGES // self.columns

    @property
    def lines(self) -> int:
        """Lines in all."""
        return self.rows * self.height


def arrange(room: int, lines: int) -> Arrangement:
    """The largest pages that leave all in sight, else the fewest rows.

    Args:
        room: Terminal cells of a line that pages may take.
        lines: Lines that are visible.
    """
    choices = [
        (SLOT_PAGES // columns <= lines, min(_WIDEST, room // columns), columns)
        for columns in _COLUMNS
        if room >= columns
    ]
    inside = [choice for choice in choices if choice[0]]
    if inside:
        _, cell, columns = max(inside)
    elif choices:
        _, cell, columns = choices[0]
    else:
        cell, columns = 1, _COLUMNS[-1]
    return Arrangement(columns, cell, 2 if 2 * (SLOT_PAGES // columns) <= lines else 1)


def leaf_words(look: PageLook, size: int, *, zero: bool) -> str:
    """What is written on a piece that one page table entry maps, or on a folio."""
    if zero:
        return "the huge zero page"
    if look is PageLook.GIGA:
        return f"part of one {size_word(size)} page"
    return f"one {size_word(size)} page" if look is PageLook.HUGE else size_word(size)


class PagePicture:
    """The picture of a slot in one aspect and arrangement.

    Attributes:
        looks: ``PageLook`` of each page, shape (512,).
        arrangement: How they are laid out.
        has_letters: Beside the glyph of a page stands a letter of ``page_aspects.letters``.
    """

    def __init__(self, slot: SlotPages, aspect: Aspect, arrangement: Arrangement) -> None:
        self.looks = looks(slot, aspect)
        self.arrangement = arrangement
        self.has_letters = aspect is Aspect.STATE and arrangement.cell >= _LETTER_FROM
        self._letters = letters(slot) if self.has_letters else ""
        self._bars = aspect is Aspect.STATE
        self._by_row: dict[int, list[tuple[Piece, str]]] = {}
        for piece in pieces(slot):
            self._place(piece)

    def _place(self, piece: Piece) -> None:
        """Note a piece in all its rows, with its words in the longest of them."""
        columns = self.arrangement.columns
        look = PageLook(int(self.looks[piece.first]))
        words = f" {leaf_words(look, piece.pages, zero=look is PageLook.ZERO)} "
        rows = range(piece.first // columns, piece.last // columns + 1)
        shares = [self._share(piece, row) for row in rows]
        longest = [i for i, (low, high) in enumerate(shares) if high - low == columns - 1]
        if longest:
            chosen = longest[(len(longest) - 1) // 2]
        else:
            chosen = max(range(len(shares)), key=lambda i: shares[i][1] - shares[i][0])
        for i, row in enumerate(rows):
            self._by_row.setdefault(row, []).append((piece, words if i == chosen else ""))

    def _share(self, piece: Piece, row: int) -> tuple[int, int]:
        """First and last column of a piece in a row."""
        columns = self.arrangement.columns
        return (
            max(0, piece.first - row * columns),
            min(columns - 1, piece.last - row * columns),
        )

    def line(self, y: int, cursor: int, inks: Inks) -> list[Segment]:
        """Draw line ``y`` of all lines, with the cursor if its page is there."""
        row, part = divmod(y, self.arrangement.height)
        columns, cell = self.arrangement.columns, self.arrangement.cell
        here = slice(row * columns, (row + 1) * columns)
        codes = np.repeat(self.looks[here].astype(np.int16), cell)
        chars = [
            char for look in self.looks[here].tolist() for char in _page(look, cell, part, inks)
        ]
        if cell > 1:
            codes[cell - 1 :: cell] = _GAP
            chars[cell - 1 :: cell] = " " * columns
        if self.has_letters and part == 0:
            for i, letter in enumerate(self._letters[here]):
                if letter != " ":
                    chars[i * cell + cell - 2] = letter
        for piece, words in self._by_row.get(row, ()):
            if self._bars:
                self._draw_bar(piece, row, words if part == 0 else "", codes, chars, inks)
            elif cell > 1:
                self._join(piece, row, chars, inks)
        if here.start <= cursor < here.stop:
            at = (cursor - here.start) * cell
            _put_cursor(at, at + max(1, cell - 1), codes, chars, inks)
        return _segments(codes, chars, inks)

    def _join(self, piece: Piece, row: int, chars: list[str], inks: Inks) -> None:
        """Draw a line between the pages of a piece."""
        columns, cell = self.arrangement.columns, self.arrangement.cell
        low, high = self._share(piece, row)
        goes_on = piece.last >= (row + 1) * columns
        for column in range(low, high + goes_on):
            filled = int(self.looks[row * columns + column]) in _FILLING
            start, stop = column * cell + (cell - 1 if filled else 1), (column + 1) * cell
            chars[start:stop] = inks.glyphs.joint * (stop - start)

    def _draw_bar(
        self,
        piece: Piece,
        row: int,
        words: str,
        codes: NDArray[np.int16],
        chars: list[str],
        inks: Inks,
    ) -> None:
        """Draw a piece of a folio as one bar between its edges."""
        columns, cell = self.arrangement.columns, self.arrangement.cell
        low, high = self._share(piece, row)
        begins, ends = piece.first >= row * columns, piece.last < (row + 1) * columns
        start, stop = low * cell, (high + 1) * cell - (cell > 1 and high < columns - 1)
        look = int(self.looks[piece.first])
        codes[start:stop] = look
        chars[start:stop] = inks.glyphs.pages[look] * (stop - start)
        left, right, torn_left, torn_right = inks.glyphs.folio
        if begins and piece.before is not Edge.OPEN:
            chars[start] = left if piece.before is Edge.WHOLE else torn_left
        if ends and piece.behind is not Edge.OPEN:
            chars[stop - 1] = right if piece.behind is Edge.WHOLE else torn_right
        room = stop - start - 4
        words = words if len(words) <= room else words.strip()
        if 0 < len(words) <= room:
            at = start + (stop - start - len(words)) // 2
            codes[at : at + len(words)] = _PLATE
            chars[at : at + len(words)] = words


def _page(look: int, cell: int, part: int, inks: Inks) -> str:
    """Line ``part`` of a page that stands alone."""
    glyph = inks.glyphs.pages[look]
    if look in _FILLING:
        return glyph * cell
    return (" " if part else glyph) + " " * (cell - 1)


def _put_cursor(
    start: int, stop: int, codes: NDArray[np.int16], chars: list[str], inks: Inks
) -> None:
    codes[start:stop] = _CURSOR
    # a glyph that fills its cell would hide the cursor
    solid = inks.glyphs.solid
    chars[start:stop] = [solid if char in "█▆" else char for char in chars[start : start + 1]] + [
        " " if char in "█▆" else char for char in chars[start + 1 : stop]
    ]


def _segments(codes: NDArray[np.int16], chars: list[str], inks: Inks) -> list[Segment]:
    """One segment for each stretch of equal looks."""
    edges = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist(), len(codes)]
    others: dict[int, Style] = {_GAP: inks.dim, _PLATE: inks.strong, _CURSOR: inks.cell_cursor}
    out = []
    for start, stop in pairwise(edges):
        code = int(codes[start])
        style = inks.pages[code] if code >= 0 else others[code]
        out.append(Segment("".join(chars[start:stop]), style))
    return out
