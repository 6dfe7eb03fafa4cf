"""The protocol of the kernel stream: sizes, pieces, order, descriptors, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hpview.errors import BackendUnavailable
from hpview.space.address_space import AddressSpace
from hpview.stream import loaded
from hpview.stream.kernel import KernelBackend
from hpview.wire import (
    PAGE_SIZE,
    RECORD_SIZE,
    Backing,
    Kind,
    Source,
    Status,
    VmaFlag,
    decode,
)
from tests.children import child
from tests.kernel_targets import (
    PRELUDE,
    area_runs,
    area_vmas,
    assert_like_smaps,
    drain,
    next_chunk,
    read_all,
)

pytest_plugins = ("tests.kernel_fixtures",)
pytestmark = pytest.mark.bpf


def test_more_runs_than_a_buffer(backend: KernelBackend) -> None:
    code = "area(1200 * M, NOHUGEPAGE); [touch(i, i % 5) for i in range(1200)]"
    with child(PRELUDE + code) as target:
        data = read_all(backend, target.pid)
        assert_like_smaps(data, target.pid)
    assert area_runs(data) == [(i, 1, Backing.PTE_4K, i % 5, 0, 0, 0) for i in range(1200) if i % 5]
    flags = area_vmas(data)["flags"]
    assert len(flags) > 1
    assert all(flags[:-1] & VmaFlag.MORE)
    assert all(flags[1:] & VmaFlag.CONT)
    assert not flags[0] & VmaFlag.CONT
    assert not flags[-1] & VmaFlag.MORE


@pytest.mark.usefixtures("small_pieces")
def test_mixed_slots_in_small_pieces(backend: KernelBackend) -> None:
    # NOHUGEPAGE, so that khugepaged does not fill the holes again
    code = "area(60 * M, HUGEPAGE); [touch(i) for i in range(60)]\n"
    code += "check(libc.madvise(A, 60 * M, NOHUGEPAGE))\n"
    code += "for i in range(1, 60, 2): check(libc.madvise(A + i * M, 9 * K, 4))"
    with child(PRELUDE + code) as target:
        data = read_all(backend, target.pid)
        assert_like_smaps(data, target.pid)
    vmas = area_vmas(data)
    assert len(vmas) >= 30
    assert vmas["slots_2m"].sum() == 30
    assert vmas["pages_4k"].sum() == 30 * 503
    assert [run[2] for run in area_runs(data)] == [Backing.PMD_2M, Backing.PTE_4K] * 30


@pytest.mark.parametrize("size", [1, 63, 64, 200, 4096, 32767, 1 << 20])
def test_any_size_gives_the_same_bytes(backend: KernelBackend, size: int) -> None:
    code = "area(700 * M, NOHUGEPAGE); [touch(i, i % 3) for i in range(700)]"
    with child(PRELUDE + code) as target:
        assert read_all(backend, target.pid, size) == read_all(backend, target.pid)


def space_of(data: bytes) -> AddressSpace:
    space = AddressSpace()
    space.feed(data)
    return space


@pytest.mark.usefixtures("small_pieces")
def test_sizes_and_pieces(backend: KernelBackend) -> None:
    code = "area(9 * M, NOHUGEPAGE); [touch(i, i * 9 + 1) for i in range(9)]"
    with child(PRELUDE + code) as target:
        some, whole = read_all(backend, target.pid, 100), read_all(backend, target.pid)
    assert area_vmas(some).tobytes() == area_vmas(whole).tobytes()
    assert len(area_vmas(some)) == 9
    # Elsewhere a page table that was read for a neighbour costs nothing within one read(2):
    # where a VMA is cut hangs on where a chunk ends, what is known of it does not.
    small, large = space_of(some), space_of(whole)
    assert small.vmas.tobytes() == large.vmas.tobytes()
    assert small.runs.tobytes() == large.runs.tobytes()


def test_order_and_counters(backend: KernelBackend) -> None:
    with child(PRELUDE) as target:
        with backend.open(target.pid) as stream:
            assert stream.source is Source.BPF
            data = drain(stream)
            assert stream.read() == b""
        stat = Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()
        comm = Path(f"/proc/{target.pid}/comm").read_bytes()
    chunk = decode(data)
    assert chunk.kinds[:2].tolist() == [Kind.TASK, Kind.VMA]
    assert chunk.kinds[-1] == Kind.END
    (task,) = chunk.of(Kind.TASK)
    assert (task["tgid"], task["tid"], task["source"]) == (target.pid, target.pid, Source.BPF)
    assert task["start_time"] == int(stat[19])
    assert task["comm"] == comm.rstrip()
    (end,) = chunk.of(Kind.END)
    counts = [int((chunk.kinds == kind).sum()) for kind in (Kind.TASK, Kind.VMA, Kind.RUN)]
    assert [end["tasks"], end["vmas"], end["runs"]] == counts
    assert (end["status"], end["err"], end["read_errors"]) == (Status.COMPLETE, 0, 0)


def test_streams_side_by_side(backend: KernelBackend) -> None:
    with child("") as one, child(PRELUDE + "area(9 * M); touch(3)") as two:
        expected = [read_all(backend, one.pid), read_all(backend, two.pid)]
        with backend.open(one.pid) as first, backend.open(two.pid) as second:
            got = [bytearray(), bytearray()]
            streams = [first, second]
            while any(chunks := [next_chunk(stream, 1024) for stream in streams]):
                for out, data in zip(got, chunks, strict=True):
                    out += data
    for seen, wanted in zip(got, expected, strict=True):
        assert decode(seen).of(Kind.VMA).tobytes() == decode(wanted).of(Kind.VMA).tobytes()


def test_a_returned_program_serves_again(backend: KernelBackend) -> None:
    with child("") as target:
        with backend.open(target.pid) as stream:
            stream.read(RECORD_SIZE)
        with pytest.raises(ValueError, match="closed"):
            stream.read()
        stream.close()
        whole = read_all(backend, target.pid)
        assert decode(whole).kinds[0] == Kind.TASK


def test_threads_share_a_stream(backend: KernelBackend) -> None:
    with child("") as target, backend.open(target.pid) as stream:
        chunks: list[bytes] = []

        def work() -> None:
            while data := stream.read(RECORD_SIZE):
                chunks.append(data)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        vmas = [data for data in chunks if data[0] == Kind.VMA]
        assert len(vmas) == len(decode(read_all(backend, target.pid)).of(Kind.VMA))


def test_descriptors_are_private_and_returned() -> None:
    def descriptors() -> set[int]:
        return {int(name) for name in os.listdir("/proc/self/fd")}

    before = descriptors()
    backend = KernelBackend()
    stream = backend.open(os.getpid())
    opened = [fd for fd in descriptors() - before if Path(f"/proc/self/fd/{fd}").exists()]
    assert opened
    assert not any(os.get_inheritable(fd) for fd in opened)
    backend.close()
    assert stream.read()
    stream.close()
    assert descriptors() <= before | {max(descriptors())}
    with pytest.raises(ValueError, match="closed"):
        backend.open(os.getpid())


CAP_BPF, CAP_PERFMON = 1 << 39, 1 << 38


@pytest.mark.root
@pytest.mark.parametrize(
    ("capabilities", "said"),
    [
        (0, "it needs CAP_BPF and CAP_PERFMON"),
        (CAP_BPF, "it needs CAP_PERFMON"),
        (CAP_PERFMON, "it needs CAP_BPF"),
        (CAP_BPF | CAP_PERFMON, "TASK"),
    ],
)
def test_privileges(capabilities: int, said: str) -> None:
    code = f"""
import ctypes, os, struct
from hpview.errors import BackendUnavailable
from hpview.stream.kernel import KernelBackend
from hpview.wire import Kind
low, high = {capabilities & 0xFFFFFFFF}, {capabilities >> 32}
# capset(2), version 3: effective, permitted, inheritable
header, sets = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", low, low, 0, high, high, 0)
assert ctypes.CDLL(None).capset(header, sets) == 0
try:
    with KernelBackend().open(os.getppid()) as stream:
        print(Kind(stream.read()[0]).name)
except BackendUnavailable as err:
    print(err.reason, err.details)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith((f"{said} ()", f"{said}\n"))


def test_unfit_calibration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "ram_top", lambda _root: PAGE_SIZE)
    with pytest.raises(BackendUnavailable, match="direct map was not found"):
        KernelBackend()
