from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil
import pytest

from hpview.errors import NoSuchProcess
from hpview.particulars import TURNS, Register
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

NOBODY_KNOWS = 3_999_999_999
STATUS = f"Name:\tx\nUid:\t0\t{NOBODY_KNOWS}\t0\t0\n"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProc:
    fake = FakeProc(tmp_path)
    fake.write_proc("stat", "btime 1\n")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(fake.proc))
    return fake


def add(fake: FakeProc, pid: int, ppid: int = 1, **files: bytes) -> None:
    """Add a process, or change one."""
    directory = fake.proc / str(pid)
    if not directory.exists():
        fake.add_process(pid, status=STATUS.encode())
    fields = (directory / "stat").read_bytes().split()
    fields[3] = str(ppid).encode()
    for name, content in {"stat": b" ".join(fields), **files}.items():
        (directory / name).write_bytes(content)


def test_this_process() -> None:
    found = Register().read(os.getpid())
    assert found.ppid == os.getppid()
    assert found.cgroup.startswith("/")
    assert "python" in found.cmdline()


def test_the_user_is_the_effective_one(fake: FakeProc) -> None:
    add(fake, 7, cgroup=b"0::/x\n")
    assert Register().read(7)[:3] == (str(NOBODY_KNOWS), 1, "/x")


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"0::/user.slice/a:b\n", "/user.slice/a:b"),
        (b"9:name=systemd:/\n4:cpu,memory:/jobs/7\n0::/\n", "/jobs/7"),
        (b"9:name=systemd:/x\n0::/unified\n", "/unified"),
        (b"0::/\xff\x1b\n", "/\udcff\x1b"),
        (b"", ""),
        (b"nonsense\n", ""),
        (None, ""),
    ],
)
def test_the_cgroup_is_the_one_that_memory_is_charged_to(
    fake: FakeProc, content: bytes | None, path: str
) -> None:
    files = {} if content is None else {"cgroup": content}
    add(fake, 7, 1, **files)
    assert Register().read(7).cgroup == path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\0b c\0", "a b c"),
        (b"title\0\0\0\0", "title"),
        (b"one title of words", "one title of words"),
        (b"", ""),
        (b"\xfe\0", "\udcfe"),
    ],
)
def test_command_lines(fake: FakeProc, content: bytes, words: str) -> None:
    add(fake, 7, cmdline=content)
    assert Register().read(7).cmdline() == words


def test_who_is_gone(fake: FakeProc) -> None:
    register = Register()
    with pytest.raises(NoSuchProcess):
        register.of(7, 1, {7})
    add(fake, 7, cmdline=b"a")
    found = register.of(7, 1, {7})
    shutil.rmtree(fake.proc / "7")
    assert found.cmdline() == ""


def test_what_was_read_is_remembered_until_its_turn(fake: FakeProc) -> None:
    register = Register()
    alive = {1, 2, 7}
    add(fake, 7, ppid=1)
    register.begin()
    assert register.of(7, 1, alive).ppid == 1
    add(fake, 7, ppid=2)
    seen = []
    for _ in range(TURNS):
        register.begin()
        seen.append(register.of(7, 1, alive).ppid)
    assert seen[0] == 1
    assert seen[-1] == 2
    assert seen == sorted(seen)


def test_a_reused_pid_and_a_dead_parent_are_read_at_once(fake: FakeProc) -> None:
    register = Register()
    add(fake, 8, ppid=5)
    register.begin()
    register.begin()
    assert register.of(8, 1, {5, 8}).ppid == 5
    add(fake, 8, ppid=1)
    register.begin()
    assert register.of(8, 1, {5, 8}).ppid == 5
    assert register.of(8, 1, {1, 8}).ppid == 1
    add(fake, 8, ppid=5)
    assert register.of(8, 2, {1, 5, 8}).ppid == 5


def test_who_was_not_in_the_last_snapshot_is_forgotten(fake: FakeProc) -> None:
    register = Register()
    add(fake, 9)
    register.of(9, 1, {1, 9})
    add(fake, 9, ppid=2)
    register.begin()
    register.begin()
    assert register.of(9, 1, {1, 2, 9}).ppid == 2
