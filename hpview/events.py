"""Processes that are born, become something else, or end: told as it happens."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hpview.errors import HpviewError

if TYPE_CHECKING:
    from collections.abc import Sequence


class EventsUnavailable(HpviewError):
    """This machine or user gets no process events.

    Attributes:
        reason: Why, in a few words; "" where nobody wants any.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"process events are not available{reason and ': '}{reason}")
        self.reason = reason


class What(Enum):
    """What happened to a process."""

    FORK = "fork"
    """It was born."""
    EXEC = "exec"
    """It has a new address space."""
    COMM = "comm"
    """It has a new name."""
    EXIT = "exit"
    """Its first thread ended; nearly always that is all of it."""
    LOST = "lost"
    """More happened than could be told; the pid is 0."""


class Event(NamedTuple):
    """One event.

    Attributes:
        what: What happened.
        pid: tgid of the process that it happened to.
    """

    what: What
    pid: int


class ProcessEvents(Protocol):
    """A listener. One thread reads it; ``close`` may be called from any other."""

    def read(self, timeout: float) -> Sequence[Event] | None:
        """Wait for events.

        Args:
            timeout: Seconds to wait for the first at most.

        Returns:
            Those there are, oldest first; () when time ran out; None once it is closed.
        """
        ...

    def close(self) -> None:
        """Wake the reading thread, which then lets go of everything; idempotent."""
        ...


def unlistened() -> ProcessEvents:
    """Opens nothing, for programs that take a snapshot and end.

    Raises:
        EventsUnavailable: Always.
    """
    raise EventsUnavailable("")
