"""Which processes and threads the kernel stream shows, and what happens as they change."""

from __future__ import annotations

import os
import select
import subprocess
from typing import Final

import numpy as np
import pytest

from hpview.errors import NoMemoryMap, NoSuchProcess
from hpview.machine import aggregate
from hpview.stream.kernel import KernelBackend
from hpview.wire import (
    PAGE_SIZE,
    SLOT_PAGES,
    SLOT_SIZE,
    Kind,
    Records,
    RollupFlag,
    Status,
    VmaFlag,
    decode,
)
from tests.children import child
from tests.kernel_targets import (
    AREA,
    PRELUDE,
    area_vmas,
    drain,
    next_chunk,
    read_all,
)

pytest_plugins = ("tests.kernel_fixtures",)
pytestmark = pytest.mark.bpf


def test_mm_is_opaque(backend: KernelBackend) -> None:
    other = KernelBackend()
    with child("") as one, child("") as two:
        mms = [
            int(decode(read_all(backend, pid)).of(Kind.TASK)["mm"][0])
            for pid in (one.pid, two.pid, one.pid)
        ]
        elsewhere = int(decode(read_all(other, one.pid)).of(Kind.TASK)["mm"][0])
    other.close()
    assert mms[0] == mms[2] != mms[1]
    assert elsewhere != mms[0]  # no address: each load mixes in a key of its own


@pytest.mark.usefixtures("small_pieces")
def test_vma_changes_between_pieces(backend: KernelBackend) -> None:
    code = "area(20 * M, NOHUGEPAGE); [touch(i) for i in range(20)]"
    then = "check(libc.munmap(A, M)); print('cut', flush=True); signal.pause()"
    with child(PRELUDE + code, then=then) as target, backend.open(target.pid) as stream:
        data = b""
        while len(area_vmas(data)) < 3:
            data += next_chunk(stream)
        assert target.stdin is not None
        assert target.stdout is not None
        target.stdin.close()
        assert target.stdout.readline() == b"cut\n"
        data += drain(stream)
        vmas = area_vmas(data)
        fresh = vmas[vmas["start"] == AREA + SLOT_SIZE]
        assert not fresh["flags"][0] & VmaFlag.CONT
        assert not fresh["flags"][-1] & VmaFlag.MORE
        assert vmas["flags"][len(vmas) - len(fresh) - 1] & VmaFlag.MORE  # and no CONT follows
        assert fresh["pages_4k"].sum() == 19 * SLOT_PAGES
        assert decode(data).of(Kind.END)["status"][0] == Status.COMPLETE


@pytest.mark.usefixtures("small_pieces")
def test_exec_between_pieces(backend: KernelBackend) -> None:
    code = "area(20 * M, NOHUGEPAGE); [touch(i) for i in range(20)]"
    again = "import signal; print('again', flush=True); signal.pause()"
    then = f"os.execv(sys.executable, [sys.executable, '-c', {again!r}])"
    with child(PRELUDE + code, then=then) as target, backend.open(target.pid) as stream:
        data = b""
        while len(area_vmas(data)) < 3:
            data += next_chunk(stream)
        assert target.stdin is not None
        assert target.stdout is not None
        target.stdin.close()
        assert target.stdout.readline() == b"again\n"
        data += drain(stream)
    tasks = decode(data).of(Kind.TASK)
    assert len(tasks) == 2
    assert tasks["mm"][0] != tasks["mm"][1]
    assert tasks["tgid"][0] == tasks["tgid"][1]


@pytest.mark.usefixtures("small_pieces")
def test_exit_between_pieces(backend: KernelBackend) -> None:
    code = "area(20 * M, NOHUGEPAGE); [touch(i) for i in range(20)]"
    with child(PRELUDE + code) as target, backend.open(target.pid) as stream:
        data = b""
        while len(area_vmas(data)) < 3:
            data += next_chunk(stream)
        target.kill()
        target.wait()
        data += drain(stream)
        assert stream.read() == b""
    (end,) = decode(data).of(Kind.END)
    assert end["status"] == Status.VANISHED
    assert end["vmas"] == (decode(data).kinds == Kind.VMA).sum()


def test_nothing_to_open(backend: KernelBackend) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(NoSuchProcess):
        backend.open(gone.pid)
    with pytest.raises(NoMemoryMap, match="kernel thread"):
        backend.open(2)
    zombie = subprocess.Popen(["true"])
    poller = select.poll()
    pidfd = os.pidfd_open(zombie.pid)
    poller.register(pidfd, select.POLLIN)
    poller.poll()
    os.close(pidfd)
    with pytest.raises(NoMemoryMap, match="zombie"):
        backend.open(zombie.pid)
    zombie.wait()


