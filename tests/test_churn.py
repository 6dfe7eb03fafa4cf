"""All processes read again and again while others are born, exec, unshare and die."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hpview.machine import Machine, aggregate
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RECORD_SIZE, Kind, decode
from tests.children import child
from tests.compare import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.machine import Snapshot
    from hpview.stream.base import Backend

SECONDS: Final = float(os.environ.get("HPVIEW_CHURN_SECONDS", "1"))

CHURN: Final = """
import ctypes, os, signal, threading
libc = ctypes.CDLL(None)

def outlive():
    while open('/proc/self/stat').read().rpartition(')')[2].split()[0] != 'Z':
        pass
    os._exit(0)

def unshare():
    libc.unshare(0x400)

def in_thread(work, *, leave=False):
    thread = threading.Thread(target=work)
    thread.start()
    if leave:
        libc.syscall(60, 0)
    thread.join()

KINDS = [
    lambda: None,
    lambda: os.execv('/bin/true', ['true']),
    lambda: in_thread(unshare),
    lambda: in_thread(outlive, leave=True),
    lambda: os.kill(os.getpid(), signal.SIGKILL),
]

def churn():
    while True:
        born = []
        for kind in KINDS:
            pid = os.fork()
            if not pid:
                kind()
                os._exit(0)
            born.append(pid)
        for pid in born:
            os.waitpid(pid, 0)

if not os.fork():
    # Ends with its parent: prctl(PR_SET_PDEATHSIG)
    libc.prctl(1, signal.SIGKILL)
    churn()
"""

EXECS: Final = {"AGAIN": 'exec sh -c "$AGAIN"'}
"""A shell that becomes another shell, for ever."""


@contextmanager
def churning() -> Iterator[None]:
    shell = subprocess.Popen(["sh", "-c", EXECS["AGAIN"]], env={**os.environ, **EXECS})
    try:
        with child(CHURN):
            yield
    finally:
        shell.kill()
        shell.wait()


def one_pass(backend: Backend) -> bytes:
    """All records; whatever a read raises but EAGAIN fails the test."""
    parts = []
    with backend.open_all() as stream:
        while (data := read(stream)) != b"":
            parts.append(data or b"")
    return b"".join(parts)


def assert_sound(data: bytes, lasting: set[int]) -> None:
    chunk = decode(data)
    assert chunk.positions(Kind.END).tolist() == [len(chunk.kinds) - 1]
    seen = chunk.of(Kind.TASK)["tgid"].tolist()
    assert {pid: seen.count(pid) for pid in lasting} == dict.fromkeys(lasting, 1)
    tasks, rollups = aggregate(data)
    assert len(set(tasks["tgid"].tolist())) == len(tasks) == len(rollups)
    whole = rollups[rollups["flags"] == 0]
    resident = whole["bytes_4k"] + whole["bytes_2m"] + whole["bytes_1g"]
    assert (resident <= whole["size"]).all()
    assert (rollups["vmas"][rollups["flags"] == 0] > 0).all()


def assert_sound_snapshot(snapshot: Snapshot, lasting: set[int]) -> None:
    seen = [process.pid for process in snapshot.processes]
    assert seen == sorted(set(seen))
    assert lasting <= set(seen)
    for process in snapshot.processes:
        sizes = (process.bytes_2m, process.bytes_1g, process.bytes_4k, process.vmas)
        assert all(size is None or size >= 0 for size in sizes)
        assert process.resident >= 0
        assert process.bytes_swap >= 0


@pytest.mark.parametrize("name", [pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def test_churn_is_read_again_and_again(name: str) -> None:
    backend: Backend = KernelBackend() if name == "bpf" else ProcfsBackend()
    machine = Machine(backend)
    with child("") as still:
        lasting = {os.getpid(), still.pid}
        machine.snapshot()
        before = sorted(os.listdir("/proc/self/fd"))
        passes = 0
        with churning():
            end = time.monotonic() + SECONDS
            while passes < 2 or time.monotonic() < end:
                assert_sound(one_pass(backend), lasting)
                assert_sound_snapshot(machine.snapshot(), lasting)
                passes += 1
        assert sorted(os.listdir("/proc/self/fd")) == before
    backend.close()


@pytest.mark.root
@pytest.mark.parametrize("name", [pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def test_nothing_comes_behind_the_trailer_whoever_is_born(name: str) -> None:
    """The iterator itself would go on with pids above the last one at a further read(2)."""
    backend: Backend = KernelBackend() if name == "bpf" else ProcfsBackend()
    with backend.open_all() as stream:
        data = b""
        while data[-RECORD_SIZE:][:1] != bytes([Kind.END]):
            data = read(stream) or data
        last = max(int(pid) for pid in os.listdir("/proc") if pid.isdecimal())
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(last))
        with child(""), child(""):
            assert stream.read() == b""
    backend.close()
