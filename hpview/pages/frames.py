"""The flags of very many page frames: /proc/kpageflags in blocks (fs/proc/page.c).

``kernelfs.kpageflags.read`` sorts the frames it is asked for. Here millions come
in the order of their addresses, so that they are marked in a table instead.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from hpview.kernelfs import kpageflags, pagemap
from hpview.kernelfs.files import PROC
from hpview.kernelfs.kpageflags import PageFlag

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.errors import BackendUnavailable

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

REMEDY: Final = "folio sizes need root"

_SHIFT: Final = 4
"""Blocks of 16 frames: the kernel takes as long for them as for one system call."""

_BLOCK: Final = 1 << _SHIFT
_ENTRY_SIZE: Final = 8
_WORTH_SHARING: Final = 256
"""Blocks that take longer to read than a thread to wake."""

_TABLE: Final = 1 << 28
"""Blocks of the largest table, untouched for the most part: 16 TiB of memory."""


def hidden() -> BackendUnavailable:
    """What to raise where pagemap tells frame 0 for every page (no CAP_SYS_ADMIN)."""
    return pagemap.hidden(REMEDY)


class Frames:
    """One open /proc/kpageflags.

    Args:
        root: Where procfs is mounted.

    Raises:
        BackendUnavailable: The file is missing, empty or this user may not read it.
    """

    def __init__(self, root: Path = PROC) -> None:
        self._fd = kpageflags.open_flags(root, REMEDY)
        self._helper: ThreadPoolExecutor | None = None

    def flags(self, pfns: I64) -> U64:
        """The flags of page frames.

        Args:
            pfns: Page frame numbers, any order, repetitions allowed, shape (n,).

        Returns:
            ``PageFlag`` bits, uint64, shape (n,); NOPAGE behind the end of memory.

        Raises:
            BackendUnavailable: They cannot be read any more.
        """
        if not len(pfns):
            return np.zeros(0, np.uint64)
        blocks = pfns >> _SHIFT
        wanted, ranks = _distinct(blocks)
        try:
            found = self._read(wanted)
        except OSError as err:
            raise kpageflags.unreadable(err, REMEDY) from err
        ranks <<= _SHIFT
        ranks += pfns & (_BLOCK - 1)
        return found[ranks]

    def _read(self, blocks: I64) -> U64:
        """The flags of whole blocks, ascending and distinct.

        The kernel spends most of the time, and lets readers go side by side.
        """
        found = np.empty(len(blocks) * _BLOCK, np.uint64)
        middle = len(blocks) // 2
        if middle < _WORTH_SHARING or (os.cpu_count() or 1) < 2:
            self._read_runs(blocks, found)
            return found
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1)
        other = self._helper.submit(self._read_runs, blocks[middle:], found[middle * _BLOCK :])
        try:
            self._read_runs(blocks[:middle], found[: middle * _BLOCK])
        finally:
            other.result()
        return found

    def _read_runs(self, blocks: I64, found: U64) -> None:
        """One pread a run of neighbouring blocks."""
        view = found.data.cast("B")
        size = _BLOCK * _ENTRY_SIZE
        edges = np.flatnonzero(np.diff(blocks) != 1) + 1
        begins = [0, *edges.tolist()]
        ends = [*edges.tolist(), len(blocks)]
        offsets = (blocks[begins] * size).tolist()
        for begin, end, offset in zip(begins, ends, offsets, strict=True):
            done, stop = begin * size, end * size
            while done < stop:
                count = os.preadv(self._fd, [view[done:stop]], offset)
                if not count:
                    found[done // _ENTRY_SIZE : stop // _ENTRY_SIZE] = int(PageFlag.NOPAGE)
                    break
                done += count
                offset += count

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._helper is not None:
            self._helper.shutdown()
            self._helper = None
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _distinct(
    blocks: I64,
) -> tuple[I64, I64]:
    """The distinct values, ascending, and where among them each one stands."""
    low = int(blocks.min())
    width = int(blocks.max()) - low + 1
    if width > _TABLE:
        wanted, ranks = np.unique(blocks, return_inverse=True)
        return wanted, ranks.astype(np.int64)
    places = blocks - low
    marked = np.zeros(width, np.bool_)
    marked[places] = True
    wanted = np.flatnonzero(marked)
    rank = np.empty(width, np.int32)
    rank[wanted] = np.arange(len(wanted), dtype=np.int32)
    return wanted + low, rank[places].astype(np.int64)
