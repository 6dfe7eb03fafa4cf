from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.bursts import PAUSE, bursts
from hpview.events import Event, What
from tests.fake_machine import process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.process import Process


class Scripted:
    """Reads that each take the time they are given, and what they tell."""

    def __init__(self, *told: Sequence[int] | None) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self.closed = 0
        self.released = False
        self._told = list(told)

    def clock(self) -> float:
        return self.now

    def read(self, timeout: float) -> list[Event] | None:
        if self.closed:
            self.released = True
            return None
        self.waits.append(timeout)
        told = self._told.pop(0) if self._told else None
        if told is None:
            return None
        self.now += timeout if not told else 0.001
        return [Event(What.FORK, pid) for pid in told]

    def close(self) -> None:
        self.closed += 1


def glance(pid: int) -> Process:
    return process(pid, "new", pending=True)


def test_the_first_event_after_a_quiet_time_is_told_at_once() -> None:
    events = Scripted([], [], [7])
    (changes,) = bursts(events, glance, lambda: False, events.clock)
    assert [p.pid for p in changes.renewed] == [7]
    assert events.waits == [PAUSE] * 4
    assert (events.closed, events.released) == (1, True)


def test_what_comes_while_the_screen_is_left_alone_is_told_together() -> None:
    events = Scripted([1], *([[pid] for pid in range(2, 60)]), [], [], [])
    told = []
    for changes in bursts(events, glance, lambda: False, events.clock):
        told.append([p.pid for p in changes.renewed])
        if len(told) == 1:
            events.now += 0.002  # the screen's own work
    assert told[0] == [1]
    assert told[1] == [*range(2, told[1][-1] + 1)]
    assert told[1][-1] > 40
    assert max(events.waits) <= PAUSE


def test_a_slow_screen_is_left_alone_for_longer() -> None:
    events = Scripted([1], *([[pid] for pid in range(2, 1500)]), [], [], [], [], [], [])
    times = []
    for _ in bursts(events, glance, lambda: False, events.clock):
        times.append(events.now)
        if len(times) == 1:
            events.now += 0.1
    assert times[1] - (times[0] + 0.1) >= 9 * 0.1


def test_it_ends_when_nobody_listens_any_more() -> None:
    events = Scripted([], [], [], [])
    asked = iter([False, False, True])
    assert list(bursts(events, glance, lambda: next(asked), events.clock)) == []
    assert events.released


def test_what_was_lost_is_told() -> None:
    class Lossy(Scripted):
        def read(self, timeout: float) -> list[Event] | None:
            told = super().read(timeout)
            return [Event(What.LOST, 0)] if told else told

    events = Lossy([1])
    (changes,) = bursts(events, glance, lambda: False, events.clock)
    assert changes.lost
    assert changes.renewed == ()
