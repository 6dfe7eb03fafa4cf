"""BPF as long as it works, /proc from then on."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Self

from hpview.errors import BackendUnavailable
from hpview.stream.base import CHUNK_SIZE
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RECORD_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from hpview.stream.base import Backend, Resume, Stream
    from hpview.wire import Source


class AutoBackend:
    """``Backend`` over BPF until that fails, at loading or at use; over /proc for good then.

    Args:
        tell: Takes a sentence once it does, and when more has to be done without.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        self._lock = Lock()
        self._tell = tell
        self._kernel: KernelBackend | None = None
        self._procfs: ProcfsBackend | None = None
        try:
            self._kernel = KernelBackend()
        except BackendUnavailable as err:
            self._fall(err)

    @property
    def name(self) -> str:
        """That of the one in use."""
        return ProcfsBackend.name if self._procfs is not None else KernelBackend.name

    def open(self, pid: int) -> Stream:
        """See ``Backend.open``."""
        return self._opened(lambda backend: backend.open(pid))

    def open_all(self) -> Stream:
        """See ``Backend.open_all``."""
        return self._opened(lambda backend: backend.open_all())

    def page_bits(self, pid: int, address: int) -> NDArray[np.uint16] | None:
        """See ``KernelBackend.page_bits``; None where only /proc is left."""
        if self._kernel is None or self._procfs is not None:
            return None
        try:
            return self._kernel.page_bits(pid, address)
        except BackendUnavailable as err:
            self._fall(err)
            return None

    def _opened(self, opened: Callable[[Backend], Stream]) -> Stream:
        if self._kernel is None or self._procfs is not None:
            return opened(self._fall(None))
        try:
            stream = opened(self._kernel)
        except BackendUnavailable as err:
            return opened(self._fall(err))
        return _AutoStream(stream, lambda err: opened(self._fall(err)))

    def _fall(self, err: BackendUnavailable | None) -> ProcfsBackend:
        """What to use instead from now on; may be called in any thread, and again."""
        with self._lock:
            if self._procfs is None:
                if err is not None:
                    self._tell(str(err))
                # Others may be about to open the kernel's: it is left open.
                self._procfs = ProcfsBackend(tell=self._tell)
            return self._procfs

    def close(self) -> None:
        """See ``Backend.close``."""
        if self._kernel is not None:
            self._kernel.close()


class _AutoStream:
    """``Stream`` of the kernel that begins anew over /proc should it fail.

    What came before is not lost: another TASK record tells of another address space, as
    behind an exec(), and whoever reads knows what to do then.

    Args:
        stream: The kernel's.
        instead: Opens the other one.
    """

    def __init__(self, stream: Stream, instead: Callable[[BackendUnavailable], Stream]) -> None:
        self._stream = stream
        self._instead: Callable[[BackendUnavailable], Stream] | None = instead
        self._bytes = 0

    @property
    def source(self) -> Source:
        """See ``Stream.source``."""
        return self._stream.source

    @property
    def resume(self) -> Resume | None:
        """See ``Stream.resume``."""
        return self._stream.resume

    @property
    def waiting(self) -> tuple[int, int] | None:
        """See ``Stream.waiting``."""
        return self._stream.waiting

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        """See ``Stream.read``."""
        try:
            data = self._stream.read(size)
        except BackendUnavailable as err:
            instead, self._instead = self._instead, None
            if instead is None:
                raise
            stream = instead(err)
            self._stream.close()
            self._stream = stream
            if self._bytes % RECORD_SIZE:
                raise  # half a record was handed over
            return stream.read(size)
        self._bytes += len(data)
        return data

    def close(self) -> None:
        """See ``Stream.close``."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