ZOMBIE_LEADER: Final = """
def live(first):
    if first:
        while open('/proc/self/stat').read().rpartition(')')[2].split()[0] != 'Z':
            pass
        print('ready', flush=True)
    sys.stdin.read()
for i in range(3):
    threading.Thread(target=live, args=(i == 0,)).start()
libc.syscall(60, 0)
"""


def test_zombie_leader(backend: KernelBackend) -> None:
    with child(PRELUDE + ZOMBIE_LEADER) as target:
        chunk = decode(read_all(backend, target.pid))
        (task,) = chunk.of(Kind.TASK)
        assert task["tgid"] == target.pid
        assert task["tid"] != target.pid
        starts = chunk.of(Kind.VMA)["start"]
        assert len(np.unique(starts)) == len(starts)
        with backend.open_all() as stream:
            tasks = decode(drain(stream)).of(Kind.TASK)
        assert tasks["tgid"].tolist().count(target.pid) == 1


def test_thread_with_files_of_its_own(backend: KernelBackend) -> None:
    code = """
def live():
    check(libc.unshare(0x400))
    print('ready', flush=True)
    threading.Event().wait()
threading.Thread(target=live, daemon=True).start()
threading.Event().wait()
"""
    with child(PRELUDE + code) as target:
        chunk = decode(read_all(backend, target.pid))
        assert chunk.of(Kind.TASK)["tid"].tolist() == [target.pid]
        starts = chunk.of(Kind.VMA)["start"]
        assert len(np.unique(starts)) == len(starts)


def sums_of(data: bytes, pid: int) -> dict[str, int]:
    """The ROLLUP of a process."""
    tasks, rollups = aggregate(data)
    (rollup,) = rollups[tasks["tgid"] == pid]
    return {name: int(rollup[name]) for name in rollup.dtype.names or () if name != "reserved"}


def gap(vmas: Records) -> int:
    """Bytes of the small pages in large VMAs of memory: none of the target's files is one."""
    large = (vmas["ino"] == 0) & (vmas["end"] - vmas["start"] >= SLOT_SIZE)
    return int(vmas["pages_4k"][large].sum()) * PAGE_SIZE


def test_all_processes(backend: KernelBackend) -> None:
    code = "area(9 * M, HUGEPAGE); touch(0); touch(3); check(libc.madvise(A, 9 * K, 4))"
    with child(PRELUDE + code) as target:
        with backend.open_all() as stream:
            data = drain(stream)
        vmas = decode(read_all(backend, target.pid)).of(Kind.VMA)
    chunk = decode(data)
    tasks = chunk.of(Kind.TASK)
    assert chunk.kinds.tolist() == [Kind.TASK, Kind.ROLLUP] * len(tasks) + [Kind.END]
    assert {target.pid, os.getpid()} <= set(tasks["tgid"].tolist())
    assert len(np.unique(tasks["tgid"])) == len(tasks)
    assert tasks["tgid"].tolist() == sorted(tasks["tgid"].tolist())
    assert sums_of(data, target.pid) == {
        "kind": Kind.ROLLUP,
        "version": 1,
        "flags": RollupFlag.GAP,
        "vmas": len(vmas),
        "size": int((vmas["end"] - vmas["start"]).sum()),
        "bytes_4k": int(vmas["pages_4k"].sum()) * PAGE_SIZE,
        "bytes_2m": int(vmas["slots_2m"].sum()) * SLOT_SIZE,
        "bytes_1g": 0,
        "bytes_swap": 0,
        "bytes_gap": gap(vmas),
        "bytes_hugetlb": 0,
    }


def test_a_stream_given_up_leaves_nothing_to_the_next(backend: KernelBackend) -> None:
    for _ in range(3):
        with backend.open_all() as stream:
            next_chunk(stream, 64)
    with backend.open_all() as stream:
        chunk = decode(drain(stream))
    tgids = chunk.of(Kind.TASK)["tgid"].tolist()
    assert len(set(tgids)) == len(tgids)
    assert chunk.of(Kind.END)["tasks"].tolist() == [len(tgids)]


@pytest.mark.usefixtures("small_pieces")
def test_all_processes_in_pieces(backend: KernelBackend) -> None:
    with child(PRELUDE + "area(9 * M, NOHUGEPAGE); [touch(i) for i in range(9)]") as target:
        with backend.open_all() as stream:
            sums = sums_of(drain(stream), target.pid)
        vmas = decode(read_all(backend, target.pid)).of(Kind.VMA)
    assert sums["flags"] == RollupFlag.GAP
    assert sums["bytes_4k"] == int(vmas["pages_4k"].sum()) * PAGE_SIZE > 9 * SLOT_SIZE
    assert sums["vmas"] == np.count_nonzero((vmas["flags"] & VmaFlag.CONT) == 0)
