"""What is known of single pages: the rows of a slot's drill-down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PageBit(IntFlag):
    """States of a page. A bit that is not among ``SlotPages.known`` says nothing.

    ``SWAPPED`` is any entry that is not present, a page under migration too, but not
    a guard page. ``FILE`` is memory of a file or shared memory, ``HUGE`` is mapped by a
    PMD or PUD leaf, ``EXCLUSIVE`` is mapped by this process alone.
    """

    PRESENT = 0x001
    SWAPPED = 0x002
    DIRTY = 0x004
    ACCESSED = 0x008
    FILE = 0x010
    ZERO = 0x020
    SOFT_DIRTY = 0x040
    GUARD = 0x080
    HUGE = 0x100
    EXCLUSIVE = 0x200


class FolioBit(IntFlag):
    """What a page is in its folio, and how this is mapped.

    ``HEAD``, ``TAIL``, ``ALIGNED`` and ``PARTIAL`` are of folios of two pages and more.
    ``ALIGNED``: its address is congruent to its frame by the folio's size. ``PARTIAL``: not
    all of the folio is mapped in one piece within this VMA.
    """

    HEAD = 0x01
    TAIL = 0x02
    ALIGNED = 0x04
    PARTIAL = 0x08
    ANON = 0x10
    HUGETLB = 0x20
    KSM = 0x40


PAGE: Final = np.dtype(
    [("bits", "<u2"), ("folio", "u1"), ("pad", "u1"), ("folio_pages", "<u4"), ("index", "<u4")]
)
"""One 4 kB page: ``PageBit``, ``FolioBit``, pages of its folio (0: none or not known), which of
them it is."""


@dataclass(frozen=True, slots=True)
class SlotPages:
    """The pages of a slot, as far as one VMA reaches.

    Attributes:
        start: First address.
        end: Address behind the last; ``start`` where nothing is mapped.
        pages: dtype ``PAGE``, shape (n,), at most 512.
        known: Which bits could be told at all; the others are 0 in every page.
        folio_known: Whether the folio columns could be told.
        reasons: Why something could not, a line each.
    """

    start: int
    end: int
    pages: NDArray[np.void]
    known: PageBit
    folio_known: bool
    reasons: tuple[str, ...] = ()

    def __len__(self) -> int:
        return (self.end - self.start) // PAGE_SIZE

    def having(self, bit: PageBit) -> NDArray[np.bool_]:
        """Which pages have a bit, shape (n,).

        Raises:
            ValueError: It is not known.
        """
        if bit & ~self.known:
            raise ValueError(f"{bit!r} is not known of these pages")
        having: NDArray[np.bool_] = (self.pages["bits"] & int(bit)) == bit
        return having

    def merged(
        self,
        *,
        dirty: NDArray[np.bool_] | None = None,
        accessed: NDArray[np.bool_] | None = None,
    ) -> SlotPages:
        """Add what a walk of the page tables told; only pages that are present keep it.

        Args:
            dirty: Per page, shape (n,); None leaves it as it is.
            accessed: The same.

        Raises:
            ValueError: Of another shape than the pages.
        """
        pages = self.pages.copy()
        known = self.known
        for bit, mask in (PageBit.DIRTY, dirty), (PageBit.ACCESSED, accessed):
            if mask is None:
                continue
            if mask.shape != pages.shape:
                raise ValueError(f"{mask.shape} of {pages.shape} pages")
            pages["bits"] &= 0xFFFF ^ int(bit)
            there = (pages["bits"] & int(PageBit.PRESENT)) != 0
            pages["bits"][mask & there] |= int(bit)
            known |= bit
        lacking = PageBit.DIRTY | PageBit.ACCESSED
        reasons = self.reasons
        if lacking in known:
            reasons = tuple(line for line in reasons if line != NO_PTE_BITS)
        return replace(self, pages=pages, known=known, reasons=reasons)


NO_PTE_BITS: Final = "dirty and accessed: no file tells these bits of the page table"
