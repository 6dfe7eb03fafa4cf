"""Records from the kernel itself: the task_vma iterator with our program in it."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Self

from hpview.stream.base import CHUNK_SIZE
from hpview.stream.handover import Handover
from hpview.stream.loaded import LoadedProgram, unreadable
from hpview.stream.state import Mode
from hpview.stream.target import Target
from hpview.wire import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


class KernelStream:
    """``Stream`` over one iterator; reads are serialised.

    Args:
        program: Leased until ``close()``.
        fd: An iterator of that program; owned by the stream.
        target: The process, or None for all of them.
        release: Gives the program back.
    """

    def __init__(
        self,
        program: LoadedProgram,
        fd: int,
        target: Target | None,
        release: Callable[[LoadedProgram], None],
    ) -> None:
        self._program = program
        self._fd = fd
        self._release = release
        self._received = 0
        self._lock = threading.Lock()
        gone = target.gone if target is not None else None
        self._out = Handover(self._read, program.take_spill, gone)

    @property
    def source(self) -> Source:
        """Always ``Source.BPF``."""
        return Source.BPF

    @property
    def resume(self) -> None:
        """Never known: the iterator does not tell."""
        return

    @property
    def waiting(self) -> None:
        """Never known: the iterator does not tell."""
        return

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """See ``Stream.read``."""
        with self._lock:
            if self._fd < 0:
                raise ValueError("read of a closed stream")
            return self._out.read(size)

    def _read(self, size: int) -> bytes:
        if self._program.state.spill_count and self._program.drained(self._received):
            # Read(2) would say EAGAIN, or nothing at all if the process has exited.
            raise BlockingIOError(errno.EAGAIN, "a piece waits")
        self._program.state.params.reads += 1
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            raise
        except OSError as err:
            raise unreadable(err) from err
        self._received += len(data)
        return data

    def close(self) -> None:
        """See ``Stream.close``; waits for a read in another thread."""
        with self._lock:
            if self._fd < 0:
                return
            os.close(self._fd)
            self._fd = -1
        self._release(self._program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class KernelBackend:
    """``Backend`` over the BPF program.

    A loaded program holds the state of one stream. Programs are loaded when
    streams are open at the same time, and kept for later ones.

    Raises:
        BackendUnavailable: The program cannot be loaded.
    """

    name = "bpf"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._idle = [LoadedProgram()]

    def open(self, pid: int) -> KernelStream:
        """See ``Backend.open``."""
        return self._open(Mode.ONE, Target(pid))

    def open_all(self) -> KernelStream:
        """See ``Backend.open_all``."""
        return self._open(Mode.ALL, None)

    def page_bits(self, pid: int, address: int) -> NDArray[np.uint16] | None:
        """What the page table says of the 512 pages of one slot: ``state.EntryBit``, shape (512,).

        Args:
            pid: Process.
            address: In the slot, and in a VMA; pages of other VMAs in the slot are told, too.

        Returns:
            None when nothing is mapped there any more, or its tables cannot be read.

        Raises:
            NoSuchProcess, NoMemoryMap, BackendUnavailable: As ``open``.
        """
        target = Target(pid)
        program = self._lease()
        try:
            fd = program.start(Mode.SLOT, target.pid, address)
            try:
                return program.take_pages(fd)
            finally:
                os.close(fd)
        finally:
            self._give_back(program)

    def close(self) -> None:
        """Unload what is idle; programs in use are unloaded as their streams close."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for program in idle:
            program.close()

    def _lease(self) -> LoadedProgram:
        with self._lock:
            if self._closed:
                raise ValueError("open on a closed backend")
            if self._idle:
                return self._idle.pop()
        return LoadedProgram()

    def _open(self, mode: Mode, target: Target | None) -> KernelStream:
        program = self._lease()
        try:
            fd = program.start(mode, target.pid if target is not None else 0)
        except BaseException:
            self._give_back(program)
            raise
        return KernelStream(program, fd, target, self._give_back)

    def _give_back(self, program: LoadedProgram) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(program)
                return
        program.close()
