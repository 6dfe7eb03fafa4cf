"""The pages of one slot, with their folios where this user may see frames."""

from __future__ import annotations

import mmap
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs import procmap_query
from hpview.kernelfs.files import PROC, own_pid
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.pagemap import PFN_MASK, Category, Entry, Pagemap
from hpview.kernelfs.task import readable_task
from hpview.pages.extent import extents
from hpview.pages.frames import Frames, hidden
from hpview.pages.page import NO_PTE_BITS, PAGE, FolioBit, PageBit, SlotPages
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from pathlib import Path

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

_SOFT_DIRTY: Final = 1 << 55
_ENTRY_BITS: Final = (
    (int(Entry.PRESENT), PageBit.PRESENT),
    (int(Entry.SWAPPED), PageBit.SWAPPED),
    (int(Entry.FILE), PageBit.FILE),
    (int(Entry.EXCLUSIVE), PageBit.EXCLUSIVE),
)
_FLAG_BITS: Final = (
    (PageFlag.COMPOUND_HEAD, FolioBit.HEAD),
    (PageFlag.COMPOUND_TAIL, FolioBit.TAIL),
    (PageFlag.ANON, FolioBit.ANON),
    (PageFlag.HUGE, FolioBit.HUGETLB),
    (PageFlag.KSM, FolioBit.KSM),
)

NO_SOFT_DIRTY: Final = "soft-dirty: this kernel does not track it (CONFIG_MEM_SOFT_DIRTY)"
NO_GUARD: Final = "guard: this kernel does not tell it (Linux 6.16)"


