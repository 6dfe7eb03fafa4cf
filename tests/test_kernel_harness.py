"""What boots kernels, without booting one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tests.kernels import packages
from tests.kernels.boot import Outcome, take
from tests.kernels.machines import CHECKS, MACHINES, SUITES, TOO_LONG
from tests.kernels.table import Line, check, render

if TYPE_CHECKING:
    from tests.kernels.packages import Image

ROOT = Path(__file__).parent.parent


def report(
    nodeid: str,
    outcome: Literal["passed", "failed", "skipped"],
    when: Literal["setup", "call", "teardown"] = "call",
) -> pytest.TestReport:
    why = ("", 1, "Skipped: BTF") if outcome == "skipped" else None
    return pytest.TestReport(nodeid, ("", None, ""), {}, outcome, why, when)


def test_every_check_is_there() -> None:
    for nodeid in (*TOO_LONG, *(test for tests in CHECKS.values() for test in tests)):
        path, _, function = nodeid.partition("::")
        assert f"def {function}" in (ROOT / path).read_text()


def test_every_machine_is_of_a_kernel_that_is_fetched_and_runs_checks_that_exist() -> None:
    assert {machine.kernel for machine in MACHINES} == set(SUITES)
    assert len({str(machine) for machine in MACHINES}) == len(MACHINES)
    assert {check for machine in MACHINES for check in machine.variant.checks} == set(CHECKS)


def test_the_table_counts_tests_once_and_shows_what_failed_or_was_not_run() -> None:
    line = Line("6.1", "6.1.0-50")
    (streams,), (numa,), (modes, reasons) = CHECKS["streams"], CHECKS["numa"], CHECKS["reasons"]
    line.add(
        [
            report(f"{streams}::one", "passed", "setup"),
            report(f"{streams}::one", "passed"),
            report(f"{streams}::one", "failed", "teardown"),
            report(f"{streams}::two[a::b]", "passed"),
            report(f"{numa}::three", "skipped", "setup"),
            report(f"{modes}::four", "passed"),
            report(f"{reasons}::five", "skipped", "setup"),
        ]
    )
    assert render([line, Line("5.10", "")]) == [
        "kernel  release    streams  numa  reasons",
        "6.1     6.1.0-50  1 FAILED     -        1",
        "5.10",
        "6.1 has not: BTF",
    ]
    assert check(f"{streams}::two[a::b]") == "streams"


def test_what_a_guest_says_may_be_cut_anywhere() -> None:
    said = [{"machine": {"release": "6.1"}}, {"start": "a"}, {"report": {"x": 1}}, {"exit": 0}]
    lines = [json.dumps(line) for line in said]
    whole = Outcome(Path())
    for line in lines:
        take(whole, line)
    assert (whole.release, whole.running, whole.reports, whole.status) == (
        "6.1",
        "a",
        [{"x": 1}],
        0,
    )
    for line in lines:
        for end in range(len(line)):
            cut = Outcome(Path())
            take(cut, line[:end])
            assert cut == Outcome(Path())


@pytest.mark.parametrize("status", [None, *pytest.ExitCode])
def test_a_guest_that_ran_no_test_has_not_passed(status: int | None) -> None:
    good = status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert Outcome(Path(), status=status).ran == good


def test_kernels_found_last_are_taken_while_the_archive_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "images" / "7.2-cloud_7.2.13-1"
    (place / "boot").mkdir(parents=True)
    for name in ("vmlinuz-7.2-cloud", "config-7.2-cloud"):
        (place / "boot" / name).touch()
    monkeypatch.setattr(packages, "FOUND", tmp_path / "found.json")
    monkeypatch.setattr(packages, "FRESH", -1)
    monkeypatch.setattr(packages, "check_tools", lambda: None)
    monkeypatch.setattr(packages, "ask", unanswered)
    with pytest.raises(packages.NoKernels, match="no answer"):
        packages.fetch({"newest": "sid"})
    packages.FOUND.write_text(json.dumps({"sid": str(place)}))
    (image,) = packages.fetch({"newest": "sid"}).values()
    assert (image.release, image.version) == ("7.2-cloud", "7.2.13-1")
    assert image.vmlinuz == place / "boot/vmlinuz-7.2-cloud"


def unanswered(_suites: dict[str, str]) -> dict[str, Image]:
    raise packages.NoKernels("no answer")
