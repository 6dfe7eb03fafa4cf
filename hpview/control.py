"""Who may read how much and when: the handle by which a reading is paused, stepped and hurried."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from hpview.stream.base import CHUNK_SIZE

END: Final = 1 << 64
"""Above every address."""


class Turn(NamedTuple):
    """Leave to read once.

    Attributes:
        size: Bytes to ask for.
        step: No other read follows by itself.
    """

    size: int
    step: bool


class Control:
    """Steers one ``loader.load`` from any thread.

    Args:
        size: Bytes that each read asks for.
        paused: Nothing is read at first.
        toward: An address up to which it reads without giving way.
    """

    def __init__(self, size: int = CHUNK_SIZE, *, paused: bool = False, toward: int = 0) -> None:
        self._changed = threading.Condition()
        self._size = size
        self._paused = paused
        self._steps = 0
        self._toward = toward

    @property
    def size(self) -> int:
        """Bytes that the next read asks for."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"reads of {size} bytes")
        with self._changed:
            self._size = size

    @property
    def paused(self) -> bool:
        """Nothing is read but for steps."""
        return self._paused

    @property
    def resting(self) -> bool:
        """Nothing is read, and no step is due."""
        with self._changed:
            return self._paused and not self._steps

    @property
    def toward(self) -> int:
        """The address up to which it reads without giving way; 0 for none, ``END`` for all."""
        return self._toward

    def pause(self) -> None:
        """Read no more; a read that is under way is finished."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()

    def go(self) -> None:
        """Read on; steps that are due are part of that."""
        with self._changed:
            self._paused = False
            self._steps = 0
            self._changed.notify_all()

    def step(self) -> None:
        """Read exactly once, or once more, and pause."""
        with self._changed:
            self._paused = True
            self._steps += 1
            self._changed.notify_all()

    def hurry(self, address: int = END) -> None:
        """Read without giving way until an address is passed; a pause remains one."""
        with self._changed:
            self._toward = max(self._toward, address)
            self._changed.notify_all()

    def turn(self, seconds: float) -> Turn | None:
        """Wait for leave to read, at most so long; None while paused."""
        with self._changed:
            self._changed.wait_for(lambda: self._steps or not self._paused, seconds)
            if not self._paused:
                return Turn(self._size, False)
            if not self._steps:
                return None
            self._steps -= 1
            return Turn(self._size, True)

    def give_way(self, seconds: float, reached: int) -> None:
        """Rest so long, unless somebody waits for an address that was not reached yet.

        Args:
            seconds: How long at most; pausing and hurrying end it.
            reached: Address up to which was read.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._paused or reached < self._toward, seconds)
