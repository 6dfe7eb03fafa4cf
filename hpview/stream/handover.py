"""From the iterator's descriptor to the reader: what both streams do alike on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hpview.wire import END, RECORD_SIZE, Kind, Status, decode

if TYPE_CHECKING:
    from collections.abc import Callable


class Handover:
    """Joins the two roads records come by, honours sizes, and seals the trailer.

    Args:
        read: read(2) on the iterator; BlockingIOError for EAGAIN.
        take_spill: The piece that waits outside the iterator's buffer, or b"".
            It is complete whenever ``read`` fails with EAGAIN or has come to the END.
        gone: Whether the target has exited; None when there is no single target.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        take_spill: Callable[[], bytes],
        gone: Callable[[], bool] | None,
    ) -> None:
        self._read = read
        self._take_spill = take_spill
        self._gone = gone
        self._left = b""
        self._cut = b""
        self._passed = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """See ``Stream.read``."""
        if size < 1:
            raise ValueError(f"read of {size} bytes")
        if not self._left and not self._ended:
            self._left = self._next(size)
            # In a walk over all tasks a further read(2) would go on behind the
            # last one (task_vma_seq_get_next() keeps tid + 1): the trailer is final.
            self._ended = not self._left or self._left[-RECORD_SIZE] == Kind.END
            self._passed += len(self._left)
        out, self._left = self._left[:size], self._left[size:]
        return out

    def _next(self, size: int) -> bytes:
        data, self._cut = self._cut, b""
        try:
            data += self._read(-len(data) % RECORD_SIZE or size)
            while missing := -len(data) % RECORD_SIZE:
                # The rest of a record lies in the iterator's buffer: this runs no program.
                rest = self._read(missing)
                if not rest:
                    # Not from any kernel; asking on would never end.
                    decode(data, offset=self._passed)
                data += rest
        except BlockingIOError:
            # Nor this, but what came of a record is not to be lost.
            self._cut = data
            spill = b"" if data else self._take_spill()
            if not spill:
                raise
            return spill
        if data and data[-RECORD_SIZE] == Kind.END:
            # After an exit nobody is asked for the VMA of the spill again.
            spill = self._take_spill()
            return data[:-RECORD_SIZE] + spill + self._sealed(data[-RECORD_SIZE:])
        return data

    def _sealed(self, trailer: bytes) -> bytes:
        """Let the trailer say that the process exited, which the iterator cannot know.

        When the task dies between two reads, the next one just finds no VMA.
        """
        if self._gone is None:
            return trailer
        end = np.frombuffer(trailer, END).copy()
        if end["status"][0] == Status.COMPLETE:
            if self._gone():
                end["status"] = Status.VANISHED
            elif end["tasks"][0] == 0:
                # It has an address space, and still nothing of it was shown.
                end["status"] = Status.PERMISSION
        return end.tobytes()
