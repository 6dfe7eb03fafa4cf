"""What the machine screen has read so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hpview.host.counters import History
from hpview.host.delays import Delays
from hpview.host.unread import Unread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hpview.host.delays import TaskDelays
    from hpview.host.ledger import Ledger
    from hpview.host.sample import Sample
    from hpview.machine import Process, Snapshot

LENGTH: Final = 120
"""How many rates of each counter are kept."""


@dataclass(slots=True)
class Seen:
    """None is what was not read yet.

    Attributes:
        sample: Settings, counters and free memory.
        before: The sample before that.
        history: The counters of the last samples.
        rates: Of the last two samples, per second.
        ledger: Of hugetlb.
        snapshot: The processes.
        delays: What they waited for.
        waits: By pid, how much of each second they waited for compaction and for lost pages
            between the last two times they were asked, in nanoseconds; without those that were
            not asked both times.
    """

    sample: Sample | None = None
    before: Sample | None = None
    history: History = field(default_factory=lambda: History(LENGTH))
    rates: Mapping[str, float | None] = field(default_factory=dict)
    ledger: Ledger | None = None
    snapshot: Snapshot | Unread | None = None
    delays: Delays | Unread | None = None
    waits: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    _asked: float = 0.0

    def take_sample(self, sample: Sample) -> None:
        """A new sample; one without counters leaves a gap in the history."""
        self.before, self.sample = self.sample, sample
        if not isinstance(sample.counters, Unread):
            self.history.add(sample.counters)
            self.rates = self.history.latest()
        else:
            self.rates = {}

    def take_delays(self, delays: Delays | Unread, now: float) -> None:
        """New delays.

        Args:
            delays: Of all processes.
            now: Seconds of a clock that never goes back.
        """
        before, since = self.delays, now - self._asked
        self.delays, self._asked = delays, now
        self.waits = {}
        if isinstance(before, Delays) and isinstance(delays, Delays):
            self.waits = _paces(before, delays, since)

    def value(self, name: str) -> int | None:
        """A counter now; None where there is none."""
        if self.sample is None or isinstance(self.sample.counters, Unread):
            return None
        return self.sample.counters.values.get(name)

    @property
    def processes(self) -> Sequence[Process]:
        """Those of the snapshot; () while there is none."""
        if self.snapshot is None or isinstance(self.snapshot, Unread):
            return ()
        return self.snapshot.processes


def _paces(before: Delays, now: Delays, seconds: float) -> dict[int, tuple[float, float]]:
    """How fast compaction and thrashing went up, by pid."""
    old = {task.pid: task for task in before.tasks}
    out = {}
    for task in now.tasks:
        if task.pid not in old or seconds <= 0:
            continue
        grown = [new - was for new, was in zip(_totals(task), _totals(old[task.pid]), strict=True)]
        if min(grown) >= 0:  # else the pid is another process's by now
            out[task.pid] = grown[0] / seconds, grown[1] / seconds
    return out


def _totals(task: TaskDelays) -> tuple[int, int]:
    compaction, thrashing = task.compaction, task.thrashing
    return (compaction.total if compaction else 0, thrashing.total if thrashing else 0)
