"""The kernel's iterator and its emulation side by side: the same bytes, whatever happens."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from hpview.demo import Demo
from hpview.kernelfs import pagemap
from hpview.space.address_space import AddressSpace
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import RECORD_SIZE
from tests import khugepaged
from tests.compare import comparable, drain, read
from tests.conftest import lacking
from tests.mutant import ARENA, Mutant, mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Stream

pytestmark = pytest.mark.bpf

ROUNDS = int(os.environ.get("HPVIEW_LOCKSTEP_ROUNDS", "100"))
SEEDS = 10
EXACT = pagemap.supported()
"""Before Linux 6.7 the emulation guesses what is a huge page, and knows all else."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelBackend]:
    backend = KernelBackend()
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def emulated() -> ProcfsBackend:
    return ProcfsBackend()


def test_quiet_process_yields_equal_bytes(kernel: KernelBackend, emulated: ProcfsBackend) -> None:
    if not EXACT:
        lacking("before Linux 6.7 the emulation guesses which pages are huge")
    with Demo.spawn() as demo, kernel.open(demo.pid) as one, emulated.open(demo.pid) as other:
        ours, theirs = drain(one), drain(other)
    assert comparable(ours) == comparable(theirs)
    assert len(ours) > 100 * RECORD_SIZE


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    with khugepaged.asleep():
        yield


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4096, 32767, 1 << 20])
def test_any_read_size_yields_the_same_bytes(
    size: int, kernel: KernelBackend, emulated: ProcfsBackend
) -> None:
    with mutant(thp=EXACT) as target:
        for backend in (kernel, emulated):
            with backend.open(target.pid) as small, backend.open(target.pid) as large:
                assert comparable(drain(small, size)) == comparable(drain(large))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_in_lock_step_under_mutation(
    seed: int, kernel: KernelBackend, emulated: ProcfsBackend
) -> None:
    """Changes between reads: each read as long as the other, EAGAIN for EAGAIN, equal records."""
    chance = random.Random(seed)
    with mutant(thp=EXACT) as target:
        target.mutate(chance, 40)
        if seed % 2:
            # More VMAs than the kernel's buffer holds records.
            target.do_all([("map", ARENA, 600 << 12, 3), ("comb", ARENA, 600 << 12, 1)])
        for number in range(ROUNDS // SEEDS):
            with kernel.open(target.pid) as one, emulated.open(target.pid) as other:
                _in_lock_step(target, one, other, chance, f"seed {seed}, round {number}")
            assert target.process.poll() is None


def _in_lock_step(
    target: Mutant, one: Stream, other: Stream, chance: random.Random, where: str
) -> None:
    """Read both to the end, changing the target between any two reads, also within a record."""
    steps: list[object] = [where]
    ours, theirs = bytearray(), bytearray()
    for size in _read_sizes(chance):
        steps.append(size)
        a, b = read(one, size), read(other, size)
        assert (a is None, len(a or b"")) == (b is None, len(b or b"")), steps
        ours += a or b""
        theirs += b or b""
        whole = len(ours) & -RECORD_SIZE
        assert comparable(bytes(ours[:whole])) == comparable(bytes(theirs[:whole])), steps
        del ours[:whole], theirs[:whole]
        if a == b"":
            break
        if chance.random() < 0.5:
            steps += target.mutate(chance, chance.choice((1, 1, 2, 5)))
    assert not ours, steps


def _read_sizes(chance: random.Random) -> Iterator[int]:
    """From one byte to 64 KiB: few bytes, whole records, anything, about the kernel's buffer."""
    while True:
        match chance.randrange(10):
            case 0 | 1 | 2:
                yield from [chance.randrange(1, 201)] * chance.choice((1, 1, 4))
            case 3:
                yield from [chance.randrange(1, 9)] * chance.randrange(1, 33)
            case 4 | 5:
                yield RECORD_SIZE * chance.choice((1, 2, 3, 10, 64))
            case 6 | 7 | 8:
                yield int(2 ** chance.uniform(0, 16))
            case _:
                yield chance.choice((32767, 32768, 32769, 65535, 65536))


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
