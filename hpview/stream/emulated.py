"""The task_vma iterator's protocol over /proc: for whoever may not load BPF."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess
from hpview.kernelfs import hugetlbfs, kpageflags, pagemap, procmap_query, smaps
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import MapsText
from hpview.kernelfs.task import threads
from hpview.stream.backing import EntryRegions, KpageflagsLevels, Levels, ScanRegions, SmapsLevels
from hpview.stream.base import CHUNK_SIZE, Resume
from hpview.stream.handover import Handover
from hpview.stream.mappings import Lines, QueryMappings, TextMappings
from hpview.stream.procfs_mm import Density, ProcMm, Regions
from hpview.stream.procfs_tasks import AllProcesses, OneProcess
from hpview.stream.program import WalkProgram
from hpview.stream.rollup import RollupProgram
from hpview.stream.seq_file import SeqFile
from hpview.stream.target import Target
from hpview.stream.task_vma import TaskVma
from hpview.wire import Source, Status

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.stream.mappings import Mappings
    from hpview.stream.task_vma import Tasks


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


class _OpenMm:
    """The descriptors of one visit to an address space, and what outlives the visit.

    Args:
        opener: Whose features to use.
        tgid: The process.
        tid: A thread of it that has an mm.
        identity: Of the mm.
        before: The visit before this one, if it was to the same mm.
    """

    def __init__(
        self, opener: ProcOpener, tgid: int, tid: int, identity: int, before: _OpenMm | None
    ) -> None:
        root = opener.root if tgid == tid else opener.root / str(tgid) / "task"
        self.thread = (tgid, tid)
        self.levels: Levels | None = before.levels if before else None
        self.density: Density = before.density if before else Density()
        self.pagemap = pagemap.Pagemap(tid, root)
        self._query: procmap_query.MapsQuery | None = None
        self.lines: Lines | None = None
        try:
            mappings: Mappings
            if opener.features.query:
                self._query = procmap_query.MapsQuery(tid, root)
                self.lines = _lines(before, self.thread) or Lines(MapsText(tid, root))
                mappings = QueryMappings(self._query, self.lines, opener.page_sizes)
            else:
                mappings = TextMappings(tid, root, opener.page_sizes)
            regions = self._regions(opener, tid, root)
            self.mm = ProcMm(identity, mappings, regions, self.density)
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

    def same_mm(self) -> bool:
        """Whether the address space opened here still lives.

        A descriptor of pagemap belongs to an mm, not to a pid: once that mm is
        gone, by exit or exec, reading yields nothing (pagemap_read()).
        """
        try:
            return len(self.pagemap.read_entries(0, 1)) == 1
        except NoSuchProcess:
            return False

    def close(self) -> None:
        self.pagemap.close()
        if self._query is not None:
            self._query.close()
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
        self.denied = False
        self._identity = 0
        self._current: _OpenMm | None = None

    def open(self, tgid: int, tid: int) -> ProcMm | None:
        """See ``procfs_tasks.MmOpener``."""
        before = self._current
        # Threads of one process share their mm.
        if before is not None and not (before.thread[0] == tgid and before.same_mm()):
            before = None
        if before is None:
            self._identity += 1
        try:
            now = _OpenMm(self, tgid, tid, self._identity, before)
        except (NoSuchProcess, NoMemoryMap):
            return None
        except AccessDenied:
            self.denied = True
            return None
        self.close()
        self._current = now
        return now.mm

    def close(self) -> None:
        """Close what is open; idempotent."""
        if self._current is not None:
            self._current.close()
            self._current = None


class EmulatedStream:
    """``Stream`` over /proc."""

    def __init__(self, features: Features, root: Path, target: Target | None) -> None:
        self._opener = ProcOpener(features, root)
        self._target = target
        tasks: Tasks
        if target is None:
            tasks = AllProcesses(self._opener, root)
            self._program: RollupProgram | WalkProgram = RollupProgram(
                features.source, self._status
            )
        else:
            tasks = OneProcess(target, self._opener, root)
            self._program = WalkProgram(features.source, self._status)
        self._iterator = TaskVma(tasks, self._program)
        self._file = SeqFile(self._iterator)
        self._out = Handover(
            self._read, self._program.take_spill, target.gone if target is not None else None
        )
        self._open = True

    @property
    def source(self) -> Source:
        """Where the backing comes from."""
        return self._opener.features.source

    @property
    def resume(self) -> Resume | None:
        """See ``Stream.resume``; None before the first read."""
        return self._iterator.resume

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """See ``Stream.read``."""
        if not self._open:
            raise ValueError("read of a closed stream")
        # start() says otherwise, if it is called at all
        self._iterator.resume = Resume.BUFFER
        data = self._out.read(size)
        if not data:
            self._iterator.resume = Resume.END
        return data

    def _read(self, size: int) -> bytes:
        if self._program.spilt and not self._file.left:
            # The program would ask to be called again; the kernel's is not called either.
            raise BlockingIOError(errno.EAGAIN, "a piece waits")
        return self._file.read(size)

    def _status(self) -> Status:
        if self._target is not None and self._opener.denied:
            return Status.PERMISSION
        return Status.COMPLETE

    def close(self) -> None:
        """See ``Stream.close``."""
        self._open = False
        self._opener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class ProcfsBackend:
    """``Backend`` over /proc.

    Args:
        features: What to use; probed when not given.
        root: Where procfs is mounted.
    """

    name = "procfs"

    def __init__(self, features: Features | None = None, root: Path = PROC) -> None:
        self._root = root
        self.features = features if features is not None else Features.probe(root)

    def open(self, pid: int) -> EmulatedStream:
        """See ``Backend.open``."""
        target = Target(pid, self._root)
        _require_access(pid, self._root)
        return EmulatedStream(self.features, self._root, target)

    def open_all(self) -> EmulatedStream:
        """See ``Backend.open_all``."""
        return EmulatedStream(self.features, self._root, None)

    def close(self) -> None:
        """Nothing is kept."""


def _require_access(pid: int, root: Path) -> None:
    """Raise AccessDenied now rather than tell of it in the trailer."""
    try:
        pagemap.Pagemap(pid, root).close()
        return
    except NoMemoryMap:
        # Target has seen that other threads of this dead leader live.
        others = threads(pid, root)
    for tid in others:
        try:
            pagemap.Pagemap(tid, root / str(pid) / "task").close()
            return
        except (NoMemoryMap, NoSuchProcess):
            continue
        except AccessDenied as err:
            raise AccessDenied(pid) from err
    raise NoMemoryMap(pid, "a zombie")
