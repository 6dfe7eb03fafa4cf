from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.errors import NoSuchProcess
from hpview.particulars import TURNS, Particulars, Register
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

STATUS = "Name:\tx\nTgid:\t{pid}\nPPid:\t{ppid}\nUid:\t0\t{uid}\t0\t0\n"
NOBODY_KNOWS = 3_999_999_999


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def add(fake: FakeProc, pid: int, ppid: int = 1, uid: int = NOBODY_KNOWS, **files: bytes) -> None:
    if not (fake.proc / str(pid)).exists():
        fake.add_process(pid)
    status = STATUS.format(pid=pid, ppid=ppid, uid=uid)
    for name, content in {"status": status.encode(), **files}.items():
        (fake.proc / str(pid) / name).write_bytes(content)


def test_this_process() -> None:
    register = Register()
    found = register.read(os.getpid())
    assert found.ppid == os.getppid()
    assert found.cgroup.startswith("/")
    assert "python" in register.cmdline(os.getpid())


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"0::/user.slice/a:b\n", "/user.slice/a:b"),
        (b"9:name=systemd:/\n4:cpu,memory:/jobs/7\n0::/\n", "/jobs/7"),
        (b"9:name=systemd:/x\n0::/unified\n", "/unified"),
        (b"0::/\xff\x1b\n", "/\udcff\x1b"),
        (b"", ""),
        (b"nonsense\n", ""),
    ],
)
def test_the_cgroup_is_the_one_that_memory_is_charged_to(
    fake: FakeProc, content: bytes, path: str
) -> None:
    add(fake, 7, cgroup=content)
    assert Register(fake.proc).read(7) == Particulars(str(NOBODY_KNOWS), 1, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"a\0b c\0", "a b c"), (b"title\0\0\0\0", "title"), (b"", ""), (b"\xfe\0", "\udcfe")],
)
def test_command_lines(fake: FakeProc, content: bytes, words: str) -> None:
    add(fake, 7, cmdline=content)
    assert Register(fake.proc).cmdline(7) == words


def test_who_is_gone(fake: FakeProc) -> None:
    register = Register(fake.proc)
    with pytest.raises(NoSuchProcess):
        register.of(7, 1, {7})
    assert register.cmdline(7) == ""


def test_what_was_read_is_remembered_until_its_turn(fake: FakeProc) -> None:
    register = Register(fake.proc)
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
    register = Register(fake.proc)
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
    register = Register(fake.proc)
    add(fake, 9)
    register.of(9, 1, {1, 9})
    add(fake, 9, ppid=2)
    register.begin()
    register.begin()
    assert register.of(9, 1, {1, 2, 9}).ppid == 2
