"""The emulated stream over real processes: against smaps, and through exec and exit."""

from __future__ import annotations

import os
import signal
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview import wire
from hpview.errors import AccessDenied
from hpview.kernelfs import pagemap, procmap_query, smaps
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.smaps import Smaps, read_smaps
from hpview.kernelfs.status import read_stat
from hpview.stream.emulated import EmulatedStream, ProcfsBackend
from hpview.stream.features import Features, InUse
from hpview.stream.opener import ProcOpener
from hpview.wire import (
    PAGE_SIZE,
    SLOT_SIZE,
    Backing,
    Kind,
    RunFlag,
    Source,
    Status,
    VmaFlag,
)
from tests.children import child
from tests.paged import area, paged

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from hpview.stream.base import Stream
    from hpview.stream.procfs_mm import ProcMm

BEST = Features.probe()


def every_feature() -> list[Features]:
    """Whatever is there, switched on and off; kpageflags are not looked at beside a scan."""
    found = []
    for query, scan, flags in product((True, False), repeat=3):
        usable = (query <= BEST.query) and (scan <= BEST.scan) and (flags <= BEST.kpageflags)
        if usable and not (scan and flags):
            found.append(Features(query=query, scan=scan, kpageflags=flags))
    return found


EVERY = every_feature()


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    with paged() as process:
        yield process.pid


def drain(stream: Stream, size: int = 32768) -> bytes:
    data: list[bytes] = []
    while True:
        try:
            part = stream.read(size)
        except BlockingIOError:
            continue
        if not part:
            return b"".join(data)
        data.append(part)


def streamed(pid: int, features: Features = BEST, size: int = 32768) -> wire.Chunk:
    with ProcfsBackend(features).open(pid) as stream:
        assert stream.source is features.source
        chunk = wire.decode(drain(stream, size))
    end = chunk.of(Kind.END)[0]
    for name, kind in (("tasks", Kind.TASK), ("vmas", Kind.VMA), ("runs", Kind.RUN)):
        assert end[name] == len(chunk.positions(kind))
    return chunk


def status_of(data: bytes) -> Status:
    return Status(int(wire.decode(data).of(Kind.END)["status"][0]))


def first_pieces(chunk: wire.Chunk) -> wire.Records:
    vmas = chunk.of(Kind.VMA)
    found: wire.Records = vmas[(vmas["flags"] & VmaFlag.CONT) == 0]
    return found


def vma_sums(chunk: wire.Chunk) -> dict[int, tuple[int, int]]:
    """Bytes by 2M leaves, and by 4k pages, of each VMA."""
    sums: dict[int, tuple[int, int]] = {}
    for vma in chunk.of(Kind.VMA):
        huge, small = sums.get(int(vma["start"]), (0, 0))
        huge += int(vma["slots_2m"]) * SLOT_SIZE
        sums[int(vma["start"])] = (huge, small + int(vma["pages_4k"]) * PAGE_SIZE)
    return sums


@pytest.mark.skipif(not BEST.scan, reason="no PAGEMAP_SCAN (Linux 6.7)")
@pytest.mark.parametrize("features", EVERY, ids=str)
def test_sums_are_those_of_smaps(pid: int, features: Features) -> None:
    sums = vma_sums(streamed(pid, features))
    wanted = read_smaps(pid)
    protected = range(*area("protected")) if features.source is Source.PAGEMAP_KPAGEFLAGS else ()
    assert list(sums) == wanted.table["start"].tolist()
    for row, huge in zip(wanted.table, wanted.pmd_mapped.tolist(), strict=True):
        start = int(row["start"])
        assert sum(sums[start]) == row["rss"] + row["hugetlb"], hex(start)
        if start not in protected:
            assert sums[start][0] == huge + row["hugetlb"], hex(start)
    assert sums[area("thp")[0]] == (4 * SLOT_SIZE, 0)


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_vmas_are_those_of_maps_whatever_is_used(pid: int, features: Features) -> None:
    vmas = first_pieces(streamed(pid, features))
    maps = read_maps(pid)
    for field in ("start", "end", "dev", "ino"):
        assert vmas[field].tolist() == [getattr(m, field) for m in maps]
    assert (vmas["pgoff"] * PAGE_SIZE).tolist() == [m.offset for m in maps]
    assert (vmas["vm_flags"] & 0x8F).tolist() == [m.vm_flags & 0x8F for m in maps]


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_all_but_guesses_is_told_alike(pid: int, features: Features) -> None:
    ours, best = streamed(pid, features), streamed(pid)
    wanted = best.of(Kind.RUN)
    told = {int(r["start"]): r for r in ours.of(Kind.RUN)}
    protected = range(*area("protected"))
    for run in wanted:
        start = int(run["start"])
        if start in protected:
            continue
        run["flags"] &= ~np.uint16(RunFlag.ESTIMATE)
        told[start]["flags"] &= ~np.uint16(RunFlag.ESTIMATE)
        assert told[start] == run


