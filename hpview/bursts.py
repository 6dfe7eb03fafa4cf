"""Process events on their way to a screen, as many at once as it can take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hpview.census import summed_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hpview.census import Changes
    from hpview.events import Event, ProcessEvents
    from hpview.process import Process

PAUSE: Final = 0.05
"""Seconds between two hand-overs at least, and until ``stop`` is seen at most."""

_SHARE: Final = 9


def bursts(
    events: ProcessEvents,
    glance: Callable[[int], Process | None],
    stop: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Changes]:
    """What happens, summed up.

    Whoever iterates is left alone for nine times as long as it took with the last one: a
    screen of 10,000 processes spends a tenth of its time on them, however many are born.

    Args:
        events: Closed at the end.
        glance: As ``Machine.glance``.
        stop: Asked again and again; True ends it.
        clock: Seconds.
    """
    heard: list[Event] = []
    due = clock()
    try:
        while not stop():
            told = events.read(min(PAUSE, max(0.0, due - clock())) if heard else PAUSE)
            if told is None:
                return
            heard += told
            began = clock()
            if heard and began >= due:
                changes = summed_up(heard, glance)
                heard = []
                yield changes
                ended = clock()
                due = ended + max(PAUSE, _SHARE * (ended - began))
    finally:
        events.close()
        events.read(0)
