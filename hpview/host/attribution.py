"""Which pages of hugetlb the processes seen have mapped, each counted once.

Pages of a file, shared memory among them, are the same where file and offset are; the inode
of a SysV segment is its number (ipc/shm.c, newseg), of which each IPC namespace has its own.
Private ones were copied on write: they are told apart by their frame numbers, or, where these
are hidden, by whether they are mapped once (PM_MMAP_EXCLUSIVE); only those that a fork shares
remain a guess.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs import hugetlbfs
from hpview.kernelfs.files import PROC, SYS, read_mm_file
from hpview.kernelfs.maps import MINOR_BITS, parse_numbers
from hpview.kernelfs.pagemap import PFN_MASK, Category, Entry, Pagemap
from hpview.kernelfs.procmap_query import MapsQuery
from hpview.kernelfs.task import readable_task
from hpview.wire import PAGE_SIZE, VmFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    U64 = NDArray[np.uint64]

LIMIT: Final = 1 << 19
"""Entries of pagemap that are read at most, for private pages only: about a second."""

_WINDOW: Final = 1 << 14
"""Pages that are scanned in one go: mmap_lock is held for less than a millisecond."""

_BLOCK_BITS: Final = 16
"""Pages of a file are noted in blocks of so many: 64 KiB each, for 128 GiB."""

_SEGMENT: Final = re.compile(rb"^([0-9a-f]+)-\S+ \S+ \S+ \S+ \d+ +/SYSV", re.MULTILINE)
_EXCLUSIVE: Final = np.uint64(Entry.EXCLUSIVE)
_FILE: Final = np.uint64(Entry.FILE)
_PRESENT: Final = np.uint64(Entry.PRESENT)
_FRAME: Final = np.uint64(PFN_MASK)


class Attribution:
    """Adds up what processes have mapped.

    Attributes:
        entries: Of pagemap, read so far.
        exact: No page had to be told from others by file and offset though it was private.
        cut: ``LIMIT`` was reached.
    """

    def __init__(self, root: Path = PROC, sysfs: Path = SYS) -> None:
        self.entries = 0
        self.exact = True
        self.cut = False
        self._root = root
        self._sysfs = sysfs
        self._page_sizes: dict[int, int] = {}
        self._files: dict[tuple[int, int, int, bool], dict[int, NDArray[np.bool_]]] = {}
        self._frames: dict[int, list[U64]] = {}
        self._once: Counter[int] = Counter()

    def add(self, pid: int, stop: Callable[[], None]) -> dict[int, int]:
        """Read one process.

        Args:
            pid: Process.
            stop: Called again and again; raises to give up.

        Returns:
            Bytes that it has mapped, by page size.

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: It cannot be read.
        """
        tid, folder = readable_task(pid, self._root)
        mapped: Counter[int] = Counter()
        with Pagemap(tid, folder) as pagemap:
            for start, end, flags, offset, dev, ino, size in self._vmas(tid, folder):
                for pages in _present(pagemap, start, end, size):
                    stop()
                    mapped[size] += len(pages) * size
                    index = (pages - np.uint64(start) + np.uint64(offset)) // np.uint64(size)
                    if flags & VmFlag.MAYSHARE:
                        self._mark((size, dev, ino, False), index)
                    else:
                        self._private(pagemap, pages, index, (size, dev, ino))
        return dict(mapped)

    def pages(self, page_size: int) -> int:
        """Different pages of a size, of all processes added."""
        found = self._once[page_size]
        if frames := self._frames.get(page_size):
            found += len(np.unique(np.concatenate(frames)))
        return found + sum(
            _marked(seen) for (size, *_), seen in self._files.items() if size == page_size
        )

    def pages_of_file(self, page_size: int, dev: int, ino: int) -> int:
        """Different pages of one file."""
        return _marked(self._files.get((page_size, dev, ino, False), {}))

    def page_sizes(self) -> dict[int, int]:
        """Of the devices of hugetlb that are known: major << 20 | minor."""
        if not self._page_sizes:
            try:
                self._page_sizes = hugetlbfs.page_sizes(self._root, self._sysfs)
            except HpviewError:
                self._page_sizes = {}
        return self._page_sizes

    def _vmas(self, tid: int, folder: Path) -> Iterator[tuple[int, ...]]:
        """The hugetlb VMAs of a thread: start, end, flags, offset, dev, ino, page size."""
        data = read_mm_file(tid, "maps", folder)
        segments = {int(start, 16) for start in _SEGMENT.findall(data)}
        namespace = _ipc_namespace(tid, folder) if segments else 0
        rows = parse_numbers(data)
        # hugetlb memory always has a file, on a device that the kernel numbers itself
        rows = rows[(rows[:, 4] != 0) & (rows[:, 4] < np.uint64(1 << MINOR_BITS))]
        for dev in np.unique(rows[:, 4]).tolist():
            here = rows[rows[:, 4] == dev]
            size = self._page_size(tid, folder, dev, int(here[0, 0]))
            if size > PAGE_SIZE:
                for *row, ino in here.tolist():
                    yield *row, ino + (namespace if row[0] in segments else 0), size

    def _page_size(self, tid: int, folder: Path, dev: int, address: int) -> int:
        """That of a device, which has one for all its files.

        The file systems of other mount namespaces are unknown until a VMA is asked for.
        """
        known = self.page_sizes()
        if dev not in known:
            try:
                with MapsQuery(tid, folder) as query:
                    found = query.query_raw(address)
            except BackendUnavailable:
                found = None  # before Linux 6.11
            if found is None or found[6] << MINOR_BITS | found[7] != dev:
                return PAGE_SIZE
            known[dev] = found[3]
        return known[dev]

    def _mark(self, key: tuple[int, int, int, bool], index: U64) -> None:
        """Note pages of a file by their places in it, in blocks: files may be sparse."""
        seen = self._files.setdefault(key, {})
        numbers = index >> np.uint64(_BLOCK_BITS)
        for number in np.unique(numbers).tolist():
            block = seen.setdefault(number, np.zeros(1 << _BLOCK_BITS, np.bool_))
            block[index[numbers == number] & np.uint64((1 << _BLOCK_BITS) - 1)] = True

    def _private(
        self, pagemap: Pagemap, pages: U64, index: U64, file: tuple[int, int, int]
    ) -> None:
        room = LIMIT - self.entries
        if len(pages) > room:
            self.cut = True
            pages, index = pages[:room], index[:room]
        self.entries += len(pages)
        entries = pagemap.read_each(pages)
        there = (entries & _PRESENT) != 0
        entries, index = entries[there], index[there]
        of_file = (entries & _FILE) != 0
        self._mark((*file, False), index[of_file])
        entries, index = entries[~of_file], index[~of_file]
        frames = entries & _FRAME
        if frames.any():
            self._frames.setdefault(file[0], []).append(frames)
            return
        once = (entries & _EXCLUSIVE) != 0
        self._once[file[0]] += int(once.sum())
        if not once.all():
            self.exact = False
            self._mark((*file, True), index[~once])


def _marked(seen: Mapping[int, NDArray[np.bool_]]) -> int:
    return sum(int(block.sum()) for block in seen.values())


def _ipc_namespace(tid: int, folder: Path) -> int:
    """A number of its own for each, above those of inodes; 0 where it may not be read."""
    try:
        return (folder / str(tid) / "ns" / "ipc").stat().st_ino << 64
    except OSError:
        return 0


def _present(pagemap: Pagemap, start: int, end: int, size: int) -> Iterator[U64]:
    """The addresses of the pages that are there, a bounded number at a time."""
    for at in range(start, end, _WINDOW * size):
        until = min(at + _WINDOW * size, end)
        try:
            spans = list(_spans(pagemap, at, until))
        except BackendUnavailable:  # before Linux 6.7
            pages = np.arange(at, until, size, dtype=np.uint64)
            yield pages[(pagemap.read_each(pages) & _PRESENT) != 0]
            continue
        found = [np.arange(first, last, size, dtype=np.uint64) for first, last in spans]
        if found:
            yield np.concatenate(found)


def _spans(pagemap: Pagemap, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        regions, start = pagemap.scan(start, end)
        there = regions[(regions["categories"] & np.uint64(Category.PRESENT)) != 0]
        yield from zip(there["start"].tolist(), there["end"].tolist(), strict=True)
