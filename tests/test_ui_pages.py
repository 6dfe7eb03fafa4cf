"""The picture of a slot's pages: aspects and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.pages.page import FolioBit, PageBit
from hpview.ui import page_words
from hpview.ui.page_aspects import Aspect, letters, looks, missing, offered
from hpview.ui.page_looks import ASCII_PAGES, PAGE_CLASSES, UNICODE_PAGES, PageLook
from hpview.ui.palette import ASCII, plain_inks
from hpview.ui.widgets.page_legend import bit_legend, look_legend
from hpview.wire import PAGE_SIZE
from tests.fake_slots import (
    ACCESSED,
    ALIGNED,
    ANON,
    DIRTY,
    FILE,
    GUARD,
    HUGE,
    MINE,
    PARTIAL,
    PRESENT,
    SWAPPED,
    ZERO,
    Pages,
    as_nobody,
    gigantic,
    leaf,
    mixed,
)

if TYPE_CHECKING:
    from rich.segment import Segment

BASE = 1 << 40
TORN = ALIGNED | PARTIAL | ANON


def words(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


# -- aspects ---------------------------------------------------------------------------


def test_each_state_is_drawn_as_itself() -> None:
    slot = (
        Pages(BASE)
        .run(1)
        .run(1, PRESENT | FILE)
        .run(1, PRESENT | ZERO)
        .run(1, SWAPPED)
        .run(1, GUARD)
        .slot()
    )
    found = [PageLook(look) for look in looks(slot, Aspect.STATE)[:6].tolist()]
    assert found == [
        PageLook.ANON,
        PageLook.FILE,
        PageLook.ZERO,
        PageLook.SWAPPED,
        PageLook.GUARD,
        PageLook.NOTHING,
    ]
    assert (looks(leaf(BASE), Aspect.STATE) == PageLook.HUGE).all()
    assert (looks(gigantic(BASE, 3), Aspect.STATE) == PageLook.GIGA).all()
    zero = leaf(BASE, PRESENT | ZERO, folio=FolioBit(0))
    assert (looks(zero, Aspect.STATE) == PageLook.ZERO).all()


def test_use_and_sharing() -> None:
    slot = (
        Pages(BASE)
        .run(1, PRESENT | DIRTY | ACCESSED)
        .run(1, PRESENT | DIRTY | MINE)
        .run(1, PRESENT | ACCESSED)
        .run(1, PRESENT | MINE)
        .run(1, SWAPPED)
        .slot()
    )
    use = [PageLook(look) for look in looks(slot, Aspect.USE)[:6].tolist()]
    assert use == [
        PageLook.DIRTY_ACCESSED,
        PageLook.DIRTY,
        PageLook.ACCESSED,
        PageLook.IDLE,
        PageLook.SWAPPED,
        PageLook.NOTHING,
    ]
    sharing = looks(slot, Aspect.SHARING)[:4].tolist()
    assert sharing == [PageLook.SHARED, PageLook.EXCLUSIVE] * 2
    assert letters(slot)[:6] == "dda   "


def test_only_what_is_known_is_offered() -> None:
    assert offered(mixed(BASE)) == (Aspect.STATE, Aspect.USE, Aspect.SHARING)
    nobody = as_nobody(mixed(BASE))
    assert offered(nobody) == (Aspect.STATE, Aspect.SHARING)
    assert letters(nobody) == " " * 512
    with pytest.raises(ValueError, match="nothing is known of use"):
        looks(nobody, Aspect.USE)
    tracked = Pages(BASE).run(1, PRESENT | PageBit.SOFT_DIRTY).run(1, PRESENT)
    soft = tracked.slot(PRESENT | PageBit.SOFT_DIRTY)
    assert offered(soft) == (Aspect.STATE, Aspect.SOFT_DIRTY)
    assert looks(soft, Aspect.SOFT_DIRTY)[:2].tolist() == [
        PageLook.SOFT_DIRTY,
        PageLook.SOFT_CLEAN,
    ]


def test_a_slot_cut_by_its_vma() -> None:
    slot = Pages(BASE + 100 * PAGE_SIZE, 50).run(1).slot()
    found = looks(slot, Aspect.STATE)
    assert len(found) == 512
    assert (found[:100] == PageLook.OUTSIDE).all()
    assert found[100] == PageLook.ANON
    assert (found[101:150] == PageLook.NOTHING).all()
    assert (found[150:] == PageLook.OUTSIDE).all()
    assert missing(slot).tolist() == list(range(101, 150))


def test_glyphs_differ_within_an_aspect() -> None:
    absent = {PageLook.OUTSIDE, PageLook.NOTHING, PageLook.SWAPPED, PageLook.GUARD}
    state = {PageLook.ANON, PageLook.FILE, PageLook.ZERO, PageLook.HUGE, PageLook.GIGA}
    use = {look for look in PageLook if PageLook.DIRTY_ACCESSED <= look <= PageLook.IDLE}
    others = {PageLook.EXCLUSIVE, PageLook.SHARED}, {PageLook.SOFT_DIRTY, PageLook.SOFT_CLEAN}
    for glyphs in UNICODE_PAGES, ASCII_PAGES:
        assert all(len(glyph) == 1 for glyph in glyphs)
        for group in (state, use, *others):
            together = absent | group
            assert len({glyphs[look] for look in together}) == len(together)
    assert all(glyph.isascii() for glyph in ASCII_PAGES)
    assert len(PAGE_CLASSES) == len(set(PAGE_CLASSES)) == len(PageLook)


# -- words -----------------------------------------------------------------------------


def test_a_page_in_words() -> None:
    slot = mixed(BASE)
    assert page_words.page_range(BASE + 36 * PAGE_SIZE).endswith("  page 37 of 512")
    assert page_words.page_words(slot, 0) == [
        "anon",
        "dirty",
        "accessed",
        "exclusive",
        "soft-dirty ?",
    ]
    assert page_words.page_words(slot, 3) == ["not present"]
    assert page_words.page_folio_words(slot, 3) == ""
    assert page_words.page_folio_words(slot, 0) == "4k folio"
    assert page_words.page_folio_words(slot, 9) == "64k folio, page 2 of 16, aligned"
    assert page_words.page_folio_words(slot, 24) == (
        "64k folio, page 1 of 16, aligned, partly mapped"
    )
    split = Pages(BASE).folio(512).slot()
    assert page_words.page_folio_words(split, 0).endswith("page 1 of 512, aligned, by 4 kB entries")
    assert page_words.page_folio_words(leaf(BASE), 0).endswith("page 1 of 512, aligned")
    states = {page_words.page_words(slot, place)[0] for place in range(512)}
    assert states == {
        "anon",
        "file or shmem",
        "zero page",
        "swapped out",
        "guard page: any access faults",
        "not present",
    }


def test_what_is_not_known_is_not_denied() -> None:
    nobody = as_nobody(mixed(BASE))
    assert page_words.page_words(nobody, 0) == [
        "anon",
        "exclusive",
        "dirty, accessed, soft-dirty ?",
    ]
    assert page_words.page_folio_words(nobody, 0) == "folio ?"
    old = Pages(BASE).run(1, PRESENT).slot(PRESENT | SWAPPED | MINE, folio_known=False)
    assert page_words.page_words(old, 0)[0] == "present"
    assert page_words.page_words(old, 1) == ["not present, unless it is a guard page"]
    assert words(look_legend(old, Aspect.STATE, 200, plain_inks(ASCII))) == (
        "# 2M huge ?   = present 1   f file or shmem ?   z zero ?   "
        "% swapped 0   g guard ?   . nothing 511"
    )
    assert words(bit_legend(nobody, 200, plain_inks(ASCII), letters=True)).startswith(
        "of 114 present:   dirty ?   accessed ?   soft-dirty ?   exclusive 100"
    )


def test_leaves_in_words() -> None:
    assert page_words.grid_words(leaf(BASE)) == [
        "one 2M page, mapped by one entry of the page table"
    ]
    assert page_words.grid_words(gigantic(BASE, 2)) == ["part 3 of 512 of one 1G hugetlb page"]
    assert page_words.grid_words(leaf(BASE, PRESENT | ZERO, folio=FolioBit(0))) == [
        "the huge zero page: one entry of the page table, no memory"
    ]
    unseen = Pages(BASE).run(512, PRESENT | HUGE).slot(folio_known=False)
    assert page_words.grid_words(unseen) == [
        "one huge page: a single entry of the page table maps it all"
    ]
    assert page_words.page_words(gigantic(BASE, 2), 0)[0] == "file or shmem, by a 1G leaf"


def test_a_cut_slot_in_words() -> None:
    slot = Pages(BASE + 16 * PAGE_SIZE, 50).run(1).slot()
    assert page_words.grid_words(slot) == ["50 of 512 pages in this mapping", "folios 4k x1"]
    assert page_words.grid_words(Pages(BASE).slot()) == ["512 pages of 4 kB"]
    assert page_words.page_words(slot, 3) == ["not of this mapping"]
    assert page_words.page_folio_words(slot, 3) == ""


def test_the_legend_gets_shorter_to_fit() -> None:
    slot = mixed(BASE)
    wide = words(look_legend(slot, Aspect.STATE, 200, plain_inks(ASCII)))
    assert wide == (
        "# 2M huge 0   = anon 100   f file or shmem 10   z zero 4   "
        "% swapped 7   g guard 5   . nothing 386"
    )
    narrow = words(look_legend(slot, Aspect.STATE, 80, plain_inks(ASCII)))
    assert narrow == (
        "= anon 100  f file or shmem 10  z zero 4  % swapped 7  g guard 5  . nothing 386"
    )
    tiny = words(look_legend(slot, Aspect.STATE, 60, plain_inks(ASCII)))
    assert tiny == "= 100 f 10 z 4 % 7 g 5 . 386"
    bits = words(bit_legend(slot, 60, plain_inks(ASCII), letters=False))
    assert bits == "dirty 97 accessed 102 soft-dirty ? exclusive 100 shared 14"
    assert np.bincount(looks(slot, Aspect.STATE)).sum() == 512


def test_the_sources_are_named() -> None:
    assert page_words.source_words(mixed(BASE)) == [
        "state from pagemap and pagemap_scan",
        "dirty, accessed from the page table by bpf",
        "folios from kpageflags",
    ]
    nobody = as_nobody(mixed(BASE))
    assert page_words.source_words(nobody) == ["state from pagemap and pagemap_scan"]
