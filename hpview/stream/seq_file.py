"""The buffer behind a BPF iterator's descriptor: what ``read()`` means.

A transcript in meaning, not in code, of kernel/bpf/bpf_iter.c, ``bpf_seq_read()``
(the logic is the same from 5.12 to 7.x): a buffer of eight pages, objects shown
until the reader's size is reached, an object that does not fit taken back and
kept for the next call.
"""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

V = TypeVar("V")

BUFFER_SIZE: Final = 4096 << 3
MAX_OBJECTS: Final = 1_000_000
"""``MAX_ITER_OBJECTS``: as many silent objects make a read fail with EAGAIN."""


class Buffer:
    """The bytes collected by one ``read()`` and not yet handed over."""

    def __init__(self, capacity: int = BUFFER_SIZE) -> None:
        self._capacity = capacity
        self._data = bytearray()
        self.overflowed = False

    def __len__(self) -> int:
        return len(self._data)

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

    def next(self, current: V) -> V | None:
        """The one behind it."""
        ...

    def show(self, buffer: Buffer, current: V) -> bool:
        """Write an object; False asks for the same object again (the program returned 1)."""
        ...

    def stop(self, buffer: Buffer, current: V | None) -> None:
        """End this read; ``current`` is the object that waits, not shown yet."""
        ...


class SeqFile(Generic[V]):
    """Reads objects of ``operations`` through one buffer."""

    def __init__(self, operations: Operations[V]) -> None:
        self._operations = operations
        self._buffer = Buffer()

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
        current = ops.start()
        shown = 0
        while current is not None:
            before = len(buffer)
            again = not ops.show(buffer, current)
            if again or buffer.overflowed:
                buffer.roll_back(before)
                if before == 0:
                    ops.stop(buffer, current)
                    raise BlockingIOError if again else OverflowError
                break
            shown += 1
            # next() first, then the size: the object that stays pending is one
            # the program has not seen (bpf_seq_read(), case b).
            current = ops.next(current)
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
