"""Reading a process again and again, and noting what changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hpview.space.changelog import NO_MARKS, ChangeLog
from hpview.space.changes import changes, same_memory
from hpview.text import printable
from hpview.ui.reading import Observer
from hpview.wire import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen
    from textual.timer import Timer

    from hpview.settings import Settings
    from hpview.space.address_space import AddressSpace
    from hpview.ui.reading import Reading
    from hpview.wire import Records

INTERVALS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two readings that may be chosen."""

_REST: Final = 9
"""Times as long as a reading took that follow without one: it costs a tenth of the time."""


def seconds_words(seconds: float) -> str:
    """``2 s`` or ``0.5 s``."""
    return f"{seconds:g} s"


class Watch:
    """Begins quiet readings by a timer and compares each with the one before.

    Attributes:
        on: Whether it does.
        log: What changed, since watching began or the process ran another program.
        marks: What is to be marked on the map now.
        newest: What the newest reading showed; None where it was not compared.
        cost: Seconds spent in read() by the newest reading compared; None before it.
        clock: Seconds, never less than before.
        epoch: The time, in seconds since 1970, when the clock stood at 0.
    """

    def __init__(
        self,
        owner: Screen[None],
        reading: Reading,
        settings: Settings,
        seen: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one that is off.

        Args:
            owner: Its timer ends with this screen.
            reading: Of the process.
            settings: Where the interval is kept.
            seen: Whether anybody looks: else no reading is begun.
            clock: Seconds, never less than before.
        """
        self.on = False
        self.log = ChangeLog()
        self.marks = NO_MARKS
        self.newest: Records | None = None
        self.cost: float | None = None
        self._owner = owner
        self._reading = reading
        self._settings = settings
        self._seen = seen
        self.clock = clock
        self.epoch = time.time() - clock()
        self._timer: Timer | None = None
        self._began: float | None = None
        self._not_before = 0.0
        self._listeners: list[Callable[[], None]] = []
        reading.subscribe(Observer(done=self._done))

    @property
    def pid(self) -> int:
        """The process."""
        return self._reading.pid

    @property
    def title(self) -> str:
        """The process, printable: pid and name."""
        return f"{self._reading.pid} {printable(self._reading.space.comm)}".rstrip()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call somebody whenever there is something else to show."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Call somebody no more."""
        self._listeners.remove(listener)

    @property
    def interval(self) -> float:
        """Seconds between two readings."""
        return self._settings.watch

    def step_interval(self, step: int) -> None:
        """Choose the next longer (1) or shorter (-1) interval."""
        if step > 0:
            wanted = min((s for s in INTERVALS if s > self.interval), default=INTERVALS[-1])
        else:
            wanted = max((s for s in INTERVALS if s < self.interval), default=INTERVALS[0])
        self._settings.watch = wanted
        self.settings_changed()

    def settings_changed(self) -> None:
        """Take the interval from the settings."""
        if self.on:
            self._restart_timer()
        self._tell()

    def toggle(self) -> None:
        """Begin, or stop."""
        if self.on:
            self.stop()
        else:
            self.start()

    def start(self) -> None:
        """Read again at once, and go on doing so."""
        self.on = True
        self._not_before = 0.0
        self._restart_timer()
        self.tick()
        self._tell()

    def stop(self) -> None:
        """Read no more; the log stays."""
        self.on = False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._began = None
        self.marks = NO_MARKS
        self._tell()

    def tick(self) -> None:
        """Begin a reading, if one is due and the last one has ended."""
        if not self.on or not self._seen():
            return
        now = self.clock()
        marks = self.log.marks(now)
        if len(marks.kind) or len(self.marks.kind):
            self.marks = marks
            self._tell()
        idle = not (self._reading.busy or self._reading.paused)
        if idle and now >= self._not_before:
            self._began = now
            self._reading.begin(quiet=True)

    def wall_time(self, when: float) -> time.struct_time:
        """The local time at a moment of the clock."""
        return time.localtime(self.epoch + when)

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._owner.set_interval(self.interval, self.tick)

    def _done(self, before: AddressSpace, now: AddressSpace) -> None:
        self.newest = None
        if not (self.on or self._reading.compared):
            self._unmark()
            return
        when = self.clock()
        if self._began is not None:
            self._not_before = when + _REST * (when - self._began)
            self._began = None
        progress = self._reading.progress
        self.cost = progress.seconds if progress else None
        if same_memory(before, now):
            self.newest = changes(before, now)
            self.log.add(self.newest, before, now, when)
        elif before.identity is not None and now.identity is not None:
            self._owner.notify("another program runs in the process: the list of changes is new")
            self.log.clear()
        self.marks = self.log.marks(when)
        if self.on and now.end_status is Status.VANISHED:
            self._owner.notify(f"process {self._reading.pid} has exited: it is watched no more")
            self.stop()
        else:
            self._tell()

    def _unmark(self) -> None:
        """What one reading changed is old with the next."""
        if len(self.marks.kind):
            self.marks = NO_MARKS
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
