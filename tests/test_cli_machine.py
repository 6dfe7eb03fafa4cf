"""``hpview machine`` and ``hpview numa``, as they are typed, on the live machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hpview.cli import main
from tests.children import child
from tests.machine_report import cells, section
from tests.ordinary import ordinary

if TYPE_CHECKING:
    from typing import Any


def run(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hpview", *arguments, "--format", "json"],
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_live_machine() -> None:
    found = run("machine", "--seconds", "0.2")
    assert found["schema"] == "hpview.machine/1"
    assert found["rates"]["thp_fault_alloc"] >= 0
    assert found["by_user"]
    if os.geteuid() == 0:
        assert set(found["unread"]) <= {"hugetlb_cgroups"}


def test_the_live_nodes_of_a_process() -> None:
    with child("x = bytearray(3 << 20)") as process_:
        found = run("numa", str(process_.pid), "--small")
    assert found["pid"] == process_.pid
    assert sum(node["bytes_4k"] + node["bytes_2m"] for node in found["nodes"]) >= 3 << 20


@pytest.mark.parametrize("word", ["0", "-1", "nan", "soon", "inf", "1e9", "\u0661"])
def test_a_wrong_number_of_seconds(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["machine", "--seconds", word])
    assert "is not a number of seconds" in capsys.readouterr().err


def test_no_nodes_of_a_process_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert main(["numa", str(gone.pid)]) == 1
    assert f"no process {gone.pid}" in capsys.readouterr().err


@pytest.mark.root
def test_an_ordinary_user_sees_what_it_may_and_what_is_missing() -> None:
    through, python = ordinary()
    done = subprocess.run(
        [*through, python, "-W", "error", "-m", "hpview", "machine"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(section(lines, "SETTINGS")) > 5
    assert len(section(lines, "COUNTED SINCE BOOT")) > 20
    missing = "/proc/pagetypeinfo: permission denied; run as root"
    assert missing in "\n".join(section(lines, "FREE MEMORY"))
    assert "CAP_NET_ADMIN" in section(lines, "WAITS FOR MEMORY")[0]
    users = section(lines, "BY USER")
    assert any(cells(line)[0] == "root" and "?" in cells(line) for line in users)
    assert any("may not be read" in line for line in users)
