"""Boots the kernels; each test that ran in there appears as a test of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernels.machines import MACHINES, Machine
from tests.kernels.table import Line

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tests.kernels.boot import Outcome


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_boots_and_runs_to_the_end(
    machine: Machine,
    booted: dict[Machine, Future[Outcome]],
    lines: list[Line],
    pytestconfig: pytest.Config,
) -> None:
    outcome = booted[machine].result()
    reports = [
        pytestconfig.hook.pytest_report_from_serializable(config=pytestconfig, data=data)
        for data in outcome.reports
    ]
    tests = [report for report in reports if isinstance(report, pytest.TestReport)]
    for report in tests:
        if isinstance(report.longrepr, list):
            # JSON has no tuples, and pytest folds skips of the same place by theirs.
            report.longrepr = tuple(report.longrepr)
    line = Line(str(machine), outcome.release)
    line.add(tests)
    lines.append(line)
    for report in tests:
        report.nodeid = f"{machine}: {report.nodeid}"
        pytestconfig.hook.pytest_runtest_logreport(report=report)
    uncollected = [r.longreprtext for r in reports if isinstance(r, pytest.CollectReport)]
    assert not uncollected, "\n".join(uncollected)
    if not outcome.ran:
        ended = "stopped" if outcome.status is None else f"pytest ended with {outcome.status}"
        why = "took too long" if outcome.timed_out else ended
        pytest.fail(
            f"{why} in {outcome.running or 'start-up'}; {outcome.log} ends:\n{outcome.console()}",
            pytrace=False,
        )
    assert line.lacks == machine.lacks
