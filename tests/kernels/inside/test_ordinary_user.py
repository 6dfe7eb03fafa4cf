"""Who is not root: the own processes are read, those of others refused in words."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from hpview.in_force import release
from hpview.stream.features import Features
from hpview.wire import Source
from tests.children import child
from tests.kernel_targets import AREA, PRELUDE
from tests.ordinary import NOBODY, ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.root

_TARGET: Final = PRELUDE + "area(4 * M, NOHUGEPAGE); touch(0); touch(2, 7)"
_OWN: Final = (
    _TARGET
    + f"""
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
libc.prctl(4, 1, 0, 0, 0)
"""
)
"""PR_SET_DUMPABLE: else the files of one that changed its user stay root's."""


def hpview(*arguments: str) -> subprocess.CompletedProcess[str]:
    through, python = ordinary()
    return subprocess.run(
        [*through, python, "-m", "hpview", *arguments], capture_output=True, text=True, check=False
    )


@contextmanager
def target(code: str) -> Iterator[int]:
    with child(code) as process:
        yield process.pid


def expected() -> Source:
    """kpageflags is root's alone."""
    return Source.PAGEMAP_SCAN if Features.probe().scan else Source.SMAPS


def test_own_process() -> None:
    with target(_OWN) as pid:
        done = hpview("scan", str(pid), "--format", "json")
    assert done.returncode == 0, done.stderr
    scanned = json.loads(done.stdout)
    assert (scanned["source"], scanned["complete"]) == (expected().label, True)
    (vma,) = [vma for vma in scanned["vmas"] if int(vma["start"], 16) == AREA]
    assert (vma["bytes_2m"], vma["bytes_4k"]) == (0, (512 + 7) * 4096)
    assert [(run["backing"], run["present"]) for run in vma["runs"]] == [("4k", 512), ("4k", 7)]
    assert scanned["notices"]


def test_process_of_another_user() -> None:
    with target(_TARGET) as pid:
        done = hpview("scan", str(pid))
    assert done.returncode == 1
    assert f"process {pid} may not be read: run as its user or as root" in done.stderr
    assert "Traceback" not in done.stderr


def test_list_says_which_cannot_be_read() -> None:
    with target(_OWN) as own, target(_TARGET) as other:
        done = hpview("ps", "--format", "json")
    assert done.returncode == 0, done.stderr
    listed = {process["pid"]: process for process in json.loads(done.stdout)["processes"]}
    assert listed[own]["bytes_4k"] > (512 + 7) * 4096
    assert listed[other]["bytes_4k"] is None


def test_doctor_names_what_root_would_add() -> None:
    done = hpview("doctor")
    assert done.returncode == 0, done.stderr
    assert f"user {NOBODY} lacks" in done.stdout
    assert done.stdout.splitlines()[-1] == f"source that will be used: {expected().label}"
    assert "would change it: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or run as root" in done.stdout
    (events,) = [line for line in done.stdout.splitlines() if " process events " in line]
    # Who may listen was everybody's right from then on (bfdfdc2f3b79).
    assert ("its event came" in events) == (release(os.uname().release) >= (6, 6))
