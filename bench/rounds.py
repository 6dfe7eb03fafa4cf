"""Measures taken in turn, round after round, so that noise hits all of them alike."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Measure:
    """Something to time.

    Attributes:
        name: As the table shows it.
        take: One pass, returns its seconds.
        rounds: Taken in so many rounds at most; 0: in all.
        warm: Taken once before the rounds, unless it always starts from nothing.
    """

    name: str
    take: Callable[[], float]
    rounds: int = 0
    warm: bool = True


@dataclass(slots=True)
class Samples:
    """Seconds by measure and round.

    Attributes:
        taken: One entry a round; None where the measure was left out.
        missing: Why a measure could not be taken.
    """

    taken: dict[str, list[float | None]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> list[float]:
        """The seconds of one measure, in the order of rounds."""
        return [value for value in self.taken.get(name, []) if value is not None]

    def median(self, name: str) -> float | None:
        """The median of one measure, None if there is none."""
        values = self.of(name)
        return median(values) if values else None

    def ratio(self, name: str, other: str) -> float | None:
        """The median over the rounds that have both of ``name / other``."""
        return middle([x / y for x, y in self._pairs(name, other)])

    def difference(self, name: str, other: str) -> float | None:
        """The median over the rounds that have both of ``name - other``."""
        return middle([x - y for x, y in self._pairs(name, other)])

    def derive(self, name: str, work: Callable[[float, float], float], *of: str) -> None:
        """Add a measure that follows, round by round, from two others."""
        first, second = of
        self.taken[name] = [
            None if x is None or y is None else work(x, y)
            for x, y in zip(self.taken[first], self.taken[second], strict=True)
        ]
        if not self.of(name):
            self.missing[name] = self.why(first, second)

    def why(self, *names: str) -> str:
        """Why a figure made of these could not be had."""
        reasons: dict[str, str] = {}
        for name in names:
            if not self.of(name):
                reasons.setdefault(self.missing.get(name, "not measured"), name)
        return "; ".join(f"{name}: {reason}" for reason, name in reasons.items())

    def _pairs(self, name: str, other: str) -> list[tuple[float, float]]:
        both = zip(self.taken.get(name, []), self.taken.get(other, []), strict=False)
        return [(x, y) for x, y in both if x is not None and y is not None]


def middle(values: Sequence[float]) -> float | None:
    """The median, None of nothing."""
    return median(values) if values else None


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes, without the collector of garbage running into it."""
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    finally:
        gc.enable()


def collect(
    measures: Sequence[Measure], rounds: int, say: Callable[[str], None] = lambda _: None
) -> Samples:
    """Take all measures in turn. One that fails is left out from then on, with its reason.

    One round alone is a trial, for which nothing is warmed up.

    Args:
        measures: In the order of a round.
        rounds: How many.
        say: Told how far it is.
    """
    samples = Samples({measure.name: [] for measure in measures})
    for number in range(-1 if rounds > 1 else 0, rounds):
        say(f"round {number + 1} of {rounds}" if number >= 0 else "warming up")
        for measure in measures:
            skipped = number >= (measure.rounds or rounds) or (number < 0 and not measure.warm)
            value = None
            if not skipped and measure.name not in samples.missing:
                try:
                    value = measure.take()
                except BenchError as err:
                    samples.missing[measure.name] = str(err)
            if number >= 0:
                samples.taken[measure.name].append(value)
    return samples
