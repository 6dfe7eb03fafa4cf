"""The kernel's iterator and its emulation side by side: the same bytes, whatever happens."""

from __future__ import annotations

import os
import random
from itertools import count
from typing import TYPE_CHECKING

import pytest

from hpview.demo import Demo
from hpview.space.address_space import AddressSpace
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RECORD_SIZE
from tests.compare import comparable, drain, read
from tests.mutant import ARENA, Mutant, mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Stream

pytestmark = pytest.mark.bpf

ROUNDS = int(os.environ.get("HPVIEW_LOCKSTEP_ROUNDS", "40"))


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelBackend]:
    backend = KernelBackend()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def emulated() -> ProcfsBackend:
    return ProcfsBackend()


def test_quiet_process_yields_equal_bytes(kernel: KernelBackend, emulated: ProcfsBackend) -> None:
    with Demo.spawn() as demo, kernel.open(demo.pid) as one, emulated.open(demo.pid) as other:
        ours, theirs = drain(one), drain(other)
    assert comparable(ours) == comparable(theirs)
    assert len(ours) > 100 * RECORD_SIZE


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4096, 32767, 1 << 20])
def test_any_read_size_yields_the_same_bytes(
    size: int, kernel: KernelBackend, emulated: ProcfsBackend
) -> None:
    with mutant() as target:
        for backend in (kernel, emulated):
            with backend.open(target.pid) as small, backend.open(target.pid) as large:
                assert comparable(drain(small, size)) == comparable(drain(large))


@pytest.mark.parametrize("seed", range(4))
def test_in_lock_step_under_mutation(
    seed: int, kernel: KernelBackend, emulated: ProcfsBackend
) -> None:
    """Changes between reads: equal chunk by chunk, EAGAIN for EAGAIN."""
    chance = random.Random(seed)
    with mutant() as target:
        for _ in range(20):
            target.mutate(chance)
        for number in range(ROUNDS // 4):
            with kernel.open(target.pid) as one, emulated.open(target.pid) as other:
                _compare_chunks(target, one, other, chance, f"seed {seed} round {number}")


def _compare_chunks(
    target: Mutant, one: Stream, other: Stream, chance: random.Random, where: str
) -> None:
    for chunk in count():
        size = chance.choice((64, 100, 200, 640, 1024, 4096, 8192, 32768, 65536))
        ours, theirs = read(one, size), read(other, size)
        place = f"{where} chunk {chunk} size {size}"
        assert (ours is None) == (theirs is None), place
        # A record cut by an odd size is whole after the next read of the same stream.
        while ours and len(ours) % RECORD_SIZE:
            missing = -len(ours) % RECORD_SIZE
            ours += one.read(missing)
            theirs = (theirs or b"") + other.read(missing)
        assert comparable(ours or b"") == comparable(theirs or b""), place
        if ours == b"":
            return
        for _ in range(chance.randrange(3)):
            target.mutate(chance)


@pytest.mark.parametrize("event", ["exec", "exit"])
def test_the_process_changes_altogether(
    event: str, kernel: KernelBackend, emulated: ProcfsBackend
) -> None:
    """exec: one TASK more and the new image's upper part; exit: the trailer says so."""
    with mutant() as target, kernel.open(target.pid) as one, emulated.open(target.pid) as other:
        for _ in range(5):
            assert comparable(one.read(64)) == comparable(other.read(64))
        target.do(event)
        ours, theirs = comparable(drain(one)), comparable(drain(other))
    assert ours == theirs
    assert [r[0] for r in ours].count("TASK") == (event == "exec")
    assert ours[-1][:4] == ("END", 4, 1, 0 if event == "exec" else 1)


def test_more_runs_than_the_buffer_holds(kernel: KernelBackend, emulated: ProcfsBackend) -> None:
    """2 MB and 4 kB in turn, each slot of another fill: pieces, but nothing lost."""
    slots = 1400
    with mutant() as target:
        target.do("map", ARENA, slots << 21, 3)
        target.do("advise", ARENA, slots << 21, 15)
        for i in range(0, slots, 2):
            target.do("touch", ARENA + (i << 21), (1 + i % 3) << 12)
            target.do("touch", ARENA + ((i + 1) << 21), (4 + i % 3) << 12)
        # Where a piece ends is each stream's own affair: its budget is counted differently.
        spaces = []
        for backend in (kernel, emulated):
            space = AddressSpace()
            with backend.open(target.pid) as stream:
                space.feed(drain(stream))
            spaces.append(space)
    fills = [n for i in range(0, slots, 2) for n in (1 + i % 3, 4 + i % 3)]
    for space in spaces:
        assert space.complete
        assert space.changed == 0
        vma = space.vmas[space.index_at(ARENA)]
        assert vma["bytes_4k"] == sum(fills) * 4096
        runs = space.runs_of(ARENA, ARENA + (slots << 21))
        assert runs["present"].tolist() == fills
        assert runs["start"].tolist() == [ARENA + (i << 21) for i in range(slots)]
