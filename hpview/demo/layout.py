"""The memory of the demo process: every state of a slot on purpose.

Runs in the demo process itself, on the standard library alone. All regions lie
from ``BASE`` upwards with gaps between them, so that addresses are the same in
every run unless something else is there.
"""

from __future__ import annotations

import ctypes
import mmap
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hpview.demo.memory import (
    ANONYMOUS,
    GIB,
    MADV_COLLAPSE,
    MADV_DONTNEED,
    MADV_GUARD_INSTALL,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_PAGEOUT,
    MAP_NORESERVE,
    MIB,
    PAGE,
    PROT_NONE,
    SLOT,
    THP,
    TIB,
    Memory,
    Unavailable,
    read_pages,
    setting,
    write_pages,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BASE: Final = 0x1000_0000_0000
"""16 TiB: above a position-dependent program, below everything the kernel places itself."""

_ALIGN: Final = 32 * MIB


# bits of a pagemap entry
_PRESENT: Final = 63
_SWAPPED: Final = 62


@dataclass(frozen=True)
class Expect:
    """What a reader should find in a region: bytes, and guard pages by number."""

    bytes_2m: int = 0
    bytes_1g: int = 0
    bytes_4k: int = 0
    bytes_swap: int = 0
    bytes_zero: int = 0
    guard_pages: int = 0


class Layout:
    """Builds the regions one after the other and keeps them mapped.

    Args:
        reserved: Bytes of the region of which next to nothing is touched.

    Attributes:
        regions: ``{"name", "start", "end", "expect"}`` of each region that stands.
        missing: ``{"name", "reason"}`` of each that could not be had.
    """

    def __init__(self, reserved: int = TIB) -> None:
        self._reserved = reserved
        self.regions: list[dict[str, Any]] = []
        self.missing: list[dict[str, str]] = []
        self._cursor = BASE
        self._memory = Memory()

    def build(self) -> None:
        """Map and fill everything; about 200 MiB, and what hugetlb pools have free."""
        self._add("THP, all 2 MB", 64 * MIB, self._thp_full)
        self._add("THP with holes", 16 * MIB, self._thp_holes)
        self._add("THP without access", 4 * MIB, self._thp_prot_none)
        self._add("THP, only read: huge zero page", 8 * MIB, self._huge_zero)
        self._add("advised, but no aligned slot", 2 * MIB, self._unaligned, offset=MIB)
        self._add("not advised", 8 * MIB, self._unadvised)
        self._add("MADV_NOHUGEPAGE, full", 16 * MIB, self._full)
        self._add("4 kB, half filled", 16 * MIB, self._partly)
        self._add("4 kB, sparse", 32 * MIB, self._sparse)
        self._add("4 kB, only read: zero page", 4 * MIB, self._small_zero)
        self._add("guard pages", 4 * MIB, self._guards)
        self._add("swapped out", 8 * MIB, self._swapped)
        self._add("shared memory, 4 kB", 4 * MIB, self._shmem)
        self._add("shared memory, collapsed", 8 * MIB, self._shmem_collapsed)
        self._add("file, 4 kB", 4 * MIB, self._file_small)
        self._add("file, as the file system has it", 4 * MIB, self._file)
        self._add("hugetlb 2 MB", 4 * SLOT, self._hugetlb_2m)
        self._add("hugetlb 1 GB", GIB, self._hugetlb_1g, align=GIB)
        size = "1 TiB" if self._reserved == TIB else f"{self._reserved // GIB} GiB"
        self._add(f"{size} reserved, a few pages", self._reserved, self._reservation)

    def _add(
        self,
        name: str,
        size: int,
        fill: Callable[[int, int], Expect],
        *,
        offset: int = 0,
        align: int = _ALIGN,
    ) -> None:
        start = -(-self._cursor // align) * align + offset
        try:
            expect = fill(start, size)
        except (Unavailable, OSError) as err:
            self.missing.append({"name": name, "reason": str(err)})
            self._memory.unmap(start, size)
            return
        self._memory.name(start, size, f"hpview: {name}")
        self.regions.append(
            {"name": name, "start": start, "end": start + size, "expect": asdict(expect)}
        )
        self._cursor = start + size + 1

    # -- states -----------------------------------------------------------------------

    def _thp_full(self, start: int, size: int) -> Expect:
        self._memory.map(start, size)
        self._memory.make_huge(start, size)
        return Expect(bytes_2m=size)

    def _thp_holes(self, start: int, size: int) -> Expect:
        """Slots 1, 3 and 5 lose one page each, slot 6 its upper half."""
        self._memory.map(start, size)
        self._memory.make_huge(start, size)
        lost = 0
        for slot, first, pages in ((1, 100, 1), (3, 0, 1), (5, 511, 1), (6, 256, 256)):
            at = start + slot * SLOT
            # khugepaged would mend the hole in a minute or so. It leaves pages alone
            # that somebody else holds, such as a pipe.
            self._memory.pin(at + PAGE)
            self._memory.madvise(at + first * PAGE, pages * PAGE, MADV_DONTNEED)
            lost += pages * PAGE
        return Expect(bytes_2m=size - 4 * SLOT, bytes_4k=4 * SLOT - lost)

    def _thp_prot_none(self, start: int, size: int) -> Expect:
        self._memory.map(start, size)
        self._memory.make_huge(start, size)
        self._memory.protect(start, size, PROT_NONE)
        return Expect(bytes_2m=size)

    def _huge_zero(self, start: int, size: int) -> Expect:
        if setting("use_zero_page") != "1":
            raise Unavailable(f"{THP}/use_zero_page is not 1")
        self._memory.map(start, size)
        self._memory.madvise(start, size, MADV_HUGEPAGE)
        read_pages(start, size, SLOT)
        if not self._memory.entries(start + PAGE, 1)[0] >> _PRESENT:
            raise Unavailable(f"a read mapped 4 kB only ({THP}/enabled: {setting('enabled')})")
        return Expect(bytes_zero=size)

    def _unaligned(self, start: int, size: int) -> Expect:
        self._memory.map(start, size)
        self._memory.madvise(start, size, MADV_HUGEPAGE)
        ctypes.memset(start, 1, size)
        return Expect(bytes_4k=size)

    def _unadvised(self, start: int, size: int) -> Expect:
        self._memory.map(start, size)
        ctypes.memset(start, 1, size)
        huge = self._memory.pmd_mapped(start)
        return Expect(bytes_2m=huge, bytes_4k=size - huge)

    def _full(self, start: int, size: int) -> Expect:
        self._memory.map_small(start, size)
        ctypes.memset(start, 1, size)
        return Expect(bytes_4k=size)

    def _partly(self, start: int, size: int) -> Expect:
        """The lower half of each slot."""
        self._memory.map_small(start, size)
        for at in range(start, start + size, SLOT):
            ctypes.memset(at, 1, SLOT // 2)
        return Expect(bytes_4k=size // 2)

    def _sparse(self, start: int, size: int) -> Expect:
        """One page in the first slot, two in the second, and so on."""
        self._memory.map_small(start, size)
        pages = 0
        for slot in range(size // SLOT):
            for page in range(slot + 1):
                ctypes.memset(start + slot * SLOT + page * 7 * PAGE, 1, 1)
                pages += 1
        return Expect(bytes_4k=pages * PAGE)

    def _small_zero(self, start: int, size: int) -> Expect:
        self._memory.map_small(start, size)
        read_pages(start, 64 * PAGE, PAGE)
        return Expect(bytes_zero=64 * PAGE)

    def _guards(self, start: int, size: int) -> Expect:
        self._memory.map_small(start, size)
        ctypes.memset(start, 1, size)
        try:
            self._memory.madvise(start, 16 * PAGE, MADV_GUARD_INSTALL)
        except OSError as err:
            raise Unavailable("this kernel has no MADV_GUARD_INSTALL (6.13)") from err
        return Expect(bytes_4k=size - 16 * PAGE, guard_pages=16)

    def _swapped(self, start: int, size: int) -> Expect:
        if len(Path("/proc/swaps").read_text("ascii").splitlines()) < 2:
            raise Unavailable("there is no swap")
        self._memory.map_small(start, size)
        ctypes.memset(start, 1, size)
        self._memory.madvise(start, size, MADV_PAGEOUT)
        entries = self._memory.entries(start, size // PAGE)
        swapped = sum(entry >> _SWAPPED & 1 for entry in entries) * PAGE
        if not swapped:
            raise Unavailable("MADV_PAGEOUT swapped nothing out")
        return Expect(bytes_4k=size - swapped, bytes_swap=swapped)

    def _shmem(self, start: int, size: int) -> Expect:
        self._memory.map_memfd(start, size)
        self._memory.madvise(start, size, MADV_NOHUGEPAGE)
        ctypes.memset(start, 1, size)
        return Expect(bytes_4k=size)

    def _shmem_collapsed(self, start: int, size: int) -> Expect:
        self._memory.map_memfd(start, size)
        ctypes.memset(start, 1, size)
        try:
            self._memory.madvise(start, size, MADV_COLLAPSE)
        except OSError as err:
            raise Unavailable(f"MADV_COLLAPSE: {err.strerror}") from err
        return Expect(bytes_2m=size)

    def _map_file(self, start: int, size: int) -> None:
        with tempfile.TemporaryFile(prefix="hpview-demo-") as file:
            file.write((b"hpview\n" * (size // 7 + 1))[:size])
            file.flush()
            self._memory.map(start, size, mmap.PROT_READ, mmap.MAP_PRIVATE, file.fileno())

    def _file_small(self, start: int, size: int) -> Expect:
        self._map_file(start, size)
        self._memory.madvise(start, size, MADV_NOHUGEPAGE)
        read_pages(start, size, PAGE)
        return Expect(bytes_4k=size)

    def _file(self, start: int, size: int) -> Expect:
        """A file system with large folios may give PMD leaves; smaps tells."""
        self._map_file(start, size)
        read_pages(start, size, PAGE)
        huge = self._memory.pmd_mapped(start)
        return Expect(bytes_2m=huge, bytes_4k=size - huge)

    def _hugetlb_2m(self, start: int, size: int) -> Expect:
        """All but the last page touched."""
        self._memory.map_hugetlb(start, size, SLOT)
        write_pages(start, size - SLOT, SLOT)
        return Expect(bytes_2m=size - SLOT)

    def _hugetlb_1g(self, start: int, size: int) -> Expect:
        self._memory.map_hugetlb(start, size, GIB)
        write_pages(start, size, GIB)
        return Expect(bytes_1g=size)

    def _reservation(self, start: int, size: int) -> Expect:
        """Eight pages, 128 GiB apart in a whole one."""
        self._memory.map(start, size, flags=ANONYMOUS | MAP_NORESERVE)
        self._memory.madvise(start, size, MADV_NOHUGEPAGE)
        write_pages(start, size, size // 8)
        return Expect(bytes_4k=8 * PAGE)
