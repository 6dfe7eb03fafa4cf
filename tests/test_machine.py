from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.machine import Machine, Stopped, aggregate
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import Source, VmaFlag
from tests import records
from tests.children import child

if TYPE_CHECKING:
    from hpview.stream.base import Backend

MIB = 1 << 20


def test_aggregate_sums_by_process_and_counts_pieces_once() -> None:
    data = (
        records.task(10)
        + records.vma(MIB, 2 * MIB, pages_4k=3, pages_swap=1)
        + records.vma(2 * MIB, 9 * MIB, flags=VmaFlag.MORE, slots_2m=2)
        + records.vma(2 * MIB, 9 * MIB, flags=VmaFlag.CONT, slots_2m=1, pages_4k=4)
        + records.task(11)
        + records.vma(MIB, 2 * MIB, slots_1g=512)
        + records.end()
    )
    tasks, sums = aggregate(data)
    assert tasks["tgid"].tolist() == [10, 11]
    assert sums.tolist() == [
        [2, 6 * MIB, 0, 7 * 4096, 4096],
        [1, 0, 1 << 30, 0, 0],
    ]


def test_a_process_that_execs_meanwhile_counts_as_what_it_became() -> None:
    old, new = (records.vma(MIB, 2 * MIB, pages_4k=pages) for pages in (3, 5))
    tasks, sums = aggregate(
        records.task(10, mm=1) + old + records.task(10, mm=2) + new + records.task(11) + old
    )
    assert tasks["tgid"].tolist() == [10, 11]
    assert sums[:, 3].tolist() == [5 * 4096, 3 * 4096]


def test_a_vma_begun_again_counts_once() -> None:
    """It changed between two pieces: what was read of it before is void."""
    data = (
        records.task(10)
        + records.vma(MIB, 9 * MIB, flags=VmaFlag.MORE, pages_4k=7)
        + records.vma(MIB, 9 * MIB, flags=VmaFlag.CONT | VmaFlag.MORE, pages_4k=7)
        + records.vma(MIB, 8 * MIB, flags=VmaFlag.MORE, pages_4k=2)
        + records.vma(MIB, 8 * MIB, flags=VmaFlag.CONT, pages_4k=1)
        + records.vma(20 * MIB, 21 * MIB, pages_4k=4)
        + records.task(11)
        + records.vma(MIB, 9 * MIB, pages_4k=5)
    )
    _, sums = aggregate(data)
    assert sums[:, 0].tolist() == [2, 1]
    assert sums[:, 3].tolist() == [7 * 4096, 5 * 4096]


def test_nothing_at_all() -> None:
    tasks, sums = aggregate(records.end())
    assert len(tasks) == 0
    assert sums.shape == (0, 5)


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


def test_a_snapshot_nobody_wants_any_more_is_given_up() -> None:
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 1

    with pytest.raises(Stopped):
        Machine(ProcfsBackend()).snapshot(stop)
    assert len(asked) == 2


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
