"""What every part of a run is given."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.processes import Reader, run
from bench.rounds import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from bench.build import Programs
    from bench.engine import Engine
    from bench.report import Report

PARTS = ("a", "b", "c", "stall", "memory", "growth", "ui")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        rounds: Of every part; the stall repeats fewer times.
        scale: Of every size, 1 for the sizes that the limits are stated for.
        parts: Of ``PARTS``.
        thpmaps: The kernel's tools/mm/thpmaps, if it is to be measured.
    """

    rounds: int
    scale: float
    parts: frozenset[str]
    thpmaps: Path | None = None


@dataclass(slots=True)
class Context:
    """A run.

    Attributes:
        options: What was asked for.
        programs: The C programs.
        engines: hpview's backends by name.
        missing: Why a backend is not there, by name.
        report: Where everything goes.
        say: Tells the user how far it is.
        cleanup: What closes when the run ends.
        probes: Profiles by key, run at the end for figures that were missed.
    """

    options: Options
    programs: Programs
    engines: dict[str, Engine]
    missing: dict[str, str]
    report: Report
    say: Callable[[str], None]
    cleanup: ExitStack
    probes: dict[str, Callable[[], str]] = field(default_factory=dict)

    def engine(self, name: str) -> Engine:
        """A backend.

        Raises:
            BenchError: It cannot be used here.
        """
        if name not in self.engines:
            raise BenchError(self.missing.get(name, f"no {name}"))
        return self.engines[name]

    def by(self, name: str, take: Callable[[Engine], float]) -> Callable[[], float]:
        """A measure's ``take`` over a backend that may not be there."""
        return lambda: take(self.engine(name))

    def reader(self, name: str, program: str, *arguments: str) -> Measure:
        """A measure by a C program that is kept waiting between the rounds."""
        opened: list[Reader] = []

        def take() -> float:
            if program == "floor" and self.programs.no_floor:
                raise BenchError(self.programs.no_floor)
            if not opened:
                opened.append(Reader([self.programs.path(program), *arguments]))
                self.cleanup.callback(opened[0].close)
            return opened[0].seconds()

        return Measure(name, take)

    def command(self, name: str, command: Sequence[str], rounds: int = 0) -> Measure:
        """A measure of a whole command, from its start to its end."""
        return Measure(name, lambda: run(self.programs, command).seconds, rounds, warm=False)


def hpview(*arguments: str) -> list[str]:
    """The command line of the hpview that is measured."""
    return [sys.executable, "-m", "hpview", *arguments]
