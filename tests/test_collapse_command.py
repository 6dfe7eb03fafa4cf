"""hpview collapse: what is asked, done, printed and returned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hpview import assembly
from hpview.acting.target import Target
from hpview.cli import main
from hpview.commands.common import why_not_act
from tests.children import child
from tests.kernel_targets import AREA, PRELUDE
from tests.test_cli import run

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.root
M = 2 << 20
CODE = PRELUDE + (
    "area(6 * M)\nfor i in range(3): touch(i)\ntouch(3, 100)\n"
    "check(libc.madvise(A + M, M, NOHUGEPAGE))\n"
)


@pytest.fixture
def pid() -> Iterator[str]:
    with child(CODE) as process:
        yield str(process.pid)


def test_it_tells_before_and_after(pid: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 slot to be made huge" in out
    assert f"process_madvise(pidfd, {{0x{AREA:x}, 2 MiB}}, MADV_COLLAPSE)" in out
    assert "1 of 1 slot is huge now (0 before), no change in resident" in out
    assert main(["collapse", pid, f"0x{AREA + 4096:x}", "--yes"]) == 0
    assert capsys.readouterr().out == f"{AREA:x}: it is huge already\n"


def test_one_vma_that_refuses_does_not_stop_the_others(
    pid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collapse", pid, f"{AREA:x}-{AREA + 4 * M:x}", "--yes"]) == 1
    out = capsys.readouterr().out
    assert "the kernel may refuse: the program asked for no huge pages here" in out
    assert "0 of 1 slot is huge now" in out
    assert "1 failed: EINVAL: the program asked for no huge pages here (MADV_NOHUGEPAGE)" in out
    assert "2 of 2 slots are huge now (0 before), +1.6 MiB resident" in out
    assert out.count("costs: blocks of 2 MiB") == 1


def test_slots_with_nothing_in_them_are_not_huge(
    pid: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collapse", pid, f"{AREA + 4 * M:x}-{AREA + 6 * M:x}", "--yes"]) == 1
    assert "no memory here yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (f"{AREA + 1:x}-{AREA + M - 1:x}", "no whole 2 MiB slot"),
        (f"{AREA + (1 << 40):x}", "nothing is mapped there"),
        ("7fffffffffffffff", "nothing is mapped there"),
        ("0", "nothing is mapped there"),
        ("0-7fffffffffffffff", "no whole 2 MiB slot"),
    ],
)
def test_ranges_in_which_not_all_can_be_done(
    pid: str, span: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collapse", pid, span, "--yes"]) == 1
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "span",
    ["", "-", "x", "1-", "-1", "5-5", "5-4", "1-2-3", "1-zz", "8000000000000000", "\x1b[31m"],
)
def test_ranges_that_are_none(span: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["collapse", "1", "--", span])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert "hpview collapse: error: argument START-END|ADDRESS" in err
    assert "\x1b" not in err


def test_without_a_terminal_it_takes_yes(pid: str) -> None:
    done = run("collapse", pid, f"{AREA:x}")
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr == b"hpview: there is no terminal to ask on: --yes does it without asking\n"
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 0


@pytest.mark.parametrize(("typed", "status"), [(b"y\n", 0), (b"\n", 1), (b"no\n", 1), (b"\x04", 1)])
def test_it_asks_on_a_terminal(pid: str, typed: bytes, status: int) -> None:
    outer, inner = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "hpview", "collapse", pid, f"{AREA:x}"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
    ) as process:
        os.close(inner)
        told = b""
        while b"[y/N]" not in told:
            told += os.read(outer, 4096)
        os.write(outer, typed)
        assert process.wait() == status
    os.close(outer)


@pytest.mark.parametrize("arguments", [["4194303"], ["2"]])
def test_processes_of_which_there_is_no_memory(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collapse", *arguments, "0", "--yes"]) == 1
    assert capsys.readouterr().err.startswith("hpview: ")


def test_it_may_be_turned_off(
    pid: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--read-only", "collapse", pid, f"{AREA:x}", "--yes"]) == 1
    assert capsys.readouterr().err == (
        "hpview: nothing may be collapsed: hpview was started with --read-only\n"
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "hpview").mkdir()
    (tmp_path / "hpview/config.toml").write_text("read_only = true\n")
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 1
    assert "read_only = true" in capsys.readouterr().err
    (tmp_path / "hpview/config.toml").write_text("read_only = ")
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 1
    assert "could not be read" in capsys.readouterr().err
    (tmp_path / "hpview/config.toml").write_text("read_only = false\n")
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 0


@pytest.mark.parametrize(
    ("words", "read_only"),
    [
        (["--read-only"], True),
        (["--read-only", "--backend", "procfs", "4127"], True),
        (["view", "--read-only"], True),
        (["view", "4127", "--read-only"], True),
        (["demo", "--read-only"], True),
        (["--read-only", "demo"], True),
        (["4127"], False),
        (["demo"], False),
    ],
)
def test_the_app_may_be_told_to_change_nothing(
    words: list[str], read_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []

    def note(args: Namespace) -> int:
        reasons.append(why_not_act(args))
        return 0

    for name in ("view", "demo"):
        monkeypatch.setattr(f"hpview.commands.{name}", note)
    assert main(words) == 0
    assert reasons == ["hpview was started with --read-only" if read_only else ""]


def test_services_act_only_where_nothing_speaks_against_it() -> None:
    with closing(assembly.services("procfs", no_act="why")) as services:
        assert (services.act, services.no_act) == (None, "why")
    with closing(assembly.services("procfs", no_act="")) as services:
        assert (services.act, services.no_act) == (Target, "")


def test_breaking_it_off_tells_what_was_done(
    pid: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_self: Target, _slots: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Target, "collapse", broken)
    # What a shell starts in the background ignores SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    out = capsys.readouterr().out
    assert "0 of 1 slot is huge now" in out
    assert "1 not tried: it was stopped" in out


def test_without_the_right_it_says_so_first(
    pid: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Target, "refusal", lambda _self: "it takes CAP_SYS_NICE")
    assert main(["collapse", pid, f"{AREA:x}", "--yes"]) == 1
    told = capsys.readouterr()
    assert told.err == f"hpview: process {pid}: it takes CAP_SYS_NICE\n"
    assert told.out == ""
