"""The pages of an address space that are there, in batches of bounded size.

Finding them costs what is populated, not what is reserved (PAGEMAP_SCAN, Linux
6.7). Before that every entry of the given ranges is read, a window at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs.pagemap import PFN_MASK, Category
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.kernelfs.pagemap import Pagemap, Regions

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

BATCH_PAGES: Final = 1 << 17
"""Pages of a batch, about: what is worked on at once stays within some tens of MB."""

BRIDGE: Final = 256
"""Empty pages that are cheaper to read than to skip; less than a leaf, so that none is bridged."""

SCAN_PAGES: Final = 1 << 16
"""Populated pages of one PAGEMAP_SCAN: 256 MiB, so that mmap_lock is not held long."""

_SCAN_REGIONS: Final = 8192
WINDOW: Final = 1 << 16
_LEAF: Final = np.uint64(Category.PRESENT | Category.HUGE)
_PRESENT: Final = np.uint64(Category.PRESENT)


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages that are present, ascending.

    Attributes:
        vfns: Page numbers of those mapped by PTEs, int64, shape (n,).
        entries: Their raw pagemap entries, uint64, shape (n,).
        leaf_vfns: First page numbers of the slots mapped by a PMD or PUD leaf,
            int64, shape (m,).
        leaf_entries: Their first pages' entries, uint64, shape (m,).
    """

    vfns: I64
    entries: U64
    leaf_vfns: I64
    leaf_entries: U64

    @property
    def frames_hidden(self) -> bool:
        """Whether the kernel withholds frame numbers: no page that is there has frame 0."""
        if not len(self.vfns) + len(self.leaf_vfns):
            return False
        mask = np.uint64(PFN_MASK)
        return not ((self.entries & mask).any() or (self.leaf_entries & mask).any())


def scanned(pagemap: Pagemap, start: int, end: int) -> Iterator[Batch]:
    """Find what is populated in a range, then read its entries.

    Args:
        pagemap: Of the process.
        start: First address, a multiple of 2 MiB.
        end: Address behind the last.

    Raises:
        NoSuchProcess: The address space is gone.
        BackendUnavailable: The kernel is older than 6.7.
    """
    gathered = _Gathered()
    position = start
    while position < end:
        found, stop = pagemap.scan(position, end, max_pages=SCAN_PAGES, vec_len=_SCAN_REGIONS)
        found, position = _whole_leaves(found, stop, end)
        is_leaf = (found["categories"] & _LEAF) == _LEAF
        small = found[~is_leaf & ((found["categories"] & _PRESENT) != 0)]
        for leaf_start, leaf_end in found[is_leaf][["start", "end"]].tolist():
            gathered.add_leaves(pagemap, leaf_start, leaf_end)
        starts = (small["start"] // PAGE_SIZE).astype(np.int64)
        ends = (small["end"] // PAGE_SIZE).astype(np.int64)
        for first, count in windows(starts, ends):
            gathered.add(first, pagemap.read_entries(first * PAGE_SIZE, count))
            if gathered.full:
                # leaves beyond these pages are among them, too: they are sorted in later
                yield gathered.take()
    yield gathered.take()


def unscanned(pagemap: Pagemap, starts: I64, ends: I64) -> Iterator[Batch]:
    """Read all entries of ranges, without telling leaves apart.

    Args:
        pagemap: Of the process.
        starts: First page numbers, ascending and disjoint.
        ends: Page numbers behind the last.

    Raises:
        NoSuchProcess: The address space is gone.
    """
    gathered = _Gathered()
    for first, count in windows(starts, ends):
        gathered.add(first, pagemap.read_entries(first * PAGE_SIZE, count))
        if gathered.full:
            yield gathered.take()
    yield gathered.take()


def windows(starts: I64, ends: I64) -> Iterator[tuple[int, int]]:
    """What to read at once: first page and count, ascending, over gaps of up to ``BRIDGE``."""
    if not len(starts):
        return
    breaks = np.flatnonzero(starts[1:] - ends[:-1] > BRIDGE) + 1
    firsts = starts[np.concatenate(([0], breaks))].tolist()
    lasts = ends[np.append(breaks - 1, len(ends) - 1)].tolist()
    for first, last in zip(firsts, lasts, strict=True):
        for position in range(first, last, WINDOW):
            yield position, min(WINDOW, last - position)


def _whole_leaves(found: Regions, stop: int, end: int) -> tuple[Regions, int]:
    """Leave the part of a leaf that a scan was cut in to the next one."""
    inside = stop & (SLOT_SIZE - 1)
    if not len(found) or not inside or stop >= end:
        return found, stop
    last = found[-1]
    if int(last["end"]) != stop or (last["categories"] & _LEAF) != _LEAF:
        return found, stop
    stop -= inside
    found = found.copy()
    found["end"][-1] = max(stop, int(last["start"]))
    return found[found["start"] < found["end"]], stop


class _Gathered:
    """A batch in the making."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._vfns = [np.zeros(0, np.int64)]
        self._entries = [np.zeros(0, np.uint64)]
        self._leaf_vfns = [np.zeros(0, np.int64)]
        self._leaf_entries = [np.zeros(0, np.uint64)]
        self._pages = 0

    @property
    def full(self) -> bool:
        return self._pages >= BATCH_PAGES

    def add(self, first: int, entries: U64) -> None:
        """The entries of consecutive pages; only those present are kept."""
        # PRESENT is the sign bit
        present = np.flatnonzero(entries.view(np.int64) < 0)
        if len(present) < len(entries):
            entries = entries[present]
        self._vfns.append(present + first)
        self._entries.append(entries)
        self._pages += len(present)

    def add_leaves(self, pagemap: Pagemap, start: int, end: int) -> None:
        """A region of leaves; one entry tells for 512."""
        vfns = np.arange(start, end, SLOT_SIZE, dtype=np.int64) // PAGE_SIZE
        step = WINDOW // SLOT_PAGES
        for i in range(0, len(vfns), step):
            part = vfns[i : i + step]
            pages = (len(part) - 1) * SLOT_PAGES + 1
            entries = pagemap.read_entries(int(part[0]) * PAGE_SIZE, pages)[::SLOT_PAGES]
            part = part[: len(entries)]
            there = entries.view(np.int64) < 0
            self._leaf_vfns.append(part[there])
            self._leaf_entries.append(entries[there])

    def take(self) -> Batch:
        """What was gathered; begins anew."""
        batch = Batch(
            np.concatenate(self._vfns),
            np.concatenate(self._entries),
            np.concatenate(self._leaf_vfns),
            np.concatenate(self._leaf_entries),
        )
        self._clear()
        return batch
