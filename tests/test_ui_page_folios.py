"""Which pages of a slot are drawn as one folio, and what is said of the folios."""

from __future__ import annotations

from hpview.pages.page import FolioBit
from hpview.ui.page_folios import Edge, Piece, folio_words, pieces, size_word
from tests.fake_slots import (
    ALIGNED,
    ANON,
    HUGE,
    PARTIAL,
    PRESENT,
    ZERO,
    Pages,
    as_nobody,
    gigantic,
    leaf,
)

BASE = 1 << 40
TORN = ALIGNED | PARTIAL | ANON


def test_pieces_of_folios() -> None:
    slot = (
        Pages(BASE)
        .folio(4)
        .folio(4)
        .run(2)
        .folio(8, count=3, folio=TORN)
        .skip(2)
        .folio(8, first=5, folio=TORN)
        .slot()
    )
    whole, torn = Edge.WHOLE, Edge.TORN
    assert list(pieces(slot)) == [
        Piece(0, 3, 4, whole, whole),
        Piece(4, 7, 4, whole, whole),
        Piece(10, 12, 8, whole, torn),
        Piece(15, 17, 8, torn, whole),
    ]
    assert folio_words(slot) == "folios 4k x2, 16k x2, 32k x1, 1 partly mapped"


def test_a_folio_that_goes_on_in_the_next_slot_is_open() -> None:
    slot = (
        Pages(BASE).folio(16, first=4, folio=ANON).skip(496).folio(16, count=4, folio=ANON).slot()
    )
    assert list(pieces(slot)) == [
        Piece(0, 11, 16, Edge.OPEN, Edge.WHOLE),
        Piece(508, 511, 16, Edge.WHOLE, Edge.OPEN),
    ]


def test_leaves_are_one_piece() -> None:
    whole = Piece(0, 511, 512, Edge.WHOLE, Edge.WHOLE)
    assert list(pieces(leaf(BASE))) == [whole]
    assert list(pieces(leaf(BASE, PRESENT | ZERO, folio=FolioBit(0)))) == [whole]
    unseen = Pages(BASE).run(512, PRESENT | HUGE).slot(folio_known=False)
    assert list(pieces(unseen)) == [whole]
    (part,) = pieces(gigantic(BASE, 2))
    assert part == Piece(0, 511, 512 * 512, Edge.OPEN, Edge.OPEN)
    (first,) = pieces(gigantic(BASE, 0))
    assert (first.before, first.behind) == (Edge.WHOLE, Edge.OPEN)


def test_zero_pages_are_no_folio() -> None:
    slot = Pages(BASE).run(9, PRESENT | ZERO).slot()
    assert list(pieces(slot)) == []
    assert folio_words(slot) == ""
    assert folio_words(as_nobody(slot)) == "folios ?"


def test_words_for_sizes() -> None:
    assert [size_word(1 << order) for order in (0, 2, 4, 8, 9, 18)] == [
        "4k",
        "16k",
        "64k",
        "1M",
        "2M",
        "1G",
    ]
