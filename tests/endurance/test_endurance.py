"""Watching a process on a machine that does not hold still: ten minutes, or a few seconds.

``make test-endurance`` lets it take HPVIEW_ENDURANCE_SECONDS; the bounds of growth and of time
are held then. Without that it is a few seconds, which show that all goes well and that the
numbers at the end are right.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any, Final

import pytest

from tests.endurance.churn import churning

SECONDS: Final = float(os.environ.get("HPVIEW_ENDURANCE_SECONDS", "0"))
SHORT: Final = 4.0
MINUTE: Final = 60.0

MIB: Final = 1 << 20

MOST_GROWTH: Final = 32 * MIB
"""Of the memory that is the app's alone, from the first minute to the last. What grows by design
is bounded: 10,000 reads of the log, 20,000 changes, Textual's caches of 1,024 widgets and more.
Measured: 5 to 30, in steps, when something is done for the first time."""

MOST_BLOCKS: Final = 0.15
"""By which share more blocks of memory Python's objects may have in the last minute than in the
first: those of Textual's caches, which are of 1,024 entries each."""

MOST_DESCRIPTORS: Final = 6
"""More at rest than at the first sample: two more loaded programs, two each, because the list, a
process and its pages may be read at once, and a log of events."""

MOST_THREADS: Final = 12
"""Python's default for threads of work on this many processors (os.cpu_count() + 4), and some that
pyroute2 and Textual have of their own."""

LONGEST_KEY: Final = 0.5
"""Seconds of its own (``Stopwatch``) that the app may take to answer a key and to draw."""

USUAL_KEY: Final = 0.1
"""The same, for 99 of 100 keys."""


@pytest.mark.root
@pytest.mark.bpf
def test_the_app_endures(capsys: pytest.CaptureFixture[str]) -> None:
    """Both backends at once, over the same process."""
    with churning() as churn:
        apps = {name: _started(name, churn.pid) for name in ("bpf", "procfs")}
        try:
            used = {name: _told(app) for name, app in apps.items()}
            churn.still()
            for app in apps.values():
                assert app.stdin is not None
                app.stdin.write("\n")
                app.stdin.flush()
            ended = {name: _told(app) for name, app in apps.items()}
            assert [app.wait() for app in apps.values()] == [0, 0]
        finally:
            for app in apps.values():
                app.kill()
                app.communicate()
    assert {name: told["differences"] for name, told in ended.items()} == {"bpf": [], "procfs": []}
    for name, told in used.items():
        samples = told["samples"]
        assert samples[-1]["descriptors"] <= samples[0]["descriptors"] + MOST_DESCRIPTORS
        assert max(sample["threads"] for sample in samples) <= MOST_THREADS
        if SECONDS:
            with capsys.disabled():
                print(f"\n{name}: {_report(told)}")
        if SECONDS >= 3 * MINUTE:
            _assert_steady(told)


def _started(backend: str, pid: int) -> subprocess.Popen[str]:
    seconds = str(SECONDS or SHORT)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.app", backend, str(pid), seconds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _told(app: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line; what went wrong stands on standard error."""
    assert app.stdout is not None
    line = app.stdout.readline()
    assert line, "the app ended before its time"
    found: dict[str, Any] = json.loads(line)
    return found


def _assert_steady(told: dict[str, Any]) -> None:
    first, last = _minutes(told)
    assert _median(last, "uss") - _median(first, "uss") <= MOST_GROWTH
    assert _median(last, "blocks") <= (1 + MOST_BLOCKS) * _median(first, "blocks")
    own = sorted(key[0] for key in told["keys"])
    assert own[-1] <= LONGEST_KEY, max(told["keys"])
    assert own[int(0.99 * len(own))] <= USUAL_KEY


def _minutes(told: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The samples of the second minute, when all was visited once, and of the last."""
    samples = told["samples"]
    end = samples[-1]["at"]
    first = [sample for sample in samples if MINUTE / 2 <= sample["at"] < 3 * MINUTE / 2]
    return first, [sample for sample in samples if sample["at"] >= end - MINUTE]


def _median(samples: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(sample[name] for sample in samples))


def _report(told: dict[str, Any]) -> str:
    """Growth and keys in one line."""
    own = sorted(key[0] for key in told["keys"])
    samples = told["samples"]
    if samples[-1]["at"] >= 3 * MINUTE:
        first, last = _minutes(told)
    else:
        first, last = samples[:1], samples[-1:]
    grown = ", ".join(
        f"{name} {_median(first, name) / unit:.1f} to {_median(last, name) / unit:.1f}{words}"
        for name, unit, words in (
            ("uss", MIB, " MiB"),
            ("rss", MIB, " MiB"),
            ("descriptors", 1, ""),
            ("bpf", 1, ""),
            ("threads", 1, ""),
            ("blocks", 1000, " thousand"),
            ("tasks", 1, ""),
        )
    )
    middle, most = own[len(own) // 2], own[int(0.99 * len(own))]
    return (
        f"{grown}; {len(own)} keys, own time p50 {middle * 1000:.0f}, p99 {most * 1000:.0f}, "
        f"max {own[-1] * 1000:.0f} ms, by the clock max {max(k[1] for k in told['keys']):.2f} s"
    )
