"""The task_vma iterator's state machine: which VMA comes next, whatever happened meanwhile.

Follows kernel/bpf/task_iter.c (introduced by commit 3a7b35b899de in 5.12; since
6.1 without a VMA list, so "next" is find_vma() at the end of the current one).
It knows nothing of /proc: an ``Mm`` answers for one address space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from hpview.stream.seq_file import Buffer

_NEVER: Final = (1 << 64) - 1
"""``prev_vm_start`` after stop(): equals no VMA's start."""


class Vma(NamedTuple):
    """What find_vma() found.

    Attributes:
        start: First address.
        end: One past the last.
        vm_flags: ``VmFlag`` bits, as far as known.
        pgoff: Offset in pages; 0 without a file.
        dev: major << 20 | minor.
        ino: Inode number.
        page_size: Bytes; above 4096 for hugetlb.
    """

    start: int
    end: int
    vm_flags: int
    pgoff: int
    dev: int
    ino: int
    page_size: int


class Piece(NamedTuple):
    """What the walk of a VMA, or of a part of it, yielded.

    Attributes:
        records: A VMA record with the sums filled in, and its RUN records.
        resume: Where the next piece begins, or None when the VMA is done.
    """

    records: bytes
    resume: int | None


class Mm(Protocol):
    """One address space, locked for the time of one read() or until contended."""

    @property
    def identity(self) -> int:
        """Nonzero, and equal only for the same mm."""
        ...

    def first(self) -> Vma | None:
        """The lowest VMA."""
        ...

    def next(self, vma: Vma) -> Vma | None:
        """The VMA behind this one, the lock having been held since it was found."""
        ...

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``, the lock having been taken anew."""
        ...

    def contended(self) -> bool:
        """Whether somebody waits to write: then the lock is given up in between."""
        ...

    def walk(self, vma: Vma, start: int) -> Piece:
        """Describe ``vma`` from ``start`` on: all of it, or a bounded piece."""
        ...


class Task(Protocol):
    """A thread whose address space is visited."""

    @property
    def tgid(self) -> int:
        """Its process."""
        ...

    @property
    def tid(self) -> int:
        """Its own number."""
        ...

    @property
    def lends(self) -> bool:
        """Whether the process is shown by it: the leader, else the first thread with an mm."""
        ...

    def comm(self) -> bytes:
        """Its name, untrusted, at most 15 bytes."""
        ...

    def start_time(self) -> int:
        """Of the group leader, in clock ticks since boot."""
        ...

    def mm(self) -> Mm | None:
        """Its address space now; None when it has none (any more)."""
        ...


class Tasks(Protocol):
    """``task_seq_get_next()``: the threads to visit, in the kernel's order."""

    def find(self, tid: int) -> Task | None:
        """The task visited last, met again at the next read(); None ends the iteration."""
        ...

    def after(self, tid: int) -> Task | None:
        """The task behind ``tid``; the first one for 0."""
        ...


@dataclass(slots=True)
class Position:
    """What the iterator points at: the object handed to the program."""

    task: Task
    mm: Mm
    vma: Vma


class Program(Protocol):
    """The BPF program's side."""

    def show(self, buffer: Buffer, at: Position) -> bool:
        """Write the records of one VMA; False to be called again for it."""
        ...

    def end(self, buffer: Buffer) -> None:
        """The call without a VMA, once, at the end: write the trailer."""
        ...


class TaskVma:
    """``task_vma_seq_ops`` over user space's view of the tasks."""

    def __init__(self, tasks: Tasks, program: Program) -> None:
        self._tasks = tasks
        self._program = program
        self._tid = 0
        self._prev_start = 0
        self._prev_end = 0
        self._finished = False
        self._ended = False

    def start(self) -> Position | None:
        """Find the place again, or the first VMA of the first task."""
        if self._finished:
            # task_iter.c would go on with tid + 1; nobody reads past the end.
            return None
        task = self._tasks.find(self._tid) if self._tid else self._tasks.after(0)
        return self._enter(task)

    def next(self, current: Position) -> Position | None:
        """The VMA behind the current one, giving way to writers in between."""
        if current.mm.contended():
            self._prev_start = current.vma.start
            self._prev_end = current.vma.end
            vma = self._find(current.mm)
        else:
            vma = current.mm.next(current.vma)
        if vma is None:
            return self._enter(self._tasks.after(current.task.tid))
        return Position(current.task, current.mm, vma)

    def show(self, buffer: Buffer, current: Position) -> bool:
        """Run the program for one VMA."""
        return self._program.show(buffer, current)

    def stop(self, buffer: Buffer, current: Position | None) -> None:
        """Remember the pending VMA, which the program has not seen, or write the trailer."""
        if current is None:
            if not self._ended:
                self._program.end(buffer)
                self._ended = not buffer.overflowed
            return
        self._prev_start = _NEVER
        self._prev_end = current.vma.end

    def _enter(self, task: Task | None) -> Position | None:
        """The first VMA to show of ``task``, or of a later one."""
        while task is not None:
            again = task.tid == self._tid
            self._tid = task.tid
            mm = task.mm()
            if mm is not None:
                vma = self._find(mm) if again else mm.first()
                if vma is not None:
                    return Position(task, mm, vma)
            task = self._tasks.after(task.tid)
        self._finished = True
        return None

    def _find(self, mm: Mm) -> Vma | None:
        """Cases 1 to 4.2 of the comment in task_vma_seq_get_next()."""
        vma = mm.find_vma(self._prev_end - 1)
        if vma is not None and (vma.start, vma.end) == (self._prev_start, self._prev_end):
            return mm.next(vma)
        return vma
