"""What stands in each page of several slots: what the map needs below the size of a slot."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable
from hpview.kernelfs.files import PROC
from hpview.kernelfs.pagemap import Category, Entry, Pagemap
from hpview.kernelfs.task import readable_task
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class PageState(IntEnum):
    """How a page is mapped."""

    NONE = 0
    PRESENT = 1
    SWAPPED = 2
    """Any entry that is not present, a page under migration too."""
    ZERO = 3
    GUARD = 4
    HUGE = 5
    """By a PMD or PUD leaf."""


_VECTOR: Final = 2048
_LETTERS: Final = (
    (Category.PRESENT, PageState.PRESENT),
    (Category.SWAPPED, PageState.SWAPPED),
    (Category.HUGE, PageState.HUGE),
    (Category.PFNZERO, PageState.ZERO),
    (Category.GUARD, PageState.GUARD),
)
"""A later one overrides an earlier one."""


def read_states(pid: int, slots: NDArray[np.uint64], root: Path = PROC) -> NDArray[np.uint8]:
    """Read the pages of whole slots, whatever VMAs lie in them.

    Args:
        pid: Process.
        slots: First addresses, multiples of the slot size, ascending, shape (n,).
        root: Where procfs is mounted.

    Returns:
        ``PageState`` of each page, shape (n, 512). Before Linux 6.7 (no PAGEMAP_SCAN)
        zero pages and huge leaves are told as PRESENT.

    Raises:
        NoSuchProcess, NotAProcess, NoMemoryMap, AccessDenied: It cannot be read.
    """
    out = np.zeros((len(slots), SLOT_PAGES), dtype=np.uint8)
    if not len(slots):
        return out
    tid, folder = readable_task(pid, root)
    # Consecutive slots are one range, one ioctl or read for all of them.
    breaks = np.flatnonzero(np.diff(slots) != SLOT_SIZE) + 1
    with Pagemap(tid, folder) as pagemap:
        for part, rows in zip(np.split(slots, breaks), np.split(out, breaks), strict=True):
            start = int(part[0])
            try:
                _scan(pagemap, start, rows.reshape(-1))
            except BackendUnavailable:
                _entries(pagemap, start, rows.reshape(-1))
    return out


def _scan(pagemap: Pagemap, start: int, pages: NDArray[np.uint8]) -> None:
    at, end = start, start + len(pages) * PAGE_SIZE
    while at < end:
        regions, at = pagemap.scan(at, end, vec_len=_VECTOR)
        states = np.zeros(len(regions), dtype=np.uint8)
        for category, state in _LETTERS:
            states[(regions["categories"] & np.uint64(category)) != 0] = state
        first = ((regions["start"] - np.uint64(start)) // PAGE_SIZE).astype(np.int64)
        counts = ((regions["end"] - regions["start"]) // PAGE_SIZE).astype(np.int64)
        before = np.cumsum(counts) - counts
        here = np.arange(counts.sum()) + np.repeat(first - before, counts)
        pages[here] = np.repeat(states, counts)


def _entries(pagemap: Pagemap, start: int, pages: NDArray[np.uint8]) -> None:
    entries = pagemap.read_entries(start, len(pages))
    here = pages[: len(entries)]
    for bit, state in (
        (Entry.PRESENT, PageState.PRESENT),
        (Entry.SWAPPED, PageState.SWAPPED),
        (Entry.GUARD, PageState.GUARD),
    ):
        here[(entries & np.uint64(bit)) != 0] = state
