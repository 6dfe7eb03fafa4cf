"""How a page of a slot looks: one glyph for each state, in both character sets."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class PageLook(IntEnum):
    """What a page is drawn as.

    Up to ``GIGA`` what it is, from ``DIRTY_ACCESSED`` on what has been done with it and
    who has it.
    """

    OUTSIDE = 0
    """In the slot, not in the VMA."""
    NOTHING = 1
    ANON = 2
    """Present, and of no file as far as is known."""
    FILE = 3
    ZERO = 4
    SWAPPED = 5
    GUARD = 6
    HUGE = 7
    """By a PMD leaf."""
    GIGA = 8
    """By a PUD leaf."""
    DIRTY_ACCESSED = 9
    DIRTY = 10
    ACCESSED = 11
    IDLE = 12
    """Present, neither dirty nor accessed."""
    EXCLUSIVE = 13
    SHARED = 14
    SOFT_DIRTY = 15
    SOFT_CLEAN = 16


PAGE_CLASSES: Final = tuple(f"page--{look.name.lower().replace('_', '-')}" for look in PageLook)
"""Component classes by PageLook."""

_GLYPHS: Final = {
    PageLook.OUTSIDE: "\u2571/",
    PageLook.NOTHING: "·.",
    PageLook.ANON: "▓=",
    PageLook.FILE: "▤f",
    PageLook.ZERO: "zz",
    PageLook.SWAPPED: "▚%",
    PageLook.GUARD: "gg",
    PageLook.HUGE: "█#",
    PageLook.GIGA: "▆@",
    PageLook.DIRTY_ACCESSED: "DD",
    PageLook.DIRTY: "dd",
    PageLook.ACCESSED: "aa",
    PageLook.IDLE: "--",
    PageLook.EXCLUSIVE: "xx",
    PageLook.SHARED: "ss",
    PageLook.SOFT_DIRTY: "++",
    PageLook.SOFT_CLEAN: "--",
}
UNICODE_PAGES: Final = tuple(_GLYPHS[look][0] for look in PageLook)
ASCII_PAGES: Final = tuple(_GLYPHS[look][1] for look in PageLook)
