"""What every source of records looks like: a file descriptor of the task_vma iterator.

``read(size)`` means what read(2) means on such a descriptor
(kernel/bpf/bpf_iter.c, bpf_seq_read): it hands over the next bytes of records,
holds nothing locked when it returns, and goes on from there at the next call.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from hpview.wire import Source

CHUNK_SIZE = 32768
"""The kernel's own buffer (PAGE_SIZE << 3): asking for more returns no more."""


class Resume(Enum):
    """How a ``read()`` found the VMA it began with.

    The cases are those of the comment in task_vma_seq_get_next() (kernel/bpf/task_iter.c).
    The VMA remembered is the one that waited when the read before ended, and was not
    shown; or, where the lock was given up in mid-read, the one shown last.
    """

    FIRST = "first"
    """The first VMA of the first task."""
    GONE = "1"
    """The VMA remembered is gone; the one above it is shown."""
    SAME = "2"
    """It is still there: shown if it waited, else the one above it."""
    END = "3"
    """No VMA is left at or above it: on to the next task, or the end."""
    REPLACED = "4.1"
    """Another VMA covers exactly its range: shown if it waited, else skipped."""
    CHANGED = "4.2"
    """A VMA of another range covers its last page, and is shown."""
    WENT_ON = "1 or 2"
    """Behind what was shown before; records do not tell which of the two."""
    OTHER_MM = "exec"
    """The process called exec(): the place was looked for in another address space."""
    INSIDE = "inside"
    """The VMA was only walked in part: on with the next piece."""
    BUFFER = "buffer"
    """Bytes were left from before; no VMA was looked for."""


class Stream(Protocol):
    """An open, half-read iterator.

    Any sequence of sizes yields the same bytes for a quiet process. Sizes are
    honoured to the byte, so a small one may cut a record; the rest follows.
    """

    @property
    def source(self) -> Source:
        """Where the backing comes from."""
        ...

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """Return up to ``size`` bytes of records; ``b""`` at the end, for good.

        Raises:
            BlockingIOError: Progress was made, but there is nothing to hand over
                yet: call again (EAGAIN).
            HpviewError: The target is gone or may no longer be read.
        """
        ...

    @property
    def resume(self) -> Resume | None:
        """How the last ``read()`` found its place; None where the stream cannot know."""
        ...

    @property
    def waiting(self) -> tuple[int, int] | None:
        """Start and end of the VMA remembered as not shown yet; None where that is not known."""
        ...

    def close(self) -> None:
        """Release descriptors; idempotent. A later ``read()`` raises ValueError."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Backend(Protocol):
    """Opens streams of one source."""

    @property
    def name(self) -> str:
        """``bpf`` or ``procfs``."""
        ...

    def open(self, pid: int) -> Stream:
        """A stream over one process (tgid).

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
            BackendUnavailable: The source itself failed.
        """
        ...

    def open_all(self) -> Stream:
        """A stream over every process that can be read: a TASK and a ROLLUP record of each."""
        ...

    def close(self) -> None:
        """Release what the backend keeps loaded; idempotent."""
        ...
