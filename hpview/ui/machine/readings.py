"""Reads for the machine screen, in threads: a sample again and again, the dear parts seldom."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.worker import get_current_worker

from hpview.errors import HpviewError
from hpview.host.unread import Unread
from hpview.machine import Stopped
from hpview.ui.machine.sections import Source
from hpview.ui.machine.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from textual.screen import Screen
    from textual.worker import Worker

    from hpview.services import Services

SAMPLE: Final = "a sample"
LEDGER: Final = "the ledger"
PROCESSES: Final = "the processes"
"""What one thread reads; it is also the name of its worker's group."""

SELDOM: Final = {SAMPLE: 0.0, LEDGER: 5.0, PROCESSES: 5.0}
"""Seconds that lie between two readings at least."""

_SHARE: Final = 9
"""So many times as long as a reading took nothing is read: a tenth of the time at most."""


class Readings:
    """Keeps ``Seen`` supplied.

    Attributes:
        seen: What was read.
        costs: Seconds that the last reading took, by the names above.

    Args:
        owner: The screen; its threads end with it.
        services: What reads.
        told: Called on the thread of the app after each delivery.
    """

    def __init__(self, owner: Screen[None], services: Services, told: Callable[[], None]) -> None:
        self.seen = Seen()
        self.costs: dict[str, float] = {}
        self._owner = owner
        self._services = services
        self._told = told
        self._workers: dict[str, Worker[None]] = {}
        self._not_before: dict[str, float] = {}
        self._taken: dict[str, float] = {}

    def look(self, wanted: Collection[Source], *, now: bool = False) -> None:
        """Read what is due and not being read.

        Args:
            wanted: What is shown beside the sample.
            now: Whether or not it is due.
        """
        self._start(SAMPLE, self._read_sample, now=now)
        if Source.LEDGER in wanted:
            self._start(LEDGER, self._read_ledger, now=now)
        if Source.PROCESSES in wanted:
            delays = Source.DELAYS in wanted
            missing = delays and self.seen.delays is None
            read = partial(self._read_processes, delays=delays)
            self._start(PROCESSES, read, now=now or missing)

    def age(self, needs: Collection[Source]) -> float:
        """Seconds since what a section needs was read; 0 where that is not known."""
        name = LEDGER if Source.LEDGER in needs else PROCESSES if needs else SAMPLE
        return time.monotonic() - self._taken[name] if name in self._taken else 0.0

    def is_reading(self, name: str) -> bool:
        """Whether a thread is at it."""
        worker = self._workers.get(name)
        return worker is not None and not worker.is_finished

    def _start(self, name: str, read: Callable[[], None], *, now: bool) -> None:
        due = now or time.monotonic() >= self._not_before.get(name, 0.0)
        if due and not self.is_reading(name):
            self._workers[name] = self._owner.run_worker(
                read, group=name, description=f"Reading {name}", exit_on_error=False, thread=True
            )

    def _read_sample(self) -> None:
        sample = self._services.host()
        self._deliver(SAMPLE, sample.seconds, partial(self.seen.take_sample, sample))

    def _read_ledger(self) -> None:
        worker = get_current_worker()
        try:
            ledger = self._services.ledger(lambda: worker.is_cancelled)
        except Stopped:
            return
        self._deliver(LEDGER, ledger.seconds, partial(setattr, self.seen, "ledger", ledger))

    def _read_processes(self, *, delays: bool) -> None:
        worker = get_current_worker()
        began = time.perf_counter()
        try:
            snapshot = self._services.snapshot(lambda: worker.is_cancelled)
        except Stopped:
            return
        except HpviewError as err:
            unread = Unread("processes", str(err))
            took = time.perf_counter() - began
            self._deliver(PROCESSES, took, partial(setattr, self.seen, "snapshot", unread))
            return
        taken = partial(setattr, self.seen, "snapshot", snapshot)
        self._deliver(PROCESSES, snapshot.seconds, taken)
        if delays and not worker.is_cancelled:
            found = self._services.delays([process.pid for process in snapshot.processes])
            asking = 0.0 if isinstance(found, Unread) else found.seconds
            took, now = snapshot.seconds + asking, time.monotonic()
            self._deliver(PROCESSES, took, lambda: self.seen.take_delays(found, now))

    def _deliver(self, name: str, seconds: float, take: Callable[[], None]) -> None:
        if not get_current_worker().is_cancelled:
            self._owner.app.call_from_thread(self._take, name, seconds, take)

    def _take(self, name: str, seconds: float, take: Callable[[], None]) -> None:
        self.costs[name] = seconds
        self._taken[name] = time.monotonic()
        self._not_before[name] = self._taken[name] + max(SELDOM[name], _SHARE * seconds)
        take()
        self._told()
