"""The task_vma iterator's protocol over /proc: for whoever may not load BPF."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, Self

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess, OtherProgram
from hpview.kernelfs import pagemap
from hpview.kernelfs.files import PROC
from hpview.kernelfs.task import threads
from hpview.stream.base import CHUNK_SIZE, Resume
from hpview.stream.features import InUse
from hpview.stream.handover import Handover
from hpview.stream.opener import ProcOpener
from hpview.stream.procfs_tasks import AllProcesses, OneProcess
from hpview.stream.program import WalkProgram
from hpview.stream.rollup import RollupProgram
from hpview.stream.seq_file import SeqFile
from hpview.stream.target import Target
from hpview.stream.task_vma import TaskVma
from hpview.wire import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hpview.stream.features import Features
    from hpview.stream.task_vma import Tasks
    from hpview.wire import Source


_MOST_EXECS: Final = 8
"""So often a process is opened anew that calls exec() while it is being opened."""


class EmulatedStream:
    """``Stream`` over /proc."""

    def __init__(self, in_use: InUse, root: Path, target: Target | None) -> None:
        self._in_use = in_use
        self._opener = ProcOpener(in_use, root)
        self._target = target
        tasks: Tasks
        if target is None:
            tasks = AllProcesses(self._opener, root)
            self._program: RollupProgram | WalkProgram = RollupProgram(self._source, self._status)
        else:
            tasks = OneProcess(target, self._opener, root)
            self._program = WalkProgram(self._source, self._status)
        self._iterator = TaskVma(tasks, self._program)
        self._file = SeqFile(self._iterator)
        self._out = Handover(
            self._read, self._program.take_spill, target.gone if target is not None else None
        )
        self._open = True

    @property
    def source(self) -> Source:
        """Where the backing comes from now."""
        return self._source()

    @property
    def resume(self) -> Resume | None:
        """See ``Stream.resume``; None before the first read."""
        return self._iterator.resume

    @property
    def waiting(self) -> tuple[int, int] | None:
        """See ``Stream.waiting``."""
        return self._iterator.waiting

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

    def _source(self) -> Source:
        return self._in_use.source

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
        tell: Takes a sentence when something has to be done without.
    """

    name = "procfs"

    def __init__(
        self,
        features: Features | None = None,
        root: Path = PROC,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._root = root
        self._in_use = InUse(features, root, tell)

    def open(self, pid: int) -> EmulatedStream:
        """See ``Backend.open``."""
        target = Target(pid, self._root)
        _require_access(pid, self._root)
        return EmulatedStream(self._in_use, self._root, target)

    def open_all(self) -> EmulatedStream:
        """See ``Backend.open_all``."""
        return EmulatedStream(self._in_use, self._root, None)

    def close(self) -> None:
        """Nothing is kept."""


def _require_access(pid: int, root: Path) -> None:
    """Raise AccessDenied now rather than tell of it in the trailer."""
    try:
        pagemap.Pagemap(pid, root).close()
        return
    except OtherProgram:
        return  # an exec() in between: the first read opens what it runs now
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
