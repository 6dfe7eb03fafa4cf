"""The pages of a slot, and the one under the cursor, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.pages.page import FolioBit, PageBit
from hpview.ui.page_aspects import place_of
from hpview.ui.page_folios import folio_words, size_word
from hpview.wire import PAGE_SIZE, SLOT_PAGES

if TYPE_CHECKING:
    import numpy as np

    from hpview.pages.page import SlotPages

_USES: Final = (
    (PageBit.DIRTY, "dirty", "clean"),
    (PageBit.ACCESSED, "accessed", "not accessed"),
    (PageBit.SOFT_DIRTY, "soft-dirty", "not soft-dirty"),
    (PageBit.EXCLUSIVE, "exclusive", "shared"),
)
"""What a page that is present is or is not."""


def leaf_sentence(slot: SlotPages) -> str:
    """What maps all of a slot at once; "" if nothing does."""
    bits = slot.pages["bits"]
    if not len(bits) or not (bits & int(PageBit.HUGE)).all():
        return ""
    if (bits & int(PageBit.ZERO)).any():
        return "the huge zero page: one entry of the page table, no memory"
    size = int(slot.pages["folio_pages"][0])
    kind = "hugetlb page" if int(slot.pages["folio"][0]) & FolioBit.HUGETLB else "page"
    if size > SLOT_PAGES:
        part = int(slot.pages["index"][0]) // SLOT_PAGES + 1
        return f"part {part} of {size // SLOT_PAGES} of one {size_word(size)} {kind}"
    if not size:
        return "one huge page: a single entry of the page table maps it all"
    return f"one {size_word(size)} {kind}, mapped by one entry of the page table"


def grid_words(slot: SlotPages) -> list[str]:
    """What the picture shows, for its heading; the last is the one that matters most."""
    if sentence := leaf_sentence(slot):
        return [sentence]
    count = f"{SLOT_PAGES} pages of 4 kB"
    if len(slot) < SLOT_PAGES:
        count = f"{len(slot)} of {SLOT_PAGES} pages in this mapping"
    return [count, folio_words(slot)] if folio_words(slot) else [count]


def page_range(address: int) -> str:
    """The addresses of a page and its number in the slot, from 1 on."""
    number = address % (SLOT_PAGES * PAGE_SIZE) // PAGE_SIZE + 1
    return f"{address:012x}-{address + PAGE_SIZE:012x}  page {number} of {SLOT_PAGES}"


def _row(slot: SlotPages, place: int) -> np.void | None:
    """What is known of the page at a place of the slot; None outside the VMA."""
    index = place - place_of(slot)
    row: np.void | None = slot.pages[index] if 0 <= index < len(slot) else None
    return row


def page_words(slot: SlotPages, place: int) -> list[str]:
    """The states of a page; what is not known stands behind a question mark.

    Args:
        slot: The pages.
        place: In the slot, 0 to 511.
    """
    row = _row(slot, place)
    if row is None:
        return ["not of this mapping"]
    bits = PageBit(int(row["bits"]))
    if PageBit.GUARD in bits:
        return ["guard page: any access faults"]
    unknown = [word for bit, word, _ in _USES if bit not in slot.known]
    if PageBit.SWAPPED in bits:
        words = ["being migrated" if PageBit.HUGE in bits else "swapped out"]
    elif PageBit.PRESENT not in bits:
        doubt = PageBit.GUARD not in slot.known
        return ["not present" + (", unless it is a guard page" if doubt else "")]
    else:
        words = [_kind(slot, bits, int(row["folio_pages"]))]
        words += [yes if bit in bits else no for bit, yes, no in _USES if bit in slot.known]
        if unknown:
            words.append(f"{', '.join(unknown)} ?")
    return words


def _kind(slot: SlotPages, bits: PageBit, folio_pages: int) -> str:
    if PageBit.FILE not in slot.known:
        memory = "present"
    else:
        memory = "file or shmem" if PageBit.FILE in bits else "anon"
    if PageBit.ZERO in bits:
        memory = "zero page"
    if PageBit.HUGE in bits:
        return f"{memory}, by a {'1G' if folio_pages > SLOT_PAGES else '2M'} leaf"
    return memory


def page_folio_words(slot: SlotPages, place: int) -> str:
    """The folio of a page; "" where there is none."""
    row = _row(slot, place)
    if row is None or not int(row["bits"]) & PageBit.PRESENT or int(row["bits"]) & PageBit.ZERO:
        return ""
    if not slot.folio_known:
        return "folio ?"
    size, folio = int(row["folio_pages"]), FolioBit(int(row["folio"]))
    if not size:
        return "no folio"
    words = [f"{size_word(size)} folio"]
    if FolioBit.HUGETLB in folio:
        words = [f"{size_word(size)} hugetlb folio"]
    if size > 1:
        words.append(f"page {int(row['index']) + 1} of {size}")
        words.append("aligned" if FolioBit.ALIGNED in folio else "not aligned")
    if FolioBit.PARTIAL in folio:
        words.append("partly mapped")
    if size >= SLOT_PAGES and PageBit.HUGE in slot.known and not int(row["bits"]) & PageBit.HUGE:
        words.append("by 4 kB entries")
    if FolioBit.KSM in folio:
        words.append("merged by KSM")
    return ", ".join(words)


def source_words(slot: SlotPages) -> list[str]:
    """Which fact comes from where."""
    scan = " and pagemap_scan" if PageBit.HUGE in slot.known else ""
    words = [f"state from pagemap{scan}"]
    if PageBit.DIRTY in slot.known:
        words.append("dirty, accessed from the page table by bpf")
    if slot.folio_known:
        words.append("folios from kpageflags")
    return words
