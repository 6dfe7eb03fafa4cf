from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.errors import CorruptStream
from hpview.machine import Machine, Stopped, aggregate
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RollupFlag, Source
from tests import records
from tests.children import child

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
    assert rollups["flags"].tolist() == [0, RollupFlag.PARTIAL]


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
