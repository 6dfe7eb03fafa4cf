"""Pages of slots, written like a script."""

from __future__ import annotations

import numpy as np

from hpview.pages.page import NO_PTE_BITS, PAGE, FolioBit, PageBit, SlotPages
from hpview.pages.slot import NO_SOFT_DIRTY
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests.records import MIB

PRESENT, SWAPPED, DIRTY, ACCESSED = (
    PageBit.PRESENT,
    PageBit.SWAPPED,
    PageBit.DIRTY,
    PageBit.ACCESSED,
)
FILE, ZERO, GUARD, HUGE, MINE = (
    PageBit.FILE,
    PageBit.ZERO,
    PageBit.GUARD,
    PageBit.HUGE,
    PageBit.EXCLUSIVE,
)
USED = PRESENT | MINE | DIRTY | ACCESSED
ALL_KNOWN = PageBit((1 << 10) - 1)
FROM_PROC = ALL_KNOWN & ~(DIRTY | ACCESSED | PageBit.SOFT_DIRTY)
ALIGNED, PARTIAL, ANON, HUGETLB = (
    FolioBit.ALIGNED,
    FolioBit.PARTIAL,
    FolioBit.ANON,
    FolioBit.HUGETLB,
)


class Pages:
    """A slot, or what of it one VMA covers, as runs of pages from its first on.

    ``Pages(start).run(3, USED).folio(16).skip(5).slot()`` has three single pages, a folio
    of 64k and 488 pages of nothing.
    """

    def __init__(self, start: int, pages: int | None = None) -> None:
        self.start = start
        room = (-start % SLOT_SIZE or SLOT_SIZE) // PAGE_SIZE
        self.pages = np.zeros(room if pages is None else pages, PAGE)
        self._at = 0

    def skip(self, count: int) -> Pages:
        self._at += count
        return self

    def run(self, count: int, bits: PageBit = USED) -> Pages:
        """Single pages; those of memory are folios of one page."""
        here = self.pages[self._at : self._at + count]
        here["bits"] = int(bits)
        if bits & PRESENT and not bits & ZERO:
            here["folio_pages"] = 1
        return self.skip(count)

    def folio(
        self,
        size: int,
        bits: PageBit = USED,
        *,
        first: int = 0,
        count: int | None = None,
        folio: FolioBit = ALIGNED | ANON,
    ) -> Pages:
        """Pages ``first`` and following of a folio of ``size`` pages."""
        count = size - first if count is None else count
        here = self.pages[self._at : self._at + count]
        here["bits"], here["folio"], here["folio_pages"] = int(bits), int(folio), size
        here["index"] = np.arange(first, first + count)
        return self.skip(count)

    def slot(
        self,
        known: PageBit = ALL_KNOWN & ~PageBit.SOFT_DIRTY,
        *,
        folio_known: bool = True,
        reasons: tuple[str, ...] = (NO_SOFT_DIRTY,),
    ) -> SlotPages:
        pages = self.pages.copy()
        pages["bits"] &= int(known)
        if not folio_known:
            for column in ("folio", "folio_pages", "index"):
                pages[column] = 0
        end = self.start + len(pages) * PAGE_SIZE
        return SlotPages(self.start, end, pages, known, folio_known, reasons)


def mixed(start: int) -> SlotPages:
    """A slot with every state that 4 kB entries have."""
    return (
        Pages(start)
        .run(3)
        .skip(2)
        .run(2, PRESENT | MINE | ACCESSED)
        .run(1, PRESENT | MINE)
        .folio(16)
        .folio(16, count=5, folio=ALIGNED | PARTIAL | ANON)
        .skip(3)
        .folio(16, first=8, folio=ALIGNED | PARTIAL | ANON)
        .folio(4, bits=PRESENT | FILE | ACCESSED, folio=ALIGNED)
        .run(6, PRESENT | FILE)
        .run(4, PRESENT | ZERO)
        .run(7, SWAPPED)
        .run(5, GUARD)
        .skip(30)
        .folio(64)
        .skip(200)
        .run(1, USED & ~ACCESSED)
        .slot()
    )


def as_nobody(slot: SlotPages) -> SlotPages:
    """The same pages as a user without rights sees them."""
    again = Pages(slot.start, len(slot))
    again.pages[:] = slot.pages
    hidden = "kpageflags is not available: page frames are hidden; run as root"
    return again.slot(FROM_PROC, folio_known=False, reasons=(NO_PTE_BITS, hidden, NO_SOFT_DIRTY))


def leaf(start: int, bits: PageBit = USED, *, folio: FolioBit = ALIGNED | ANON) -> SlotPages:
    """A slot that one PMD entry maps."""
    return Pages(start).folio(512, bits | HUGE, folio=folio).slot()


def gigantic(start: int, part: int) -> SlotPages:
    """A slot of a hugetlb page of 1 GiB."""
    pages = Pages(start)
    first = part * 512
    pages.folio(512 * 512, USED | HUGE | FILE, first=first, count=512, folio=ALIGNED | HUGETLB)
    return pages.slot()


EXE, HEAP, THP, MIXED = 0x560C81E00000, 0x560C84B10000, 0x7F0A00000000, 0x7F0A40000000
SWAP, GIGA, STACK = 0x7F0AC0000000, 0x7F3C00000000, 0x7FFDB604E000
"""VMAs of ``fakes.sample``."""


def sample_slots() -> tuple[SlotPages, ...]:
    """The pages of some slots of ``fakes.sample``."""
    return (
        Pages(EXE).run(230, PRESENT | FILE | ACCESSED).slot(),
        Pages(EXE + 8 * MIB, 256).slot(),
        Pages(HEAP, 64).run(64).slot(),
        leaf(THP),
        leaf(THP + 2 * MIB),
        mixed(MIXED + 32 * MIB),
        as_nobody(mixed(MIXED + 34 * MIB)),
        leaf(MIXED + 80 * MIB, PRESENT | ZERO, folio=FolioBit(0)),
        Pages(SWAP).run(512, SWAPPED).slot(),
        gigantic(GIGA + 4 * MIB, 2),
        Pages(STACK, 33).skip(24).run(9).slot(),
    )
