"""What every source of records looks like: a file descriptor of the task_vma iterator.

``read(size)`` means what read(2) means on such a descriptor
(kernel/bpf/bpf_iter.c, bpf_seq_read): it hands over the next bytes of records,
holds nothing locked when it returns, and goes on from there at the next call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from hpview.wire import Source

CHUNK_SIZE = 32768
"""The kernel's own buffer (PAGE_SIZE << 3): asking for more returns no more."""


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
        """A stream over every process that can be read: TASK and VMA records only."""
        ...

    def close(self) -> None:
        """Release what the backend keeps loaded; idempotent."""
        ...
