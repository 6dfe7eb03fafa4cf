"""Opens address spaces over /proc, and tells whether it is still the same one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess
from hpview.kernelfs import hugetlbfs, kpageflags, pagemap, procmap_query, smaps
from hpview.kernelfs.files import PROC, read_file
from hpview.kernelfs.maps import MapsText
from hpview.stream.backing import EntryRegions, KpageflagsLevels, Levels, ScanRegions, SmapsLevels
from hpview.stream.hugeable import MemoryFilesReader
from hpview.stream.mappings import Lines, QueryMappings, TextMappings
from hpview.stream.procfs_mm import Density, ProcMm, Regions
from hpview.wire import Source

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.stream.mappings import Mappings


_MOST_EXECS: Final = 8
"""So often a process is opened anew that calls exec() while it is being opened."""


@dataclass(frozen=True, slots=True)
class Features:
    """Which of the kernel's interfaces to use.

    Attributes:
        query: PROCMAP_QUERY (6.11), else the text of maps.
        scan: PAGEMAP_SCAN (6.7), else raw pagemap entries.
        kpageflags: Without ``scan``: conclude from /proc/kpageflags, else from smaps.
    """

    query: bool
    scan: bool
    kpageflags: bool

    @classmethod
    def probe(cls, root: Path = PROC) -> Self:
        """Try each of them."""
        return cls(
            query=procmap_query.supported(root),
            scan=pagemap.supported(root),
            kpageflags=kpageflags.readable(root),
        )

    @property
    def source(self) -> Source:
        """What the records will name as their source."""
        if self.scan:
            return Source.PAGEMAP_SCAN
        return Source.PAGEMAP_KPAGEFLAGS if self.kpageflags else Source.SMAPS


class Image(NamedTuple):
    """What an mm got by exec() and keeps; 0 until exec() has set it.

    Attributes:
        code: Where the program's code begins.
        stack: Where its stack began.
    """

    code: int
    stack: int

    def may_become(self, later: Image) -> bool:
        """Whether the mm that had this may have ``later``."""
        return all(old in (0, new) for old, new in zip(self, later, strict=True))


def read_image(tid: int, root: Path) -> Image:
    """That of a thread, by startcode and startstack of its stat: proc_pid_stat(5).

    Raises:
        NoSuchProcess: It is gone.
    """
    fields = read_file(tid, "stat", root).rpartition(b")")[2].split()
    return Image(int(fields[23]), int(fields[25]))


class _OpenMm:
    """The descriptors of one visit to an address space, and what outlives the visit.

    Args:
        opener: Whose features to use.
        tgid: The process.
        tid: A thread of it that has an mm.
        identity: Of the mm.
        before: The visit before this one, if it was by the same process.

    Attributes:
        image: Of the mm that the process had when all was open.
    """

    def __init__(
        self, opener: ProcOpener, tgid: int, tid: int, identity: int, before: _OpenMm | None
    ) -> None:
        root = opener.folder(tgid, tid)
        self.thread = (tgid, tid)
        self.levels: Levels | None = before.levels if before else None
        self.density: Density = before.density if before else Density()
        self.pagemap = pagemap.Pagemap(tid, root)
        self._query: procmap_query.MapsQuery | None = None
        self._text: TextMappings | None = None
        self.lines: Lines | None = None
        try:
            mappings: Mappings
            if opener.features.query:
                self._query = procmap_query.MapsQuery(tid, root)
                self.lines = _lines(before, self.thread) or Lines(MapsText(tid, root))
                mappings = QueryMappings(self._query, self.lines, opener.page_sizes)
            else:
                self._text = mappings = TextMappings(tid, root, opener.page_sizes)
                self._text.bind()
            regions = self._regions(opener, tid, root)
            files = partial(opener.memory_files.of, tid, root)
            self.mm = ProcMm(identity, mappings, regions, self.density, files)
            self.image = read_image(tid, root)
        except BaseException:
            self.close()
            raise

    def _regions(self, opener: ProcOpener, tid: int, root: Path) -> Regions:
        features = opener.features
        if features.scan:
            return ScanRegions(self.pagemap)
        if self.levels is None:
            self.levels = (
                KpageflagsLevels(lambda pfns: kpageflags.read(pfns, opener.root))
                if features.kpageflags
                else SmapsLevels(smaps.read_smaps(tid, root))
            )
        return EntryRegions(self.pagemap, self.levels)

    def is_before(self, now: _OpenMm) -> bool:
        """Whether ``now``, opened later by the same process, is of the same address space.

        By exec() the mm is gone, unless others share it: after vfork() the parent
        does. So it must live, and nothing that exec() sets may differ.
        """
        return self.image.may_become(now.image) and self._lives()

    def _lives(self) -> bool:
        """Whether the address space opened here has not gone.

        A descriptor of pagemap belongs to an mm, not to a pid: once that mm is
        gone, reading yields nothing (pagemap_read()).
        """
        try:
            return len(self.pagemap.read_entries(0, 1)) == 1
        except NoSuchProcess:
            return False

    def close(self) -> None:
        self.pagemap.close()
        if self._query is not None:
            self._query.close()
        if self._text is not None:
            self._text.close()
        if self.lines is not None:
            self.lines.close()


def _lines(before: _OpenMm | None, thread: tuple[int, int]) -> Lines | None:
    """The text of an earlier visit by the same thread, to go on in it; taken out of there."""
    if before is None or before.thread != thread:
        return None
    lines, before.lines = before.lines, None
    return lines


class ProcOpener:
    """Opens address spaces, anew for each read(), and tells whether it is still the same.

    Attributes:
        denied: An address space was met that may not be read.
    """

    def __init__(self, features: Features, root: Path) -> None:
        self.features = features
        self.root = root
        self.page_sizes = {} if features.query else hugetlbfs.page_sizes(root)
        self.memory_files = MemoryFilesReader(root)
        self.denied = False
        self._identity = 0
        self._current: _OpenMm | None = None

    def folder(self, tgid: int, tid: int) -> Path:
        """Where the folder of a thread lies."""
        return self.root if tgid == tid else self.root / str(tgid) / "task"

    def open(self, tgid: int, tid: int) -> ProcMm | None:
        """See ``procfs_tasks.MmOpener``."""
        try:
            now = self._again(tgid, tid) or self._anew(tgid, tid)
        except (NoSuchProcess, NoMemoryMap):
            return None
        except AccessDenied:
            self.denied = True
            return None
        if now is None:
            return None
        self.close()
        self._current = now
        return now.mm

    def lost(self, tgid: int) -> bool:
        """See ``procfs_tasks.MmOpener``."""
        now = self._current
        if now is None or now.thread[0] != tgid or not now.mm.gone:
            return False
        self.close()
        return True

    def _again(self, tgid: int, tid: int) -> _OpenMm | None:
        """The address space that was open last; None when this process has another one."""
        before = self._current
        # Threads of one process share their mm.
        if before is None or before.thread[0] != tgid:
            return None
        now = _OpenMm(self, tgid, tid, self._identity, before)
        # An exec after this question finds all descriptors already open.
        if before.is_before(now):
            return now
        now.close()
        return None

    def _anew(self, tgid: int, tid: int) -> _OpenMm | None:
        """One not seen before; None when the process never keeps one for long enough."""
        self._identity += 1
        for _ in range(_MOST_EXECS):
            image = read_image(tid, self.folder(tgid, tid))
            now = _OpenMm(self, tgid, tid, self._identity, None)
            if now.image == image:
                return now
            now.close()
        return None

    def close(self) -> None:
        """Close what is open; idempotent."""
        if self._current is not None:
            self._current.close()
            self._current = None
