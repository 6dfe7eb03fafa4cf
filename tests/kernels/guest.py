"""Runs within a booted kernel: pytest, whose reports leave by the second serial port."""

from __future__ import annotations

import json
import os
import termios
import tty
from pathlib import Path
from typing import IO, Final

import pytest

from tests.kernels.machines import CHECKS, TOO_LONG

ASKED: Final = "hpview.checks="
"""The kernel hands words it does not know to init, but leaves those with a dot to modules."""

PORT: Final = Path("/dev/ttyS1")
STUCK: Final = 180
"""Seconds after which the console shows where a test is."""

ROUNDS: Final = "10"
"""Of the streams in lock-step: one with each seed."""


class Reporting:
    """Writes a line of JSON for each thing that happens."""

    def __init__(self, port: IO[str]) -> None:
        self._port = port
        self._config: pytest.Config | None = None

    def tell(self, what: str, value: object) -> None:
        """One line, at once: the machine may stop any time."""
        self._port.write(json.dumps({what: value}) + "\n")
        self._port.flush()

    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tell("start", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._report(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._report(report)

    def _report(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        assert self._config is not None
        self.tell(
            "report",
            self._config.hook.pytest_report_to_serializable(config=self._config, report=report),
        )


def asked() -> list[str]:
    """The checks that the kernel's command line names; all where it names none."""
    words = Path("/proc/cmdline").read_text("ascii").split()
    named = [word.partition("=")[2] for word in words if word.startswith(ASKED)]
    return named[0].split(",") if named else list(CHECKS)


def main() -> None:
    """Tell what machine this is, run the tests, tell how pytest ended."""
    with PORT.open("w") as port:
        tty.setraw(port.fileno(), termios.TCSANOW)
        reporting = Reporting(port)
        reporting.tell("machine", {"release": os.uname().release, "processors": os.cpu_count()})
        os.environ["HPVIEW_LOCKSTEP_ROUNDS"] = ROUNDS
        tests = [test for name in asked() for test in CHECKS[name]]
        left_out = [f"--deselect={test}" for test in TOO_LONG]
        options = ["-p", "no:cacheprovider", "--color=no", "--tb=short"]
        options += ["-o", f"faulthandler_timeout={STUCK}"]
        status = pytest.main([*options, *left_out, *tests], plugins=[reporting])
        reporting.tell("exit", int(status))
        termios.tcdrain(port)


if __name__ == "__main__":
    main()
