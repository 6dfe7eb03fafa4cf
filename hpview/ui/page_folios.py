"""The folios of a slot: which pages are drawn as one, and how many there are of which size."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from hpview.pages.page import FolioBit, PageBit
from hpview.ui.page_aspects import place_of
from hpview.wire import PAGE_SIZE, SLOT_PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.pages.page import SlotPages


class Edge(Enum):
    """How a piece of a folio ends."""

    WHOLE = "the folio ends there, too"
    TORN = "the folio goes on, but is not mapped beside it"
    OPEN = "the folio goes on in the slot beside this one"


@dataclass(frozen=True, slots=True)
class Piece:
    """Pages that follow each other in one folio of two pages and more.

    Attributes:
        first: Place of the first in the slot, 0 to 511.
        last: Place of the last.
        pages: Size of the folio in pages.
        before: How it begins.
        behind: How it ends.
    """

    first: int
    last: int
    pages: int
    before: Edge
    behind: Edge


def size_word(pages: int) -> str:
    """A size that is a power of two of pages: ``4k``, ``64k``, ``2M``, ``1G``."""
    size = pages * PAGE_SIZE
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M")):
        if size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size >> 10}k"


def pieces(slot: SlotPages) -> Iterator[Piece]:
    """What of a slot is drawn joined: pieces of folios, and what one leaf maps.

    Frame numbers are not known: pages side by side are taken for one folio when they
    are consecutive pages of folios of one size.
    """
    bits = slot.pages["bits"]
    huge = (bits & int(PageBit.HUGE)) != 0
    zero = (bits & int(PageBit.ZERO)) != 0
    sizes = slot.pages["folio_pages"].astype(np.int64)
    index = slot.pages["index"].astype(np.int64)
    place = place_of(slot) + np.arange(len(bits))
    # nothing else is known of a leaf without a folio
    bare = huge & (zero | (sizes == 0))
    sizes[bare], index[bare] = SLOT_PAGES, place[bare]
    large = huge | ((sizes > 1) & ~zero)
    goes_on = large[1:] & large[:-1] & (sizes[1:] == sizes[:-1]) & (np.diff(index) == 1)
    begins = np.flatnonzero(large & ~np.concatenate(([False], goes_on)))
    ends = np.flatnonzero(large & ~np.concatenate((goes_on, [False])))
    torn = (slot.pages["folio"] & int(FolioBit.PARTIAL)) != 0
    for low, high in zip(begins.tolist(), ends.tolist(), strict=True):
        beyond = Edge.TORN if torn[low] else Edge.OPEN
        yield Piece(
            first=int(place[low]),
            last=int(place[high]),
            pages=int(sizes[low]),
            before=beyond if index[low] else Edge.WHOLE,
            behind=Edge.WHOLE if index[high] + 1 == sizes[high] else beyond,
        )


def folio_words(slot: SlotPages) -> str:
    """``folios 4k x31, 64k x2, 1 partly mapped``; "" where nothing of a folio is mapped.

    A folio with a hole counts once. Zero pages are of none.
    """
    if not slot.folio_known:
        return "folios ?"
    pages = slot.pages
    memory = (pages["folio_pages"] > 0) & ((pages["bits"] & int(PageBit.ZERO)) == 0)
    sizes = pages["folio_pages"][memory].tolist()
    origins = (np.flatnonzero(memory) - pages["index"][memory]).tolist()
    torn = (pages["folio"][memory] & int(FolioBit.PARTIAL)).tolist()
    folios = set(zip(sizes, origins, strict=True))
    if not folios:
        return ""
    counts = Counter(size for size, _ in folios)
    words = [f"{size_word(size)} x{count}" for size, count in sorted(counts.items())]
    partly = {origin for origin, is_torn in zip(origins, torn, strict=True) if is_torn}
    if partly:
        words.append(f"{len(partly)} partly mapped")
    return "folios " + ", ".join(words)
