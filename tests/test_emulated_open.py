"""What can be opened and what is refused, and processes whose threads are not alike."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hpview import wire
from hpview.errors import HpviewError, NoMemoryMap, NoSuchProcess, NotAProcess
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.task import is_zombie, threads
from hpview.stream.emulated import ProcfsBackend
from hpview.wire import Kind, Status
from tests.children import child
from tests.paged import ROOT
from tests.test_emulated import EVERY, after_first, drain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.features import Features

# A leader that ends like pthread_exit(), at once or for a byte, while two threads live on.
DEAD_LEADER = """
import ctypes, os, sys, threading
threading.Thread(target=threading.Event().wait).start()
threading.Thread(target=threading.Event().wait).start()
print("ready", flush=True)
if sys.argv[1:]:
    os.read(0, 1)
ctypes.CDLL(None).syscall(60, 0)
"""

UNSHARED = """
import ctypes, threading
ready = threading.Event()
def own_files():
    assert not ctypes.CDLL(None).unshare(0x400)
    ready.set()
    threading.Event().wait()
threading.Thread(target=own_files, daemon=True).start()
ready.wait()
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


@contextmanager
def leader(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", DEAD_LEADER, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def await_death(pid: int) -> None:
    """Return once the leader is a zombie."""
    while not is_zombie(pid, pid):
        os.sched_yield()


def whole(pid: int, features: Features) -> wire.Chunk:
    with ProcfsBackend(features).open(pid) as stream:
        return wire.decode(drain(stream))


def test_no_process_of_that_number() -> None:
    last = int((PROC / "sys/kernel/pid_max").read_text())
    with pytest.raises(NoSuchProcess):
        ProcfsBackend().open(last + 1)


def test_a_kernel_thread() -> None:
    if "kthreadd" not in (PROC / "2/stat").read_text():
        pytest.skip("pid 2 is no kernel thread in this pid namespace")
    with pytest.raises(NoMemoryMap, match="kernel thread"):
        ProcfsBackend().open(2)


def test_a_zombie() -> None:
    with child("") as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(NoMemoryMap, match="zombie"):
            ProcfsBackend().open(process.pid)


def test_a_thread_is_no_process() -> None:
    done, tids = threading.Event(), []
    started = threading.Barrier(2)

    def run() -> None:
        tids.append(threading.get_native_id())
        started.wait()
        done.wait()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        started.wait()
        with pytest.raises(NotAProcess) as caught:
            ProcfsBackend().open(tids[0])
        assert (caught.value.tid, caught.value.tgid) == (tids[0], os.getpid())
    finally:
        done.set()
        thread.join()


AS_NOBODY = """
import ctypes, os, sys
from hpview import wire
from hpview.errors import HpviewError
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from tests.test_emulated import drain
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
best = Features.probe()
for pid in (int(sys.argv[1]), os.getpid()):
    for scan in {best.scan, False}:
        try:
            features = Features(best.query, scan, best.kpageflags)
            with ProcfsBackend(features).open(pid) as stream:
                end = wire.decode(drain(stream)).of(wire.Kind.END)[0]
            print(features.source.name, wire.Status(int(end["status"])).name, end["vmas"] > 5)
        except HpviewError as err:
            print(type(err).__name__, err)
with ProcfsBackend().open_all() as stream:
    chunk = wire.decode(drain(stream))
    tgids = chunk.of(wire.Kind.TASK)["tgid"].tolist()
    print(os.getpid() in tgids, int(sys.argv[1]) in tgids)
"""


@pytest.mark.root
def test_another_user_reads_its_own_processes_and_is_told_that_others_are_not() -> None:
    with child("") as process:
        out = subprocess.run(
            [sys.executable, "-W", "error", "-c", AS_NOBODY, str(process.pid)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    denied = f"AccessDenied process {process.pid} may not be read: run as its user or as root"
    scans = 1 + any(f.scan for f in EVERY)
    assert out[:scans] == [denied] * scans
    own = ["SMAPS COMPLETE True", "PAGEMAP_SCAN COMPLETE True"]
    assert sorted(out[scans:-1]) == sorted(own[:scans])
    assert out[-1] == "True False"


def check_lent(chunk: wire.Chunk, pid: int) -> None:
    """The last TASK is the first live thread, and all VMAs follow it."""
    first = threads(pid)[1]
    task = chunk.of(Kind.TASK)
    assert (int(task["tgid"][-1]), int(task["tid"][-1])) == (pid, first)
    vmas = chunk.of(Kind.VMA)[chunk.positions(Kind.VMA) > chunk.positions(Kind.TASK)[-1]]
    assert vmas["start"].tolist() == [m.start for m in read_maps(first, PROC / f"{pid}/task")]
    assert chunk.of(Kind.END)["status"].tolist() == [Status.COMPLETE]


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_the_first_live_thread_of_a_dead_leader_lends_its_mm(features: Features) -> None:
    with leader() as process:
        await_death(process.pid)
        chunk = whole(process.pid, features)
        check_lent(chunk, process.pid)
    assert len(chunk.of(Kind.TASK)) == 1


def test_a_dead_leader_is_among_all_processes() -> None:
    with leader() as process:
        await_death(process.pid)
        with ProcfsBackend().open_all() as stream:
            tasks = wire.decode(drain(stream)).of(Kind.TASK)
    assert process.pid in tasks["tgid"]


def test_also_when_the_leader_dies_in_mid_read() -> None:
    with leader("wait") as process, after_first(process) as stream:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
        await_death(process.pid)
        chunk = wire.decode(drain(stream))
        check_lent(chunk, process.pid)
        mm = chunk.of(Kind.TASK)["mm"].tolist()
        assert mm == [1]


@pytest.mark.parametrize("size", [64, 32768])
@pytest.mark.parametrize("features", EVERY, ids=str)
def test_a_thread_with_files_of_its_own_is_not_shown_again(features: Features, size: int) -> None:
    with child(UNSHARED) as process:
        assert len(threads(process.pid)) == 3
        with ProcfsBackend(features).open(process.pid) as stream:
            chunk = wire.decode(drain(stream, size))
        maps = read_maps(process.pid)
    assert chunk.of(Kind.TASK)["tid"].tolist() == [process.pid]
    assert chunk.of(Kind.VMA)["start"].tolist() == [m.start for m in maps]


def test_refusals_leave_no_descriptor_open() -> None:
    with child("") as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        backend = ProcfsBackend()
        before = sorted(os.listdir("/proc/self/fd"))
        for pid in (process.pid, 2, 1 << 30):
            with pytest.raises(HpviewError):
                backend.open(pid)
        assert sorted(os.listdir("/proc/self/fd")) == before
