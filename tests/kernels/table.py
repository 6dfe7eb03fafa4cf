"""One table of what ran where: a line for each machine, a column for each kind of check."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.kernels.machines import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest


@dataclass
class Line:
    """What came of one machine's checks."""

    name: str
    release: str
    checks: dict[str, Counter[str]] = field(default_factory=dict)
    """Tests by outcome ("passed", "failed", "skipped"), by the name of their module."""

    lacks: set[str] = field(default_factory=set)
    """Why tests were skipped."""

    def add(self, reports: Iterable[pytest.TestReport]) -> None:
        """Count a test once: as its call came out, unless it came to none, or failed beside it."""
        worst: dict[str, str] = {}
        for report in reports:
            if report.when == "call" or not report.passed:
                worst[report.nodeid] = report.outcome
            if report.skipped and isinstance(report.longrepr, tuple):
                self.lacks.add(report.longrepr[2].removeprefix("Skipped: "))
        for nodeid, outcome in worst.items():
            self.checks.setdefault(check(nodeid), Counter())[outcome] += 1


def check(nodeid: str) -> str:
    """The kind of check that a test is of."""
    module = nodeid.partition("::")[0]
    return next(name for name, tests in CHECKS.items() if module in tests)


def render(lines: Sequence[Line]) -> list[str]:
    """The table: in each place how many passed, or what did not; below, why some were skipped."""
    checks = list(dict.fromkeys(name for line in lines for name in line.checks))
    rows = [("kernel", "release", *checks)]
    rows += [
        (line.name, line.release, *(_cell(line.checks.get(name)) for name in checks))
        for line in lines
    ]
    notes = [f"{line.name} has not: {reason}" for line in lines for reason in sorted(line.lacks)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            text.ljust(width) if i < 2 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [*table, *notes]


def _cell(counts: Counter[str] | None) -> str:
    if counts is None:
        return ""
    if counts["failed"]:
        return f"{counts['failed']} FAILED"
    return str(counts["passed"]) if counts["passed"] else "-"