def test_the_task_is_the_process(pid: int) -> None:
    task = streamed(pid).of(Kind.TASK)
    assert task["tgid"].tolist() == task["tid"].tolist() == [pid]
    assert task["source"].tolist() == [BEST.source]
    assert task["mm"].all()
    assert task["start_time"].tolist() == [read_stat(pid).start_time]
    assert task["comm"].tolist() == [read_stat(pid).comm]


@pytest.mark.parametrize("size", [1 << 20, 32767, 4096, 1000, 64])
def test_any_size_yields_the_same_bytes(pid: int, size: int) -> None:
    assert streamed(pid, size=size).records.tobytes() == streamed(pid).records.tobytes()


def test_many_runs_come_in_pieces_and_none_is_lost(pid: int) -> None:
    chunk = streamed(pid)
    start, end = area("fragmented")
    vmas = chunk.of(Kind.VMA)
    flags = vmas["flags"][vmas["start"] == start].tolist()
    assert flags == [VmaFlag.MORE, VmaFlag.CONT]
    runs = chunk.of(Kind.RUN)
    mine = runs[(runs["start"] >= start) & (runs["end"] <= end)]
    assert mine["start"].tolist() == list(range(start, end, SLOT_SIZE))
    assert (mine["backing"] == Backing.PTE_4K).all()
    assert mine["present"].tolist() == [1, 2] * (len(mine) // 2)


def after_first(process: subprocess.Popen[bytes], features: Features = BEST) -> EmulatedStream:
    """A stream of which the first records were read."""
    stream = ProcfsBackend(features).open(process.pid)
    assert len(stream.read(64)) == 64
    assert len(stream.read(64)) == 64
    return stream


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_an_exit_in_mid_read_is_told_by_the_trailer(features: Features) -> None:
    with child("") as process, after_first(process, features) as stream:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        data = drain(stream)
        assert status_of(data) is Status.VANISHED
        assert stream.read() == b""


def test_a_permission_lost_in_mid_read_is_told_by_the_trailer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def deny(self: ProcOpener, tgid: int, tid: int) -> ProcMm | None:
        self.denied = True
        return None

    with child("") as process, after_first(process) as stream:
        monkeypatch.setattr(ProcOpener, "open", deny)
        assert status_of(drain(stream)) is Status.PERMISSION


def test_denied_files_are_noted_and_have_no_mm(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(self: pagemap.Pagemap, pid: int, root: object) -> None:
        raise AccessDenied(pid)

    opener = ProcOpener(InUse(BEST), PROC)
    monkeypatch.setattr(pagemap.Pagemap, "__init__", deny)
    assert opener.open(os.getpid(), os.getpid()) is None
    assert opener.denied


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_descriptors_do_not_leak(features: Features) -> None:
    with child("") as process:
        ProcfsBackend(features).open(process.pid).close()
        before = sorted(os.listdir("/proc/self/fd"))
        backend = ProcfsBackend(features)
        for _ in range(3):
            with backend.open(process.pid) as stream:
                drain(stream, 3000)
            with after_first(process, features):
                pass
        stream = after_first(process, features)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        drain(stream)
        stream.close()
        stream.close()
        assert sorted(os.listdir("/proc/self/fd")) == before
        with pytest.raises(ValueError, match="closed"):
            stream.read()


def test_smaps_is_read_once_for_an_mm(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def read(pid: int, root: Path) -> Smaps:
        asked.append(pid)
        return read_smaps(pid, root)

    monkeypatch.setattr(smaps, "read_smaps", read)
    streamed(pid, Features(query=BEST.query, scan=False, kpageflags=False), size=4096)
    assert asked == [pid]


def test_a_read_of_nothing_is_refused() -> None:
    with ProcfsBackend().open(os.getpid()) as stream, pytest.raises(ValueError, match="0 bytes"):
        stream.read(0)


def test_features_are_found_out() -> None:
    assert BEST.query == procmap_query.supported()
    assert BEST.scan == pagemap.supported()
