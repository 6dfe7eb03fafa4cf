"""The lines below a slot's pages: what the glyphs mean, with counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from rich.segment import Segment

from hpview.pages.page import PageBit
from hpview.ui.page_aspects import ASPECT_LOOKS, looks
from hpview.ui.page_looks import PageLook
from hpview.ui.paint import width_of

if TYPE_CHECKING:
    from hpview.pages.page import SlotPages
    from hpview.ui.page_aspects import Aspect
    from hpview.ui.palette import Inks

_WORDS: Final = {
    PageLook.OUTSIDE: "not of this mapping",
    PageLook.NOTHING: "nothing",
    PageLook.ANON: "anon",
    PageLook.FILE: "file or shmem",
    PageLook.ZERO: "zero",
    PageLook.SWAPPED: "swapped",
    PageLook.GUARD: "guard",
    PageLook.HUGE: "2M huge",
    PageLook.GIGA: "1G huge",
    PageLook.DIRTY_ACCESSED: "dirty and accessed",
    PageLook.DIRTY: "dirty only",
    PageLook.ACCESSED: "accessed only",
    PageLook.IDLE: "neither",
    PageLook.EXCLUSIVE: "exclusive",
    PageLook.SHARED: "shared",
    PageLook.SOFT_DIRTY: "soft-dirty",
    PageLook.SOFT_CLEAN: "not soft-dirty",
}
_ABSENT: Final = (PageLook.SWAPPED, PageLook.GUARD, PageLook.NOTHING, PageLook.OUTSIDE)
_RARE: Final = frozenset((PageLook.GIGA, PageLook.OUTSIDE))
"""Shown only where there are any."""

_NEEDED: Final = {
    PageLook.HUGE: PageBit.HUGE,
    PageLook.FILE: PageBit.FILE,
    PageLook.ZERO: PageBit.ZERO,
    PageLook.GUARD: PageBit.GUARD,
}
"""Without the bit the count of a look says nothing."""

_COUNTED: Final = (
    (PageBit.DIRTY, "dirty"),
    (PageBit.ACCESSED, "accessed"),
    (PageBit.SOFT_DIRTY, "soft-dirty"),
    (PageBit.EXCLUSIVE, "exclusive"),
)

_WAYS: Final = (
    ("   ", True, True),
    ("  ", True, True),
    ("  ", False, True),
    (" ", False, True),
    (" ", False, False),
)
"""Ways to write the legend, the longest first: the gap, with what there is none of, with words."""

_LETTERED: Final = frozenset(("dirty", "accessed"))


def look_legend(slot: SlotPages, aspect: Aspect, width: int, inks: Inks) -> list[Segment]:
    """Glyph, word and count of what a aspect shows.

    Args:
        slot: The pages.
        aspect: Which facts are shown.
        width: Terminal cells; gaps get narrower, then what there is none of is left out,
            then words.
        inks: Styles.
    """
    counts = np.bincount(looks(slot, aspect), minlength=len(PageLook)).tolist()
    out: list[Segment] = []
    for gap, empty, worded in _WAYS:
        out = [Segment(" ", inks.text)]
        for look in (*ASPECT_LOOKS[aspect], *_ABSENT):
            if counts[look] or (empty and look not in _RARE):
                entry = _entry(slot, look, counts[look], inks, worded=worded)
                out += [*entry, Segment(gap, inks.text)]
        if width_of(out) - len(gap) <= width:
            break
    return out


def _entry(
    slot: SlotPages, look: PageLook, count: int, inks: Inks, *, worded: bool
) -> list[Segment]:
    word = _WORDS[look]
    if look is PageLook.ANON and PageBit.FILE not in slot.known:
        word = "present"
    known = _NEEDED.get(look, PageBit(0)) in slot.known
    return [
        Segment(inks.glyphs.pages[look], inks.pages[look]),
        Segment(f" {word} " if worded else " ", inks.text),
        _number(count, known, inks),
    ]


def _number(count: int, known: bool, inks: Inks) -> Segment:
    if not known:
        return Segment("?", inks.warn)
    return Segment(str(count), inks.strong if count else inks.dim)


def bit_legend(slot: SlotPages, width: int, inks: Inks, *, letters: bool) -> list[Segment]:
    """How many of the pages present have each of the other bits; ``?`` where nobody tells.

    Args:
        slot: The pages.
        width: Terminal cells; gaps get narrower to fit, then the total is left out.
        inks: Styles.
        letters: Name the letters that stand beside the glyphs of pages.
    """
    bits = slot.pages["bits"]
    present = bits[(bits & int(PageBit.PRESENT)) != 0]
    counts = {bit: int(np.count_nonzero(present & int(bit))) for bit, _ in _COUNTED}
    entries = [(word, counts[bit], bit in slot.known) for bit, word in _COUNTED]
    shared = len(present) - counts[PageBit.EXCLUSIVE]
    entries.append(("shared", shared, PageBit.EXCLUSIVE in slot.known))
    out: list[Segment] = []
    total = [
        Segment(" of ", inks.dim),
        _number(len(present), True, inks),
        Segment(" present:", inks.dim),
    ]
    for gap, before in (("   ", total), ("  ", total), (" ", total), (" ", [])):
        out = [*before]
        for word, count, known in entries:
            letter = f"{word[0]} " if letters and known and word in _LETTERED else ""
            out.append(Segment(f"{gap}{letter}{word} ", inks.text))
            out.append(_number(count, known, inks))
        if width_of(out) <= width:
            break
    return out
