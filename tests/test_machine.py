from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from hpview.errors import CorruptStream
from hpview.machine import Machine, Process, Stopped, aggregate
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RollupFlag, Source
from tests import records
from tests.children import child
from tests.fakes import FakeStream

if TYPE_CHECKING:
    from hpview.stream.base import Backend

MIB = 1 << 20


def test_aggregate_keeps_one_pair_a_process() -> None:
    data = (
        records.task(10)
        + records.rollup(vmas=2, bytes_2m=6 * MIB, bytes_4k=7 * 4096)
        + records.task(11)
        + records.rollup(vmas=1, bytes_1g=1 << 30, flags=RollupFlag.PARTIAL)
        + records.end()
    )
    tasks, rollups = aggregate(data)
    assert tasks["tgid"].tolist() == [10, 11]
    assert rollups["vmas"].tolist() == [2, 1]
    assert rollups["bytes_2m"].tolist() == [6 * MIB, 0]
    assert rollups["flags"].tolist() == [RollupFlag.GAP, RollupFlag.PARTIAL]


def test_a_process_that_execs_meanwhile_counts_as_what_it_became() -> None:
    old, new = (records.rollup(vmas=1, bytes_4k=size) for size in (3, 5))
    tasks, rollups = aggregate(
        records.task(10, mm=1) + old + records.task(10, mm=2) + new + records.task(11) + old
    )
    assert tasks["tgid"].tolist() == [10, 11]
    assert rollups["bytes_4k"].tolist() == [5, 3]


@pytest.mark.parametrize(
    "data",
    [
        records.task(10) + records.end(),
        records.rollup() + records.end(),
        records.task(10) + records.rollup() + records.rollup(),
    ],
)
def test_a_task_without_its_sums_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptStream, match="pairs"):
        aggregate(data)


def test_nothing_at_all() -> None:
    tasks, rollups = aggregate(records.end())
    assert len(tasks) == len(rollups) == 0


@pytest.mark.parametrize(
    "backend", [pytest.param(KernelBackend, marks=pytest.mark.bpf), ProcfsBackend]
)
def test_snapshot_of_this_machine(backend: type[Backend]) -> None:
    opened = backend()
    try:
        with child("") as target:
            snapshot = Machine(opened).snapshot()
    finally:
        opened.close()
    processes = {p.pid: p for p in snapshot.processes}
    assert list(processes) == sorted(processes)
    assert 2 not in processes or processes[2].comm != "kthreadd"
    mine, theirs = processes[os.getpid()], processes[target.pid]
    assert mine.source is snapshot.source is not Source.NONE
    assert mine.resident == (mine.bytes_2m or 0) + (mine.bytes_4k or 0) + (mine.bytes_1g or 0)
    assert mine.resident > theirs.resident > MIB
    assert "python" in theirs.cmdline
    assert theirs.vmas is not None
    assert theirs.vmas > 20
    assert snapshot.unreadable == sum(p.source is Source.NONE for p in snapshot.processes)
    for p in snapshot.processes:
        assert (p.bytes_2m is None) == (p.source is Source.NONE)


@pytest.mark.parametrize("patience", [1, 5, 15])
def test_a_snapshot_nobody_wants_any_more_is_given_up(patience: int) -> None:
    """Between two reads, and between two processes behind them."""
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > patience

    with pytest.raises(Stopped):
        Machine(ProcfsBackend()).snapshot(stop)
    assert len(asked) == patience + 1


class Told:
    """``Backend`` whose stream tells of this process what a test says."""

    name = "told"

    def __init__(self, rollup: bytes) -> None:
        self._data = records.task(os.getpid()) + rollup + records.end()

    def open(self, pid: int) -> FakeStream:
        raise AssertionError

    def open_all(self) -> FakeStream:
        return FakeStream([self._data], threading.Semaphore(2))

    def close(self) -> None:
        pass


def told(**sums: int) -> Process:
    snapshot = Machine(Told(records.rollup(**sums))).snapshot()
    return next(p for p in snapshot.processes if p.pid == os.getpid())


def test_the_coverage_is_the_share_of_what_is_or_could_be_huge() -> None:
    process = told(bytes_2m=6 * MIB, bytes_4k=9 * MIB, bytes_gap=2 * MIB, bytes_hugetlb=4 * MIB)
    assert process.bytes_gap == 2 * MIB
    assert process.bytes_hugetlb == 4 * MIB
    assert process.coverage == 0.75
    assert told(bytes_4k=9 * MIB, bytes_gap=MIB).coverage == 0
    assert told(bytes_1g=MIB).coverage == 1


def test_without_anything_that_could_be_huge_there_is_no_coverage() -> None:
    assert told(bytes_4k=9 * MIB).coverage is None


def test_a_gap_that_was_not_counted_is_not_known() -> None:
    process = told(bytes_2m=MIB, bytes_4k=MIB, flags=0)
    assert (process.bytes_gap, process.bytes_hugetlb, process.coverage) == (None, None, None)


@pytest.mark.bpf
def test_both_backends_count_a_quiet_process_alike() -> None:
    kernel = KernelBackend()
    try:
        with child("import mmap; m = mmap.mmap(-1, 1 << 24); m.write(b'x' * (1 << 23))") as target:
            rows = [
                next(p for p in Machine(b).snapshot().processes if p.pid == target.pid)
                for b in (kernel, ProcfsBackend())
            ]
    finally:
        kernel.close()
    one, other = (row._replace(source=Source.NONE) for row in rows)
    assert one == other
