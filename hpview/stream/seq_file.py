"""The buffer behind a BPF iterator's descriptor: what ``read()`` means.

A transcript in meaning, not in code, of kernel/bpf/bpf_iter.c, ``bpf_seq_read()``
(the logic is the same from 5.12 to 7.x): a buffer of eight pages, objects shown
until the reader's size is reached, an object that does not fit taken back and
kept for the next call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

V = TypeVar("V")

BUFFER_SIZE: Final = 4096 << 3
MAX_OBJECTS: Final = 1_000_000
"""``MAX_ITER_OBJECTS``: as many silent objects make a read fail with EAGAIN."""


class Buffer:
    """The bytes collected by one ``read()`` and not yet handed over."""

    def __init__(self, capacity: int = BUFFER_SIZE) -> None:
        self._capacity = capacity
        self._size = 0
        self._data = bytearray()
        self.overflowed = False

    def __len__(self) -> int:
        return len(self._data)

    def begin(self, size: int) -> None:
        """A ``read()`` of so many bytes is to be filled."""
        self._size = size

    @property
    def free(self) -> int:
        """Bytes that still fit."""
        return self._capacity - 1 - len(self._data)

    @property
    def wanted(self) -> int:
        """Bytes that this ``read()`` still asks for."""
        return self._size - len(self._data)

    def fitting(self, ends: NDArray[np.int64]) -> int:
        """How many of some objects are shown, one by one, before this ``read()`` stops.

        The size is tested before each of them but the first, which is shown anyhow.

        Args:
            ends: Where the bytes of each end if the first one's begin at 0, ascending.

        Returns:
            0 if not even the first one fits.
        """
        wanted = 1 + np.searchsorted(ends[:-1], self.wanted, side="left")
        holds = np.searchsorted(ends, self.free, side="right")
        return int(min(wanted, holds))

    def write(self, data: bytes) -> bool:
        """Append, as bpf_seq_write() does; False when it does not fit.

        The last byte of the buffer is never used (seq_write() in fs/seq_file.c
        tests ``count + len < size``): 511 records fit, not 512.
        """
        if self.overflowed or len(self._data) + len(data) >= self._capacity:
            self.overflowed = True
            return False
        self._data += data
        return True

    def roll_back(self, length: int) -> None:
        """Forget what was written beyond ``length``, and the overflow."""
        del self._data[length:]
        self.overflowed = False

    def take(self, size: int) -> bytes:
        """Remove and return up to ``size`` bytes from the front."""
        out = bytes(self._data[:size])
        del self._data[:size]
        return out


class Operations(Protocol[V]):
    """``struct seq_operations``. ``None`` stands for NULL."""

    def start(self) -> V | None:
        """The object to begin this read with."""
        ...

    def show(self, buffer: Buffer, current: V, most: int) -> int:
        """Write an object, or several at once: those from it on that would be shown anyhow.

        Args:
            buffer: Says how many that are (``fitting``); overflows if it is none.
            current: The first of them.
            most: How many at most.

        Returns:
            How many were shown, one that overflowed the buffer included. 0 asks for
            the same object again (the program returned 1).
        """
        ...

    def next(self, current: V, shown: int) -> V | None:
        """The object behind those that were shown from ``current`` on."""
        ...

    def stop(self, buffer: Buffer, current: V | None) -> None:
        """End this read; ``current`` is the object that waits, not shown yet."""
        ...


class SeqFile(Generic[V]):
    """Reads objects of ``operations`` through one buffer."""

    def __init__(self, operations: Operations[V]) -> None:
        self._operations = operations
        self._buffer = Buffer()

    @property
    def left(self) -> int:
        """Bytes collected and not yet handed over."""
        return len(self._buffer)

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; ``b""`` when there is no further object.

        Raises:
            BlockingIOError: EAGAIN: the program asked for a retry with nothing
                collected, or a million objects were silent.
            OverflowError: E2BIG: one object does not fit an empty buffer.
        """
        if not len(self._buffer):
            self._fill(size)
        return self._buffer.take(size)

    def _fill(self, size: int) -> None:
        """Show objects until the size is reached, one must wait, or none is left."""
        buffer, ops = self._buffer, self._operations
        buffer.begin(size)
        current = ops.start()
        shown = 0
        while current is not None:
            before = len(buffer)
            count = ops.show(buffer, current, MAX_OBJECTS - shown)
            if not count or buffer.overflowed:
                buffer.roll_back(before)
                if before == 0:
                    ops.stop(buffer, current)
                    raise OverflowError if count else BlockingIOError
                break
            shown += count
            # next() first, then the size: the object that stays pending is one
            # the program has not seen (bpf_seq_read(), case b).
            current = ops.next(current, count)
            if current is None or len(buffer) >= size:
                break
            if shown >= MAX_OBJECTS:
                if len(buffer) == 0:
                    ops.stop(buffer, current)
                    raise BlockingIOError
                break
        before = len(buffer)
        ops.stop(buffer, current)
        if buffer.overflowed:
            # The trailer did not fit: the next read starts over, finds nothing
            # and calls stop() again.
            buffer.roll_back(before)
            if before == 0:
                raise OverflowError
