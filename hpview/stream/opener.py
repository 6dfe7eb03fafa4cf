"""Opens address spaces over /proc, and tells whether it is still the same one."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess, OtherProgram, ReadFailed
from hpview.kernelfs import hugetlbfs, kpageflags, pagemap, procmap_query, smaps
from hpview.kernelfs.image import read_image
from hpview.kernelfs.maps import MapsText
from hpview.stream.backing import EntryRegions, KpageflagsLevels, Levels, ScanRegions, SmapsLevels
from hpview.stream.fallback import BestMappings, BestRegions
from hpview.stream.hugeable import MemoryFilesReader
from hpview.stream.mappings import Lines, QueryMappings, TextMappings
from hpview.stream.procfs_mm import Density, ProcMm

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.errors import BackendUnavailable
    from hpview.stream.features import Features, InUse
    from hpview.stream.mappings import Mappings
    from hpview.stream.procfs_mm import Regions


_MOST_EXECS: Final = 8
"""So often a process is opened anew that calls exec() while it is being opened."""


class _OpenMm:
    """The descriptors of one visit to an address space, and what outlives the visit.

    Args:
        opener: Whose interfaces to use.
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
        self._opener = opener
        self._tid = tid
        self._root = root = opener.folder(tgid, tid)
        self.thread = (tgid, tid)
        self.levels: Levels | None = before.levels if before else None
        self.density: Density = before.density if before else Density()
        self.pagemap = pagemap.Pagemap(tid, root)
        self._query: procmap_query.MapsQuery | None = None
        self._text: TextMappings | None = None
        self.lines: Lines | None = None
        try:
            mappings: Mappings
            if opener.in_use.features.query:
                self._query = procmap_query.MapsQuery(tid, root)
                self.lines = _lines(before, self.thread) or Lines(MapsText(tid, root))
                query = QueryMappings(self._query, self.lines, opener.page_sizes)
                mappings = BestMappings(query, self._text_instead)
            else:
                mappings = self._bound_text()
            regions = BestRegions(opener.in_use, self._regions)
            files = partial(opener.memory_files.of, tid, root)
            self.mm = ProcMm(identity, mappings, regions, self.density, files)
            self.image = read_image(tid, root)
        except BaseException:
            self.close()
            raise

    def _bound_text(self) -> TextMappings:
        self._text = text = TextMappings(self._tid, self._root, self._opener.mounted_page_sizes)
        text.bind()
        return text

    def _text_instead(self, err: BackendUnavailable) -> TextMappings:
        """For queries that fail in mid-visit.

        Raises:
            NoSuchProcess: The text may be of another address space: this one is gone.
        """
        self._opener.in_use.give_up("query", err)
        text = self._bound_text()
        if not self._lives():
            raise NoSuchProcess(self._tid)
        text.refresh()
        return text

    def _regions(self, features: Features) -> Regions:
        if features.scan:
            return ScanRegions(self.pagemap)
        if self.levels is None or isinstance(self.levels, KpageflagsLevels) != features.kpageflags:
            root = self._opener.root
            self.levels = (
                KpageflagsLevels(lambda pfns: kpageflags.read(pfns, root))
                if features.kpageflags
                else SmapsLevels(smaps.read_smaps(self._tid, self._root))
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


def _page_sizes(root: Path) -> dict[int, int]:
    """Of hugetlb file systems by device; without them their VMAs would be told wrong."""
    try:
        return hugetlbfs.page_sizes(root)
    except OSError as err:
        raise ReadFailed("the pools of huge pages", err) from err


def _lines(before: _OpenMm | None, thread: tuple[int, int]) -> Lines | None:
    """The text of an earlier visit by the same thread, to go on in it; taken out of there."""
    if before is None or before.thread != thread:
        return None
    lines, before.lines = before.lines, None
    return lines


class ProcOpener:
    """Opens address spaces, anew for each read(), and tells whether it is still the same.

    Args:
        in_use: The interfaces to use.
        root: Where procfs is mounted.

    Attributes:
        denied: An address space was met that may not be read.
    """

    def __init__(self, in_use: InUse, root: Path) -> None:
        self.in_use = in_use
        self.root = root
        self.page_sizes: dict[int, int] = {}
        self.memory_files = MemoryFilesReader(root)
        self.denied = False
        self._identity = 0
        self._current: _OpenMm | None = None

    @cached_property
    def mounted_page_sizes(self) -> dict[int, int]:
        """The page sizes that mounts tell; for maps, which does not."""
        return _page_sizes(self.root)

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
        try:
            now = _OpenMm(self, tgid, tid, self._identity, before)
        except OtherProgram:
            return None
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
            try:
                now = _OpenMm(self, tgid, tid, self._identity, None)
            except OtherProgram:
                continue
            if now.image == image:
                return now
            now.close()
        return None

    def close(self) -> None:
        """Close what is open; idempotent."""
        if self._current is not None:
            self._current.close()
            self._current = None
