"""Reports on made-up machines, and their text taken apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hpview.export.machine import Report
from hpview.host.ledger import read_ledger
from hpview.host.sample import read_sample
from hpview.host.unread import Unread
from hpview.machine import Snapshot
from hpview.wire import Source
from tests import fake_host, host_tree
from tests.fake_machine import machine as processes

if TYPE_CHECKING:
    from tests.fakeproc import FakeProc

SNAPSHOT = Snapshot(processes(), Source.BPF, 0.038, 1)


def report_of(tree: FakeProc, seconds: int = 0) -> Report:
    """Read the tree twice, and as if so many seconds had passed in between."""
    before = read_sample(tree.proc, tree.sys)
    assert not isinstance(before.counters, Unread)
    sample = before
    if seconds:
        host_tree.tick(tree, seconds)
        sample = read_sample(tree.proc, tree.sys)
        assert not isinstance(sample.counters, Unread)
        object.__setattr__(sample.counters, "time", before.counters.time + seconds)
    ledger = read_ledger(root=tree.proc, sysfs=tree.sys)
    return Report(sample, before if seconds else None, ledger, fake_host.DELAYS, SNAPSHOT)


def faked(**changes: object) -> Report:
    parts: dict[str, object] = {
        "sample": fake_host.SAMPLES[2],
        "before": fake_host.SAMPLES[0],
        "ledger": fake_host.LEDGER,
        "delays": fake_host.DELAYS,
        "snapshot": SNAPSHOT,
    }
    return Report(**{**parts, **changes})  # type: ignore[arg-type]


def section(lines: list[str], title: str) -> list[str]:
    """The lines below a title."""
    at = next(i for i, line in enumerate(lines) if line.startswith(title))
    rest = lines[at + 1 :]
    end = next((i for i, line in enumerate(rest) if re.match(r"[A-Z]", line)), len(rest))
    return rest[:end]


def cells(line: str) -> list[str]:
    """Columns are two blanks or more apart; digits are grouped by one."""
    return re.split(r"  +", line.strip())
