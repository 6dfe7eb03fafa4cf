"""What only single pages tell of many slots: who else maps them, and whether they were huge."""

from __future__ import annotations

import itertools
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable
from hpview.kernelfs.files import PROC
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.pagemap import PFN_MASK, Entry, Pagemap
from hpview.kernelfs.task import readable_task
from hpview.pages.frames import Frames
from hpview.wire import SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hpview.wire import Records

    U64 = NDArray[np.uint64]


class Folio(IntEnum):
    """What stands behind the pages of a slot."""

    UNKNOWN = 0
    """This user may not see frames, or the slot was not looked at."""
    SMALL = 1
    SPLIT = 2
    """One 2 MB folio, mapped by 4 kB entries."""


SLOT_FACTS: Final = np.dtype([("start", "u8"), ("shared", "u2"), ("folio", "u1")])
"""``start``: address of the slot. ``shared``: anonymous pages that another process maps, too, and
zero pages, which pagemap does not tell from them to everybody.
``folio``: ``Folio``."""

NO_FACTS: Final = np.zeros(0, dtype=SLOT_FACTS)

MOST: Final = 8192
"""Slots that are looked at in one go: 16 GiB of 4 kB pages take some 0.1 s."""

_AT_ONCE: Final = 64
_NO_FOLIO: Final = -1
_HIDDEN: Final = -2
_EXCLUSIVE: Final = np.uint64(Entry.EXCLUSIVE)
_PRESENT: Final = np.uint64(Entry.PRESENT)
_FILE: Final = np.uint64(Entry.FILE)
_PFN: Final = np.uint64(PFN_MASK)
_STEPS: Final = np.array([0, *(1 << order for order in range(SLOT_PAGES.bit_length() - 1))])
_HEAD: Final = np.uint64(PageFlag.COMPOUND_HEAD)
_TAIL: Final = np.uint64(PageFlag.COMPOUND_TAIL)


def read_slot_facts(pid: int, slots: U64, root: Path = PROC) -> Records:
    """Look at the pages of whole slots; the first ``MOST`` of them.

    Args:
        pid: Process.
        slots: Addresses, multiples of the slot size, ascending, shape (n,).
        root: Where procfs is mounted.

    Returns:
        dtype ``SLOT_FACTS``, ascending.

    Raises:
        NoSuchProcess, NotAProcess, NoMemoryMap, AccessDenied: It cannot be read.
    """
    slots = slots[:MOST]
    out = np.zeros(len(slots), dtype=SLOT_FACTS)
    out["start"] = slots
    heads = np.full(len(slots), _NO_FOLIO, dtype=np.int64)
    tid, folder = readable_task(pid, root)
    with Pagemap(tid, folder) as pagemap:
        for first, last in _stretches(slots):
            count = (last - first) * SLOT_PAGES
            entries = pagemap.read_entries(int(slots[first]), count)
            there = len(entries) // SLOT_PAGES
            grid = entries[: there * SLOT_PAGES].reshape(there, SLOT_PAGES)
            here = slice(first, first + there)
            present = (grid & _PRESENT) != 0
            shared = present & ((grid & (_FILE | _EXCLUSIVE)) == 0)
            out["shared"][here] = shared.sum(axis=1)
            heads[here] = _heads(grid, present)
    out["folio"] = _folios(heads, root)
    return out


def _stretches(slots: U64) -> list[tuple[int, int]]:
    """Neighbouring slots, as indexes of the first and behind the last, some at once."""
    breaks = np.flatnonzero(np.diff(slots) != SLOT_SIZE) + 1
    bounds = [0, *breaks.tolist(), len(slots)]
    return [
        (first, min(first + _AT_ONCE, end))
        for begin, end in itertools.pairwise(bounds)
        for first in range(begin, end, _AT_ONCE)
    ]


def _heads(grid: U64, present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The frame that a 2 MB folio behind each slot would begin at.

    All pages of such a folio stand at their places in it, so the first one tells.
    ``_NO_FOLIO`` where there cannot be one, ``_HIDDEN`` where frames are not told.
    """
    first = present.argmax(axis=1)
    frames = (np.take_along_axis(grid, first[:, None], axis=1)[:, 0] & _PFN).astype(np.int64)
    heads: NDArray[np.int64] = frames - first
    some = present.any(axis=1)
    heads[~some | (heads % SLOT_PAGES != 0)] = _NO_FOLIO
    heads[some & (frames == 0)] = _HIDDEN
    return heads


def _folios(heads: NDArray[np.int64], root: Path) -> NDArray[np.uint8]:
    """The ``Folio`` of each slot.

    The folio at a frame has order 9 if the frames 1, 2, 4 ... 256 behind it are all its tails:
    were its order n, the frame 2**n behind would begin another one.
    """
    out = np.full(len(heads), Folio.SMALL, dtype=np.uint8)
    out[heads == _HIDDEN] = Folio.UNKNOWN
    some = np.flatnonzero(heads >= 0)
    if not len(some):
        return out
    try:
        with Frames(root) as frames:
            pfns = heads[some][:, None] + _STEPS
            flags = frames.flags(pfns.reshape(-1)).reshape(pfns.shape)
    except BackendUnavailable:
        out[:] = Folio.UNKNOWN
        return out
    whole = (flags[:, 0] & _HEAD) != 0
    whole &= ((flags[:, 1:] & _TAIL) != 0).all(axis=1)
    out[some[whole]] = Folio.SPLIT
    return out
