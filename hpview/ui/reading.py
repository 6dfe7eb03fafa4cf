"""One process being read for the screens that show it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.worker import get_current_worker

from hpview import loader
from hpview.control import END, Control
from hpview.errors import AccessDenied
from hpview.readlog import Log
from hpview.space.address_space import AddressSpace
from hpview.text import printable
from hpview.wire import Source, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from hpview.errors import HpviewError
    from hpview.services import Readers

READ_GROUP: Final = "read"
"""Of the workers that read a process."""

_MAX_RELOADS: Final = 3


def _nothing(*_: object) -> None:
    """What somebody does who did not ask to be told."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Observer:
    """Whom a ``Reading`` tells; everything is called on the thread of the app.

    Attributes:
        grew: There is more to see in ``Reading.space``, or another one in its place.
        progressed: A batch came, be it empty; or reading failed.
        done: The end was reached, with the address space known before and the one known now.
    """

    grew: Callable[[], None] = _nothing
    progressed: Callable[[], None] = _nothing
    done: Callable[[AddressSpace, AddressSpace], None] = _nothing


class Reading:
    """Reads a process in the background, again and again if need be.

    The thread belongs to the screen given, ends with it, and tells it of failures
    (``Worker.StateChanged``).

    Not built on ``textual.signal``: that one swallows what a subscriber raises.

    Attributes:
        pid: The process.
        space: What is known of it, as it may be shown.
        progress: How far ``space`` was read; None before the first batch.
        log: The reads of the newest reading; begins anew when it does.
        control: Steers the newest attempt; each has its own, so that one given up cannot
            take what is meant for the next.
        number: Of the newest reading; 0 before the first.
        reloads: How often the newest reading began anew by itself.
        problem: Why there is no more to see, printable, or "".
        busy: The newest reading has not ended.
        compared: What the newest one changed is to be shown, watched or not.
    """

    def __init__(self, owner: Screen[None], readers: Readers, pid: int) -> None:
        self.pid = pid
        self.space = AddressSpace()
        self.progress: loader.Progress | None = None
        self.log = Log()
        self.control = Control()
        self.number = 0
        self.reloads = 0
        self.problem = ""
        self.busy = False
        self.compared = False
        self._owner = owner
        self._readers = readers
        self._observers: list[Observer] = []
        self._token = 0
        self._goal = 0
        self._quiet = False
        self._before = self.space
        self._begun_with = Source.NONE
        self._coming = self.space
        """What is being filled: ``space`` itself once there is something newer to show."""

    def subscribe(self, observer: Observer) -> None:
        """Tell somebody from now on; whoever goes away calls ``unsubscribe``."""
        self._observers.append(observer)

    def unsubscribe(self, observer: Observer) -> None:
        """Tell somebody no more."""
        self._observers.remove(observer)

    def begin(self, *, quiet: bool = False, compared: bool = False) -> None:
        """Read from the beginning.

        What is shown stays until there is something newer.

        Args:
            quiet: Show nothing of it before all of it was read; not begun at all while
                another reading is under way.
            compared: Somebody wants to see what it changed.
        """
        if quiet and self.busy:
            return
        self.compared = compared
        self.number += 1
        self.reloads = 0
        self._goal = 0
        self._quiet = quiet
        self._before = self.space
        if not quiet:
            self.progress = None
        self._start()

    @property
    def paused(self) -> bool:
        """Nothing is read until ``go`` or ``step``."""
        return self.control.paused

    @property
    def held(self) -> bool:
        """Paused, and the last read before that is in the log."""
        progress = self.progress
        return self.busy and self.control.resting and progress is not None and progress.paused

    def pause(self) -> None:
        """Read no more for now; the stream stays open."""
        self.control.pause()
        self._tell_progress()

    def go(self) -> None:
        """Read on to the end."""
        self._move()
        self.control.go()
        self._tell_progress()

    def _move(self) -> None:
        """It is not paused any more, until a batch says so."""
        if self.progress is not None:
            self.progress = replace(self.progress, paused=False)

    def hold(self) -> None:
        """Begin anew and pause before the first read."""
        self.control.pause()
        self.begin()
        self._tell_progress()

    def step(self) -> None:
        """Read one chunk and pause: of a new reading if none is being shown as it comes."""
        if not self.busy or self._quiet:
            self.hold()
        self._move()
        self.control.step()
        self._tell_progress()

    def resize(self, size: int) -> None:
        """Let each read ask for so many bytes from now on."""
        self.control.size = size
        self._tell_progress()

    def hurry(self, address: int = END) -> None:
        """Read on to an address, or to the end, without giving way in between."""
        if self.busy:
            self._goal = max(self._goal, address)
            self.control.hurry(address)
            if self.progress is not None:
                self.progress = replace(self.progress, toward=self._goal)
            self._tell_progress()

    @property
    def partial(self) -> bool:
        """What is shown is the beginning, and more is to come."""
        return self.busy and self.space is self._coming

    def fail(self, error: HpviewError) -> None:
        """Note that reading came to nothing."""
        self.problem = printable(str(error))
        self._end()
        self._tell_progress()

    def _start(self) -> None:
        self._token += 1
        self.log = Log()
        former = self.control
        self.control = Control(former.size, paused=former.paused, toward=self._goal)
        self._coming = AddressSpace()
        self._begun_with = Source.NONE
        self.problem = ""
        self.busy = True
        self._owner.run_worker(
            partial(self._read, self._token, self.control),
            thread=True,
            exclusive=True,
            group=READ_GROUP,
            exit_on_error=False,
            description="Reading a process",
        )

    def _read(self, token: int, control: Control) -> None:
        worker = get_current_worker()
        batches = loader.load(
            partial(self._readers.open, self.pid),
            partial(self._readers.facts, self.pid),
            control=control,
        )
        told: loader.Progress | None = None
        try:
            for batch in batches:
                if worker.is_cancelled:
                    return
                if batch.progress == told:
                    continue
                told = batch.progress
                # Blocks until the batch is drawn: a fast stream cannot starve the keys.
                self._owner.app.call_from_thread(self.take, token, batch)
                if worker.is_cancelled:
                    return
        finally:
            batches.close()

    def take(self, token: int, batch: loader.Batch) -> None:
        """Take what one step of loading brought, unless a newer one has begun.

        Args:
            token: Of the attempt that brought it.
            batch: What it brought.

        Raises:
            AccessDenied: It was the last batch, and nothing of the process may be read.
            CorruptStream: The records contradict each other.
        """
        if token != self._token or not self._owner.is_running:
            return
        coming = self._coming
        grown = self._feed(batch)
        if self._begun_with is Source.NONE:
            self._begun_with = coming.source
        self.log.add(batch.reads)
        done = batch.progress.done
        again = self._wants_again(done)
        if done and coming.end_status is Status.PERMISSION and not len(coming.vmas):
            raise AccessDenied(self.pid, "the kernel shows nothing of it")
        ripe = done and not again if self._quiet else done or bool(batch.data)
        if ripe and self.space is not coming:
            self.space = coming
            grown = True
        if ripe or not self._quiet:
            self.progress = batch.progress
        if done and not again:
            self._end()
        if grown and self.space is coming:
            self._tell_grown()
        self._tell_progress()
        if again:
            self._read_again()
        elif done:
            self._tell_done()

    def _feed(self, batch: loader.Batch) -> bool:
        """Whether there is more to see now."""
        coming = self._coming
        before = coming.version
        for data in batch.data:
            coming.feed(data)
        if batch.facts is not None:
            coming.set_names(batch.facts.starts, batch.facts.mappings)
        return coming.version != before

    def _tell_grown(self) -> None:
        for observer in tuple(self._observers):
            observer.grew()

    def _tell_progress(self) -> None:
        for observer in tuple(self._observers):
            observer.progressed()

    def _wants_again(self, done: bool) -> bool:
        coming = self._coming
        wrong = bool(coming.execs) or (done and coming.partial > 0)
        return wrong and self.reloads < _MAX_RELOADS

    def _read_again(self) -> None:
        self.reloads += 1
        if not self._quiet:
            what = "ran another program" if self._coming.execs else "changed before all was read"
            if self._coming.source is not self._begun_with:
                what = f"is read from {self._coming.source.label} now"
            self._owner.notify(f"process {self.pid} {what}: reading it again")
        self._start()

    def _end(self) -> None:
        """The next reading runs by itself: one that was stepped to its end is over."""
        self.busy = False
        self.control.go()

    def _tell_done(self) -> None:
        before, self._before = self._before, self.space
        for observer in tuple(self._observers):
            observer.done(before, self.space)
