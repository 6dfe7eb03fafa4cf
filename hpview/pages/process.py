"""All folios of a process: what ``scan --folios`` and ``--format thpmaps`` tell.

With PAGEMAP_SCAN (Linux 6.7) the page tables themselves tell what is mapped by
a PMD leaf, and smaps is not read. Before that only smaps knows; it is then read,
deliberately: whoever asks for these totals would have thpmaps read it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import text
from hpview.errors import BackendUnavailable, NoSuchProcess
from hpview.kernelfs.files import PROC, read_mm_file
from hpview.kernelfs.pagemap import Pagemap
from hpview.kernelfs.smaps import Smaps, read_smaps
from hpview.kernelfs.status import read_stat
from hpview.kernelfs.task import readable_task
from hpview.pages import layout as layouts
from hpview.pages.count import Counter
from hpview.pages.folios import PLACES, Kind, Place, tally
from hpview.pages.frames import Frames
from hpview.pages.populated import scanned, unscanned
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hpview.pages.layout import Layout

_ATTEMPTS: Final = 3
_KERNEL_HALF: Final = (1 << 63) // PAGE_SIZE
_PMD_ORDER: Final = SLOT_PAGES.bit_length() - 1


@dataclass(frozen=True, slots=True)
class ProcessFolios:
    """What the folios of one process are.

    Attributes:
        pid: Process.
        comm: Its name; untrusted.
        layout: Its VMAs, in ascending order.
        rss: Pages present of each VMA as smaps counts them (no zero pages, no
            hugetlb), int64, shape (n,).
        anon: Those of them that are anonymous, int64, shape (n,).
        table: Pages per VMA and column, dtype ``folios.TALLY``, ascending.
        source: Where it was read from.
        complete: All of it is of one and the same address space.
    """

    pid: int
    comm: str
    layout: Layout
    rss: NDArray[np.int64]
    anon: NDArray[np.int64]
    table: NDArray[np.void]
    source: str
    complete: bool = True

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The VMAs that thpmaps counts: not PROT_NONE, and with some memory of their own."""
        counted: NDArray[np.bool_] = self.layout.accessible & (self.rss > 0)
        return counted

    def totals(self) -> NDArray[np.int64]:
        """Pages by kind and place of all counted VMAs, int64, shape (2, PLACES)."""
        rows = self.table[self.counted[self.table["vma"]]]
        sums = np.bincount(rows["column"], rows["pages"].astype(float), minlength=2 * PLACES)
        return sums.astype(np.int64).reshape(2, PLACES)


def read(pid: int, root: Path = PROC, *, scan: bool = True) -> ProcessFolios:
    """Read the folios of a process.

    Args:
        pid: Process.
        root: Where procfs is mounted.
        scan: False to do without PAGEMAP_SCAN even where there is one.

    Raises:
        NoSuchProcess, NotAProcess, NoMemoryMap, AccessDenied: It cannot be read.
        BackendUnavailable: This user may not see page frames; needs root.
    """
    readable_task(pid, root)
    with Frames(root) as frames:
        for attempt in range(_ATTEMPTS):
            tid, folder = readable_task(pid, root)
            with Pagemap(tid, folder) as pagemap:
                try:
                    result = _read(pid, tid, folder, pagemap, frames, scan=scan)
                except NoSuchProcess:
                    # an exec ends the address space, too, and the next attempt finds another
                    continue
                if _alive(pagemap):
                    return result
                if attempt == _ATTEMPTS - 1:
                    return replace(result, complete=False)
    raise NoSuchProcess(pid)


def _read(
    pid: int, tid: int, folder: Path, pagemap: Pagemap, frames: Frames, *, scan: bool
) -> ProcessFolios:
    layout = layouts.parse(read_mm_file(tid, "maps", folder))
    counter = Counter(layout.first, layout.last, frames.flags)
    comm = text.decode(read_stat(tid, folder).comm)
    if scan and _can_scan(pagemap):
        start = int(layout.first[0]) * PAGE_SIZE & -SLOT_SIZE
        # what lies in the kernel's half, [vsyscall], is no VMA
        end = int(layout.last[layout.last < _KERNEL_HALF][-1]) * PAGE_SIZE
        for batch in scanned(pagemap, start, end):
            counter.feed(batch)
        rows = counter.finish()
        source = "pagemap_scan+kpageflags"
    else:
        smaps = read_smaps(tid, folder)
        there = smaps.table[smaps.table["rss"] > 0]
        starts, ends = ((there[name] // PAGE_SIZE).astype(np.int64) for name in ("start", "end"))
        for batch in unscanned(pagemap, starts, ends):
            counter.feed(batch)
        rows = _with_leaves(counter.finish(), layout, smaps)
        source = "smaps+kpageflags"
    return ProcessFolios(pid, comm, layout, counter.rss, counter.anon, rows, source)


def _can_scan(pagemap: Pagemap) -> bool:
    try:
        pagemap.scan(0, PAGE_SIZE)
    except BackendUnavailable:
        return False
    return True


def _alive(pagemap: Pagemap) -> bool:
    """Whether the address space still exists; its descriptor finds nothing otherwise."""
    try:
        return len(pagemap.read_entries(0, 1)) == 1
    except NoSuchProcess:
        return False


def _with_leaves(rows: NDArray[np.void], layout: Layout, smaps: Smaps) -> NDArray[np.void]:
    """Move to the PMD column what smaps knows to be mapped so, as thpmaps does."""
    table = smaps.table
    vmas = np.searchsorted(layout.first, (table["start"] // PAGE_SIZE).astype(np.int64))
    parts = [rows]
    for kind, mapped in (
        (Kind.ANON, table["anon_huge"]),
        (Kind.FILE, table["shmem_pmd"] + table["file_pmd"]),
    ):
        some = np.flatnonzero(mapped)
        by_leaf = np.zeros(len(layout), np.int64)
        by_leaf[vmas[some]] = mapped[some] // PAGE_SIZE
        whole = rows["column"] == kind * PLACES + Place.ALIGNED + _PMD_ORDER
        rows["pages"][whole] = np.maximum(0, rows["pages"][whole] - by_leaf[rows["vma"][whole]])
        column = np.full(len(some), kind * PLACES + int(Place.PMD))
        parts.append(tally(vmas[some], column, by_leaf[vmas[some]]))
    every = np.concatenate(parts)
    return tally(every["vma"], every["column"], every["pages"])
