"""From the bits of a slot's pages to what each is drawn as, aspect by aspect."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.pages.page import PageBit
from hpview.ui.page_looks import PageLook
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.pages.page import SlotPages

    Looks = NDArray[np.uint8]
    """``PageLook`` of each of the 512 pages of a slot."""


class Aspect(StrEnum):
    """Which facts the picture shows; its value is its name on the screen."""

    STATE = "state"
    USE = "use"
    SHARING = "sharing"
    SOFT_DIRTY = "soft-dirty"


_USED: Final = PageBit.DIRTY | PageBit.ACCESSED
_NEEDED: Final = {
    Aspect.STATE: PageBit(0),
    Aspect.USE: _USED,
    Aspect.SHARING: PageBit.EXCLUSIVE,
    Aspect.SOFT_DIRTY: PageBit.SOFT_DIRTY,
}
_STATES: Final = (
    (PageBit.GUARD, PageLook.GUARD),
    (PageBit.SWAPPED, PageLook.SWAPPED),
    (PageBit.ZERO, PageLook.ZERO),
    (PageBit.HUGE, PageLook.HUGE),
    (PageBit.FILE, PageLook.FILE),
    (PageBit.PRESENT, PageLook.ANON),
)
"""The first bit that a page has is its state."""

_CHOICES: Final = {
    Aspect.USE: (
        (_USED, PageLook.DIRTY_ACCESSED),
        (PageBit.DIRTY, PageLook.DIRTY),
        (PageBit.ACCESSED, PageLook.ACCESSED),
        (PageBit(0), PageLook.IDLE),
    ),
    Aspect.SHARING: (
        (PageBit.EXCLUSIVE, PageLook.EXCLUSIVE),
        (PageBit(0), PageLook.SHARED),
    ),
    Aspect.SOFT_DIRTY: (
        (PageBit.SOFT_DIRTY, PageLook.SOFT_DIRTY),
        (PageBit(0), PageLook.SOFT_CLEAN),
    ),
}
"""The same of pages that are present."""

ASPECT_LOOKS: Final = {
    Aspect.STATE: (PageLook.HUGE, PageLook.GIGA, PageLook.ANON, PageLook.FILE, PageLook.ZERO),
    **{aspect: tuple(look for _, look in pairs) for aspect, pairs in _CHOICES.items()},
}
"""What present pages may be drawn as, in the order of the legend."""


def offered(slot: SlotPages) -> tuple[Aspect, ...]:
    """The aspects of which something is known."""
    return tuple(aspect for aspect in Aspect if _NEEDED[aspect] in slot.known)


def place_of(slot: SlotPages) -> int:
    """Where in its slot the first page stands, 0 to 511."""
    return slot.start % SLOT_SIZE // PAGE_SIZE


def looks(slot: SlotPages, aspect: Aspect) -> Looks:
    """What the pages of a slot are drawn as; those outside its VMA are ``OUTSIDE``.

    Raises:
        ValueError: The aspect is not among those ``offered``.
    """
    if _NEEDED[aspect] not in slot.known:
        raise ValueError(f"nothing is known of {aspect}")
    bits = slot.pages["bits"]
    here = np.full(len(bits), PageLook.NOTHING, np.uint8)
    for bit, look in reversed(_STATES):
        here[(bits & int(bit)) != 0] = look
    here[(here == PageLook.HUGE) & (slot.pages["folio_pages"] > SLOT_PAGES)] = PageLook.GIGA
    present = (bits & int(PageBit.PRESENT)) != 0
    for bit, look in reversed(_CHOICES.get(aspect, ())):
        here[present & ((bits & int(bit)) == bit)] = look
    out = np.full(SLOT_PAGES, PageLook.OUTSIDE, np.uint8)
    first = place_of(slot)
    out[first : first + len(here)] = here
    return out


def missing(slot: SlotPages) -> NDArray[np.int64]:
    """Places in the slot, ascending, of the pages of its VMA that are not present."""
    absent = (slot.pages["bits"] & int(PageBit.PRESENT)) == 0
    return np.flatnonzero(absent) + place_of(slot)


def letters(slot: SlotPages) -> str:
    """Of each of the 512 pages ``d`` if it is dirty, else ``a`` if it was accessed, else a blank.

    Blank, too, where that is not known, and where nothing is present.
    """
    out = np.full(SLOT_PAGES, " ", dtype="U1")
    first = place_of(slot)
    here = out[first : first + len(slot.pages)]
    for bit, letter in (PageBit.ACCESSED, "a"), (PageBit.DIRTY, "d"):
        here[(slot.pages["bits"] & int(bit)) != 0] = letter
    return "".join(out.tolist())
