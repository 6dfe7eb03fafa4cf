"""What keeps a list of processes true: snapshots now and then, events in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from textual import work
from textual.worker import get_current_worker

from hpview.bursts import bursts
from hpview.census import Census
from hpview.events import EventsUnavailable
from hpview.machine import Stopped
from hpview.ui.screens.base import HpviewScreen

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.worker import Worker

    from hpview.census import Changes
    from hpview.machine import Snapshot
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs

_LISTENING: Final = "events"
"""The group of the worker that hears of processes."""


class LiveScreen(HpviewScreen):
    """Reads all processes while it is on top; hears of them all the time.

    Attributes:
        services: Where everything comes from.
        settings: What the user chose.
        snapshot: The last one.
        census: The processes there are now.
        live: Events come in.
        polled_because: Why none will, or "".
    """

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings) -> None:
        super().__init__(glyphs)
        self.services = services
        self.settings = settings
        self.snapshot: Snapshot | None = None
        self.census = Census()
        self.live = False
        self.polled_because = ""
        self._reader: Worker[None] | None = None
        self._not_before = 0.0
        self._timer: Timer | None = None

    def show_census(self) -> None:
        """Draw what there is now."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Begin to refresh."""
        self.settings_changed()

    def settings_changed(self) -> None:
        """Refresh as often as the user chose."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(self.settings.refresh, self._tick)

    def on_screen_resume(self) -> None:
        """Refresh at once when the list comes back to the top."""
        if self.snapshot is not None:
            self.show_census()
        self.action_read()

    @property
    def shows_data(self) -> bool:
        """There is a list, if an old one."""
        return self.snapshot is not None

    @property
    def at_rest(self) -> bool:
        """Listening never ends."""
        own = (worker for worker in self.app.workers if worker.node is self)
        return all(w.is_finished or (w.group == _LISTENING and self.live) for w in own)

    def _tick(self) -> None:
        """Refresh, but spend no more than a tenth of the time on it."""
        if time.monotonic() >= self._not_before:
            self.action_read()

    def action_read(self) -> None:
        """Take a snapshot unless one is being taken or nobody sees it."""
        if self.is_active and self._reader is None:
            self.census.begin()
            self._reader = self._read()

    @work(
        thread=True,
        exclusive=True,
        group="snapshot",
        exit_on_error=False,
        description="Reading all processes",
    )
    def _read(self) -> None:
        worker = get_current_worker()
        try:
            snapshot = self.services.snapshot(lambda: worker.is_cancelled)
        except Stopped:
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self._take, snapshot)

    @work(thread=True, group=_LISTENING, exit_on_error=False, description="Listening for processes")
    def _listen(self) -> None:
        worker = get_current_worker()
        try:
            events = self.services.events()
        except EventsUnavailable as err:
            if not worker.is_cancelled:
                self.app.call_from_thread(self._not_live, err.reason)
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self._is_live)
        for changes in bursts(events, self.services.glance, lambda: worker.is_cancelled):
            self.app.call_from_thread(self._apply, changes)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Allow the next snapshot after one that failed; the base class tells the failure."""
        if event.worker is self._reader and event.worker.is_finished:
            self._reader = None
            self.census.give_up()
        super().on_worker_state_changed(event)

    def _take(self, snapshot: Snapshot) -> None:
        first = self.snapshot is None
        self._reader = None
        self.snapshot = snapshot
        self._not_before = time.monotonic() + 9 * snapshot.seconds
        self.census.take(snapshot.processes)
        self.show_census()
        if first:
            self._listen()
            self.post_message(self.Settled())

    def _apply(self, changes: Changes) -> None:
        """Show what happened since the snapshot."""
        if self.census.apply(changes) and self.is_active:
            self.show_census()
        if changes.lost:
            self.action_read()

    def _is_live(self) -> None:
        self.live = True
        self.show_census()

    def _not_live(self, reason: str) -> None:
        self.polled_because = reason
        self.show_census()