def read_slot(pid: int, start: int, end: int, root: Path = PROC) -> SlotPages:
    """Read the pages of a slot, or of a part of one.

    Args:
        pid: Process.
        start: First address, a multiple of the page size.
        end: Address behind the last, at most 2 MiB further on.
        root: Where procfs is mounted.

    Returns:
        The part of the range that lies in the first VMA there, without pages if
        there is none. What this kernel or user cannot tell is not among ``known``.

    Raises:
        NoSuchProcess, NotAProcess, NoMemoryMap, AccessDenied: It cannot be read.
        ValueError: The range is not aligned, empty or too long.
    """
    if (start | end) % PAGE_SIZE or not start < end <= start + SLOT_SIZE:
        raise ValueError(f"no pages of one slot: {start:#x}-{end:#x}")
    tid, folder = readable_task(pid, root)
    with Pagemap(tid, folder) as pagemap:
        bounds = _vma(tid, folder, start)
        if bounds is None or bounds[0] >= end:
            return SlotPages(start, start, np.zeros(0, PAGE), PageBit(0), False)
        start, end = max(start, bounds[0]), min(end, bounds[1])
        # a folio may begin or end in a neighbouring slot
        low, high = max(bounds[0], start - SLOT_SIZE), min(bounds[1], end + SLOT_SIZE)
        entries = pagemap.read_entries(low, (high - low) // PAGE_SIZE)
        if len(entries) < (high - low) // PAGE_SIZE:
            raise pagemap.lost()
        no_scan = ""
        categories: U64 | None = None
        try:
            categories = _categories(pagemap, start, end)
        except BackendUnavailable as err:
            no_scan = f"huge, zero and guard: {err}"
        guard_known = pagemap.guard_known
    first = (start - low) // PAGE_SIZE
    here = slice(first, first + (end - start) // PAGE_SIZE)
    pages = np.zeros(here.stop - here.start, PAGE)
    known = _fill_bits(pages, entries[here], categories)
    reasons = [NO_PTE_BITS]
    try:
        with Frames(root) as frames:
            known |= _fill_folios(pages, entries, here, low // PAGE_SIZE, frames)
        folio_known = True
    except BackendUnavailable as err:
        folio_known = False
        reasons.append(str(err))
    if _soft_dirty_tracked():
        known |= PageBit.SOFT_DIRTY
    else:
        reasons.append(NO_SOFT_DIRTY)
    if no_scan:
        reasons.append(no_scan)
    elif guard_known:
        known |= PageBit.GUARD
    else:
        reasons.append(NO_GUARD)
    if PageBit.ZERO in known:
        pages["bits"][(pages["bits"] & PageBit.ZERO) != 0] &= 0xFFFF ^ int(PageBit.FILE)
    else:
        # the entry of the huge zero page has the bit, too
        known &= ~PageBit.FILE
    pages["bits"] &= int(known)
    return SlotPages(start, end, pages, known, folio_known, tuple(reasons))


def read_slot_at(pid: int, address: int, root: Path = PROC) -> SlotPages:
    """Read the pages of the slot around an address, as far as its VMA reaches.

    Returns:
        As ``read_slot``; without pages where no VMA covers the address.

    Raises:
        NoSuchProcess, NotAProcess, NoMemoryMap, AccessDenied: It cannot be read.
    """
    tid, folder = readable_task(pid, root)
    page = address & -PAGE_SIZE
    bounds = _vma(tid, folder, page)
    if bounds is None or bounds[0] > page:
        return SlotPages(page, page, np.zeros(0, PAGE), PageBit(0), False)
    slot = page & -SLOT_SIZE
    return read_slot(pid, max(bounds[0], slot), min(bounds[1], slot + SLOT_SIZE), root)


def _vma(tid: int, folder: Path, address: int) -> tuple[int, int] | None:
    """Bounds of the VMA that covers an address, else of the next."""
    try:
        with procmap_query.MapsQuery(tid, folder) as query:
            found = query.query(address, name=False)
    except BackendUnavailable:
        found = next((m for m in read_maps(tid, folder) if m.end > address), None)
    return None if found is None else (found.start, found.end)


def _categories(pagemap: Pagemap, start: int, end: int) -> U64:
    """``Category`` bits of each page.

    Raises:
        BackendUnavailable: There is no PAGEMAP_SCAN.
    """
    regions, _ = pagemap.scan(start, end, vec_len=2 * SLOT_PAGES)
    categories = np.zeros((end - start) // PAGE_SIZE, np.uint64)
    for low, high, bits in regions.tolist():
        categories[(low - start) // PAGE_SIZE : (high - start) // PAGE_SIZE] = bits
    return categories


def _fill_bits(pages: NDArray[np.void], entries: U64, categories: U64 | None) -> PageBit:
    """What entries and a scan tell; returns which bits these are, GUARD and SOFT_DIRTY apart."""
    bits = pages["bits"]
    for mask, bit in (*_ENTRY_BITS, (_SOFT_DIRTY, PageBit.SOFT_DIRTY)):
        bits[(entries & np.uint64(mask)) != 0] |= int(bit)
    guard = (entries & np.uint64(Entry.GUARD)) != 0
    known = PageBit.PRESENT | PageBit.SWAPPED | PageBit.FILE | PageBit.EXCLUSIVE
    if categories is not None:
        populated = (categories & np.uint64(Category.PRESENT | Category.SWAPPED)) != 0
        for category, bit in (Category.HUGE, PageBit.HUGE), (Category.PFNZERO, PageBit.ZERO):
            bits[populated & ((categories & np.uint64(category)) != 0)] |= int(bit)
        guard |= (categories & np.uint64(Category.GUARD)) != 0
        known |= PageBit.HUGE | PageBit.ZERO
    bits[guard] |= int(PageBit.GUARD)
    bits[guard] &= 0xFFFF ^ int(PageBit.SWAPPED)
    return known


def _fill_folios(
    pages: NDArray[np.void], entries: U64, here: slice, vfn: int, frames: Frames
) -> PageBit:
    """The folio columns, and the zero page, which flags tell as well.

    Raises:
        BackendUnavailable: The entries have no frame numbers.
    """
    there = np.flatnonzero(entries.view(np.int64) < 0)
    every = (entries[there] & np.uint64(PFN_MASK)).view(np.int64)
    if len(every) and not every.any():
        raise hidden()
    mine = np.flatnonzero((there >= here.start) & (there < here.stop))
    at, pfns = there[mine] - here.start, every[mine]
    flags = frames.flags(pfns)
    first, counts = extents(pfns, flags, frames.flags)
    index = pfns - first
    folio = np.zeros(len(mine), np.uint8)
    for flag, bit in _FLAG_BITS:
        folio[(flags & np.uint64(flag)) != 0] |= int(bit)
    large = counts > 1
    folio[large & ((there[mine] + vfn - index) % counts == 0)] |= int(FolioBit.ALIGNED)
    low, high = _run_bounds(there, every)
    # a page of hugetlb cannot be mapped in part, and may be larger than what was read
    whole = ((flags & np.uint64(PageFlag.HUGE)) != 0) | (
        (low[mine] <= first) & (first + counts <= high[mine])
    )
    folio[large & ~whole] |= int(FolioBit.PARTIAL)
    pages["folio"][at] = folio
    pages["folio_pages"][at] = counts
    pages["index"][at] = index
    zero = (flags & np.uint64(PageFlag.ZERO_PAGE)) != 0
    pages["bits"][at[zero]] |= int(PageBit.ZERO)
    return PageBit.ZERO


def _run_bounds(places: I64, pfns: I64) -> tuple[I64, I64]:
    """Of the run of consecutive pages and frames around each page: first frame, and behind it."""
    begins = np.ones(len(pfns), np.bool_)
    begins[1:] = (np.diff(places) != 1) | (np.diff(pfns) != 1)
    at = np.flatnonzero(begins)
    counts = np.diff(at, append=len(pfns))
    low = np.repeat(pfns[at], counts)
    return low, low + np.repeat(counts, counts)


@cache
def _soft_dirty_tracked() -> bool:
    """Whether soft-dirty bits mean anything: a page just written has it, or none ever has."""
    try:
        with mmap.mmap(-1, PAGE_SIZE) as memory, Pagemap(own_pid()) as own:
            memory[0] = 1
            entries = own.read_entries(np.frombuffer(memory, np.uint8).ctypes.data, 1)
            return bool(len(entries) and int(entries[0]) & _SOFT_DIRTY)
    except HpviewError:
        return False
