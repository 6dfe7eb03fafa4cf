"""What is under the cursor, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import units
from hpview.kernelfs.maps import perms
from hpview.space import runs as runs_
from hpview.space.holes import unsettled
from hpview.space.slots import CellClass, cells
from hpview.space.vma import Mark
from hpview.ui.widgets.map_cells import classes
from hpview.ui.widgets.vma_columns import is_file, shown_name
from hpview.units import thousands
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, RunFlag, VmaFlag, VmFlag

if TYPE_CHECKING:
    from hpview.space.address_space import AddressSpace
    from hpview.space.fine import Pages
    from hpview.wire import Records

_WORDS: Final = {
    CellClass.UNMAPPED: "unmapped",
    CellClass.EMPTY: "nothing there yet",
    CellClass.HUGE_2M: "2M huge page",
    CellClass.HUGE_1G: "1G huge page",
    CellClass.FULL_4K: "4k pages",
    CellClass.PART_4K: "4k pages",
    CellClass.SPARSE_4K: "4k pages, sparse",
    CellClass.SWAP: "swapped out",
    CellClass.ZERO: "zero page",
    CellClass.UNKNOWN: "could not be read",
}
_PAGE_WORDS: Final = {
    CellClass.FULL_4K: "4k page",
    CellClass.EMPTY: "no page there",
}
_VMA_WORDS: Final = (
    (VmFlag.HUGETLB, "hugetlb"),
    (VmFlag.HUGEPAGE, "madvise hugepage"),
    (VmFlag.NOHUGEPAGE, "madvise nohugepage"),
    (VmFlag.LOCKED, "locked"),
    (VmFlag.PFNMAP, "pfnmap"),
)
_MARK_WORDS: Final = (
    (Mark.PARTIAL, "partly read"),
    (Mark.CHANGED, "changed while reading"),
)
_FLAG_WORDS: Final = (
    (VmaFlag.READ_ERROR, "some could not be read"),
    (VmaFlag.SKIPPED, "not walked"),
    (VmaFlag.ESTIMATE, "estimated"),
)


def index_in(space: AddressSpace, start: int, end: int, address: int) -> int:
    """The VMA at an address, else the first one in the cell, else -1."""
    index = space.index_at(address)
    if index >= 0 or not len(space.vmas):
        return index
    first = int(np.searchsorted(space.vmas["end"], np.uint64(start), "right"))
    inside = first < len(space.vmas) and int(space.vmas["start"][first]) < end
    return first if inside else -1


def cell_words(space: AddressSpace, start: int, end: int) -> list[str]:
    """The range of a cell and what backs it."""
    words = [f"{start:012x}-{end:012x}"]
    here = cells(space, start, 1, end - start)
    mapped = int(here.mapped[0])
    if not mapped:
        return [*words, "unmapped", units.size(end - start)]
    kind = CellClass(int(classes(space, here)[0]))
    runs = runs_.trim(space.runs_of(start, end), start, end)
    wide = end - start > SLOT_SIZE
    if wide:
        parts = [
            f"{word} {units.exact(size)}"
            for word, size in (
                ("1G", int(here.bytes_1g[0])),
                ("2M", int(here.bytes_2m[0])),
                ("4k", int(here.bytes_4k[0])),
                ("swap", int(here.bytes_swap[0])),
            )
            if size
        ]
        words += [*(parts or [_WORDS[kind]]), f"{units.size(mapped)} mapped"]
    else:
        words.append(_WORDS[kind])
        if kind not in (CellClass.HUGE_2M, CellClass.HUGE_1G, CellClass.EMPTY, CellClass.UNKNOWN):
            present = int(here.bytes_4k[0]) // PAGE_SIZE
            words.append(f"{present}/{mapped // PAGE_SIZE} pages")
        elif mapped < end - start:
            words.append(f"{mapped // PAGE_SIZE} pages mapped")
        if here.bytes_swap[0]:
            words.append(f"{thousands(int(here.bytes_swap[0]) // PAGE_SIZE)} swapped")
    for word, pages in (
        ("zero", int(here.bytes_zero[0]) // PAGE_SIZE),
        ("guard", _guard_pages(runs)),
        ("unread", int(here.unknown[0]) // PAGE_SIZE),
    ):
        if pages and wide:
            words.append(f"{word} {units.size(pages * PAGE_SIZE)}")
        elif pages:
            words.append(f"{thousands(pages)} {word}")
    flags = int(np.bitwise_or.reduce(runs["flags"])) if len(runs) else 0
    if flags & RunFlag.MIGRATING:
        words.append("being migrated")
    if flags & RunFlag.ESTIMATE:
        words.append("estimated")
    return words


def page_words(space: AddressSpace, pages: Pages, start: int, end: int) -> tuple[list[str], bool]:
    """The range of a cell smaller than a slot, what backs it, and what its slot holds.

    Returns:
        The words, and whether single pages were read for them; else bytes of a slot
        of which only the sums are known are spread evenly, which the words tell.
    """
    size = end - start
    words = [f"{start:012x}-{end:012x}"]
    here = cells(space, start, 1, size)
    read = bool(pages.refine(here, size).any())
    kind = CellClass(int(classes(space, here)[0]))
    if not here.mapped[0]:
        return [*words, "unmapped"], False
    present, swapped = (int(b[0]) // PAGE_SIZE for b in (here.bytes_4k, here.bytes_swap))
    words.append(_WORDS[kind] if size > PAGE_SIZE else _PAGE_WORDS.get(kind, _WORDS[kind]))
    if size > PAGE_SIZE and present:
        words.append(f"{present}/{int(here.mapped[0]) // PAGE_SIZE} pages")
    if size > PAGE_SIZE and swapped:
        words.append(f"{swapped} swapped")
    if not read and len(unsettled(space, start, end)):
        words.append("places of its pages not read yet")
    slot = start // SLOT_SIZE * SLOT_SIZE
    around = cells(space, slot, 1, SLOT_SIZE)
    pages.refine(around, SLOT_SIZE)
    if int(around.bytes_2m[0]) + int(around.bytes_1g[0]) == 0:
        first = (start - slot) // PAGE_SIZE
        there, room = (int(b[0]) // PAGE_SIZE for b in (around.bytes_4k, around.mapped))
        last = first + size // PAGE_SIZE - 1
        which = f"page {first + 1}" if first == last else f"pages {first + 1}-{last + 1}"
        words.append(f"{which} of the slot, {there}/{room} present")
    return words, read


def _guard_pages(runs: Records) -> int:
    """Pages of guard markers, which only PTE tables hold."""
    table = (runs["backing"] != Backing.PMD_2M) & (runs["backing"] != Backing.PUD_1G)
    if not len(runs):
        return 0
    return int((runs["guard"] * runs_.slots_of(runs["start"], runs["end"]) * table).sum())


def vma_words(space: AddressSpace, index: int, start: int) -> list[str]:
    """A VMA and the place of a cell in its file; the name comes last, it may be long."""
    if index < 0:
        return []
    vma = space.vmas[index]
    first, end = int(vma["start"]), int(vma["end"])
    size = f"{units.size(end - first)} ({units.exact(end - first)})"
    words = [f"{perms(int(vma['vm_flags']))} {size} at {first:012x}"]
    words += [word for flag, word in _VMA_WORDS if int(vma["vm_flags"]) & flag]
    marks, flags = int(vma["marks"]), int(vma["flags"])
    words += [word for flag, word in _MARK_WORDS if marks & flag]
    words += [word for flag, word in _FLAG_WORDS if flags & flag]
    name, _ = shown_name(space, index)
    if is_file(vma):
        offset = int(vma["pgoff"]) * PAGE_SIZE + max(0, start - first)
        name = f"{name} +{offset:#x}"
    return [*words, name]
