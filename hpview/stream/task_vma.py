"""The task_vma iterator's state machine: which VMA comes next, whatever happened meanwhile.

Follows kernel/bpf/task_iter.c (introduced by commit 3a7b35b899de in 5.12; since
6.1 without a VMA list, so "next" is find_vma() at the end of the current one).
It knows nothing of /proc: an ``Mm`` answers for one address space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from hpview.stream.base import Resume

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hpview.stream.seq_file import Buffer
    from hpview.wire import MmFlag, Records

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


@dataclass(frozen=True, slots=True)
class Walked:
    """What the walk of consecutive VMAs, or of a part of one, yielded.

    Attributes:
        vmas: VMA records with the sums filled in, shape (n,), n > 0.
        runs: Their RUN records, shape (m,).
        first: Index of each VMA's first run, and m at the end, shape (n + 1,).
        resume: Where the next piece of the only VMA begins; None when all is done.
    """

    vmas: Records
    runs: Records
    first: NDArray[np.intp]
    resume: int | None = None


class Mm(Protocol):
    """One address space, locked for the time of one read() or until contended."""

    @property
    def identity(self) -> int:
        """Nonzero, and equal only for the same mm."""
        ...

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``, the lock having been taken anew."""
        ...

    def next(self, vma: Vma, count: int = 1) -> Vma | None:
        """The VMA ``count`` places behind this one, the lock having been held meanwhile.

        More than one place only as far as VMAs were walked from this one on.
        """
        ...

    def contended(self) -> bool:
        """Whether somebody waits to write: then the lock is given up in between."""
        ...

    def walk(self, vma: Vma, start: int, room: int) -> Walked:
        """Describe ``vma`` from ``start`` on: a bounded piece, or all of it and VMAs behind it.

        Args:
            vma: Where to begin.
            start: ``vma.start``, or where the next piece of it begins.
            room: About as many records can be used.
        """
        ...

    def hugeable(self, vmas: Records) -> NDArray[np.bool_]:
        """Which of its VMAs may have huge pages by what they map, shape (n,)."""
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

    def mm_flags(self) -> MmFlag:
        """Of its address space, as far as they can be told."""
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
    """What the iterator points at: the object handed to the program.

    Attributes:
        gives_way: The lock is given up behind what was shown from here on.
    """

    task: Task
    mm: Mm
    vma: Vma
    gives_way: bool = False

    def until_contended(self, count: int) -> int:
        """How many of ``count`` VMAs are shown before the lock is given up, at least one."""
        for shown in range(1, count + 1):
            if self.mm.contended():
                self.gives_way = True
                return shown
        return count


class Program(Protocol):
    """The BPF program's side."""

    def show(self, buffer: Buffer, at: Position, most: int) -> int:
        """Write the records of one VMA and of those behind it.

        Returns:
            As ``seq_file.Operations.show``; what was written is of no more VMAs than
            ``Position.until_contended`` tells.
        """
        ...

    def inside(self, mm: Mm, vma: Vma) -> bool:
        """Whether the next piece of this VMA is due, not its first one."""
        ...

    def end(self, buffer: Buffer) -> None:
        """The call without a VMA, once, at the end: write the trailer."""
        ...


class TaskVma:
    """``task_vma_seq_ops`` over user space's view of the tasks.

    Attributes:
        resume: How the last start() found its place; may be set by others in between.
    """

    def __init__(self, tasks: Tasks, program: Program) -> None:
        self._tasks = tasks
        self._program = program
        self._tid = 0
        self._prev_start = 0
        self._prev_end = 0
        self._pending: tuple[int, Vma] | None = None
        self._finished = False
        self._ended = False
        self.resume: Resume | None = None

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Start and end of the VMA that was pending when the last stop() came; None at the end."""
        if self._pending is None or self._finished:
            return None
        vma = self._pending[1]
        return vma.start, vma.end

    def start(self) -> Position | None:
        """Find the place again, or the first VMA of the first task."""
        if self._finished:
            # task_iter.c would go on with tid + 1; nobody reads past the end.
            self.resume = Resume.END
            return None
        tid = self._tid
        found = self._enter(self._tasks.find(tid) if tid else self._tasks.after(0))
        self.resume = self._how(found, tid)
        return found

    def show(self, buffer: Buffer, current: Position, most: int) -> int:
        """Run the program for one VMA, or for several."""
        return self._program.show(buffer, current, most)

    def next(self, current: Position, shown: int) -> Position | None:
        """The VMA behind those shown, giving way to writers in between."""
        if current.gives_way:
            last = current.mm.next(current.vma, shown - 1) or current.vma
            self._prev_start = last.start
            self._prev_end = last.end
            vma = self._find(current.mm)
        else:
            vma = current.mm.next(current.vma, shown)
        if vma is None:
            last = current.mm.next(current.vma, shown - 1) or current.vma
            self._remember(last.end)
            return self._enter(self._tasks.after(current.task.tid))
        return Position(current.task, current.mm, vma)

    def stop(self, buffer: Buffer, current: Position | None) -> None:
        """Remember the pending VMA, which the program has not seen, or write the trailer."""
        if current is None:
            if not self._ended:
                self._program.end(buffer)
                self._ended = not buffer.overflowed
            return
        self._remember(current.vma.end)
        self._pending = current.mm.identity, current.vma

    def _remember(self, end: int) -> None:
        """Go on at the VMA that covers the page below ``end``, shown or not, else above it."""
        self._prev_start = _NEVER
        self._prev_end = end

    def _enter(self, task: Task | None) -> Position | None:
        """The first VMA to show of ``task``, or of a later one."""
        while task is not None:
            if task.tid != self._tid:
                self._tid = task.tid
                self._remember(1)
            mm = task.mm()
            if mm is not None:
                vma = self._find(mm)
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

    def _how(self, found: Position | None, tid: int) -> Resume:
        """What start() found against the VMA that was pending in thread ``tid``."""
        if found is None or (tid and found.task.tid != tid):
            return Resume.END
        if self._pending is None:
            return Resume.FIRST
        mm, pending = self._pending
        vma = found.vma
        if found.mm.identity != mm:
            return Resume.OTHER_MM
        if vma.start >= pending.end:
            return Resume.GONE
        if self._program.inside(found.mm, vma):
            return Resume.INSIDE
        if (vma.start, vma.end) != (pending.start, pending.end):
            return Resume.CHANGED
        return Resume.SAME if vma == pending else Resume.REPLACED
