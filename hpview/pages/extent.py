"""From a page frame to the folio it belongs to, by the flags of its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs.kpageflags import PageFlag
from hpview.wire import PUD_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

_HEAD: Final = np.uint64(PageFlag.COMPOUND_HEAD)
_TAIL: Final = np.uint64(PageFlag.COMPOUND_TAIL)
_PUD_SLOTS: Final = PUD_SIZE // SLOT_SIZE


def extents(pfns: I64, flags: U64, flags_of: Callable[[I64], U64]) -> tuple[I64, I64]:
    """First frame and size of folios.

    Up to 2 MiB a folio lies within an aligned block of that size; a larger one is
    followed by the first frames of blocks, up to 1 GiB.

    Args:
        pfns: Frames, shape (n,).
        flags: ``PageFlag`` bits of these, shape (n,).
        flags_of: The same of others.

    Returns:
        Of each frame's folio the first frame and the number of pages, both int64,
        shape (n,).
    """
    first, pages = pfns.copy(), np.ones(len(pfns), np.int64)
    large = np.flatnonzero((flags & (_HEAD | _TAIL)) != 0)
    if not len(large):
        return first, pages
    blocks, rows = np.unique(pfns[large] // SLOT_PAGES, return_inverse=True)
    frames = blocks[:, None] * SLOT_PAGES + np.arange(SLOT_PAGES)
    tails = (flags_of(frames.ravel()) & _TAIL).reshape(frames.shape) != 0
    begins, ends = _spans(tails)
    columns = pfns[large] % SLOT_PAGES
    begin, end = begins[rows, columns], ends[rows, columns]
    first[large] = blocks[rows] * SLOT_PAGES + begin
    pages[large] = end - begin
    goes_on = (flags_of((blocks + 1) * SLOT_PAGES) & _TAIL) != 0
    larger = (begin < 0) | ((end == SLOT_PAGES) & goes_on[rows])
    for block in np.unique(blocks[rows[larger]]).tolist():
        here = large[larger & (blocks[rows] == block)]
        base = block // _PUD_SLOTS * _PUD_SLOTS
        heads = (base + np.arange(_PUD_SLOTS)) * SLOT_PAGES
        inner = (flags_of(heads) & _TAIL)[None, :] != 0
        low, high = (int(span[0, block - base]) for span in _spans(inner))
        if low >= 0:
            first[here] = heads[low]
            pages[here] = (high - low) * SLOT_PAGES
    return first, pages


def _spans(tails: NDArray[np.bool_]) -> tuple[I64, I64]:
    """Per row: where the folio of each column begins (-1: before it) and ends."""
    width = tails.shape[1]
    places = np.arange(width)
    begins = np.maximum.accumulate(np.where(tails, -1, places), axis=1)
    stops = np.where(tails, width, places)
    following = np.minimum.accumulate(stops[:, ::-1], axis=1)[:, ::-1]
    ends = np.full(tails.shape, width)
    ends[:, :-1] = following[:, 1:]
    return begins, ends
