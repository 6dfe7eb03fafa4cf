"""What a run found: figures with their limits, raw times, notes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.rounds import Samples


class Bound(StrEnum):
    """How a figure is held against its limit."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    UNDER = "under"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        what: The figure.
        value: As measured; None if it could not be.
        unit: Behind the value.
        bound: What the limit is.
        limit: The value it must reach; None for what is only told.
        remark: How it was measured, or why it was not.
        probe: Key of the profile that tells where the time goes if it is missed.
    """

    what: str
    value: float | None
    unit: str
    bound: Bound = Bound.AT_MOST
    limit: float | None = None
    remark: str = ""
    probe: str = ""

    @property
    def reached(self) -> bool | None:
        """None without a value or a limit."""
        if self.value is None or self.limit is None:
            return None
        match self.bound:
            case Bound.AT_MOST:
                return self.value <= self.limit
            case Bound.AT_LEAST:
                return self.value >= self.limit
            case Bound.UNDER:
                return self.value < self.limit


@dataclass(frozen=True, slots=True)
class Time:
    """Raw times of one measure in one part, seconds.

    Attributes:
        part: The part of the run.
        what: The measure.
        median: None if it could not be taken.
        least: The fastest round.
        most: The slowest round.
        count: Rounds.
        remark: Why it could not be taken.
    """

    part: str
    what: str
    median: float | None
    least: float
    most: float
    count: int
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long mmap+munmap took in the target while something read it, seconds.

    Attributes:
        reader: What read.
        count: Samples of all repeats.
        p50: Medians over the repeats, as all that follow.
        p99: 99 of 100 were faster.
        p999: 999 of 1000 were faster.
        worst: The median of the worst.
        least_worst: The best repeat's worst.
        most_worst: The worst of all.
    """

    reader: str
    count: int
    p50: float
    p99: float
    p999: float
    worst: float
    least_worst: float
    most_worst: float


@dataclass(slots=True)
class Report:
    """Everything found so far.

    Attributes:
        header: Machine and versions, by name.
        figures: With limits and without.
        times: Raw.
        waits: Of the stall.
        notes: What is odd about this run.
        profiles: Title and text, of the figures that were missed.
    """

    header: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    profiles: dict[str, str] = field(default_factory=dict)

    def add_times(self, part: str, samples: Samples) -> None:
        """Take over all measures of one part."""
        for name in samples.taken:
            values = samples.of(name)
            least, most = (min(values), max(values)) if values else (0.0, 0.0)
            why = samples.missing.get(name, "")
            self.times.append(Time(part, name, samples.median(name), least, most, len(values), why))

    def ratio(
        self,
        what: str,
        samples: Samples,
        over: str,
        under: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        remark: str = "",
        probe: str = "",
    ) -> None:
        """Add the figure ``over / under``, which tells why if it could not be had."""
        value = samples.ratio(over, under)
        if value is None:
            remark = samples.why(over, under)
        bound, limit = (
            (Bound.AT_LEAST, at_least) if at_least is not None else (Bound.AT_MOST, at_most)
        )
        self.figures.append(Figure(what, value, "x", bound, limit, remark, probe))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = asdict(self)
        for figure, plain in zip(self.figures, found["figures"], strict=True):
            plain["reached"] = figure.reached
        return found
