"""What a real process does to its memory, recognised by comparing two readings."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hpview.space.address_space import AddressSpace
from hpview.space.changes import ChangeKind, changes, same_memory
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import SLOT_SIZE
from tests.kernel_targets import AREA, PRELUDE, drain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = ChangeKind
_STEPS = """
print('ready', flush=True)
for line in sys.stdin:
    exec(line)
    print('done', flush=True)
"""
PAGEOUT = 21


@contextmanager
def stepper(code: str) -> Iterator[tuple[int, Callable[[str], None]]]:
    """A child that does one line of Python after the other: its pid, and what to call."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code + _STEPS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def step(line: str) -> None:
        print(line, file=stdin, flush=True)
        assert stdout.readline() == "done\n"

    try:
        assert stdout.readline() == "ready\n"
        yield process.pid, step
    finally:
        process.kill()
        stdin.close()
        stdout.close()
        process.wait()


@pytest.fixture(params=["procfs", pytest.param("bpf", marks=pytest.mark.bpf)])
def readings(request: pytest.FixtureRequest) -> Iterator[Callable[[int], AddressSpace]]:
    """Reads a process with one of the two streams."""
    backend = KernelBackend() if request.param == "bpf" else ProcfsBackend()

    def read(pid: int) -> AddressSpace:
        space = AddressSpace()
        with backend.open(pid) as stream:
            space.feed(drain(stream))
        return space

    yield read
    if isinstance(backend, KernelBackend):
        backend.close()


def in_area(old: AddressSpace, new: AddressSpace) -> list[tuple[int, int, int]]:
    """First slot, slots and kind of each change of the area."""
    assert same_memory(old, new)
    return [
        (
            int(row["start"] - AREA) // SLOT_SIZE,
            int(row["end"] - row["start"]) // SLOT_SIZE,
            int(row["kind"]),
        )
        for row in changes(old, new)
        if AREA <= row["start"] < AREA + (1 << 41)
    ]


def test_each_thing_a_process_does_is_recognised(
    readings: Callable[[int], AddressSpace],
) -> None:
    steps = [
        ("touch(0); touch(1); touch(2, 100)", [(0, 3, K.FILLED)]),
        ("collapse(2 * M)", [(0, 2, K.BECAME_HUGE)]),
        ("check(libc.madvise(A + M + 7 * K, K, 4))", [(1, 1, K.SPLIT)]),
        ("check(libc.madvise(A + 2 * M, 50 * K, 4))", [(2, 1, K.EMPTIED)]),
        ("touch(2, 10); touch(3, 1)", [(2, 2, K.FILLED)]),
        ("check(libc.madvise(A, M, 4))", [(0, 1, K.EMPTIED)]),
        ("check(libc.munmap(A + 6 * M, 2 * M))", [(6, 2, K.UNMAPPED)]),
        ("check(libc.mprotect(A + 4 * M, M, 1))", []),
        ("area(2 * M, at=A + 8 * M)", [(8, 2, K.MAPPED)]),
    ]
    setup = """
def area(size, at=A):
    assert libc.mmap(at, size, 3, 0x100022, -1, 0) == at
def collapse(size):
    check(libc.madvise(A, size, HUGEPAGE))  # what may have no huge pages cannot be collapsed
    check(libc.madvise(A, size, COLLAPSE))
    check(libc.madvise(A, size, NOHUGEPAGE))
area(8 * M)
check(libc.madvise(A, 8 * M, NOHUGEPAGE))
"""
    with stepper(setup) as (pid, step):
        before = readings(pid)
        for line, expected in steps:
            step(line)
            after = readings(pid)
            assert in_area(before, after) == expected, line
            before = after


@pytest.mark.root
@pytest.mark.usefixtures("swap")
def test_pages_that_go_to_swap_and_come_back(readings: Callable[[int], AddressSpace]) -> None:
    with stepper("area(2 * M, NOHUGEPAGE)\ntouch(0, 100)\n") as (pid, step):
        before = readings(pid)
        step(f"check(libc.madvise(A, M, {PAGEOUT}))")
        out = readings(pid)
        assert in_area(before, out) == [(0, 1, K.SWAPPED_OUT)]
        step("look(0, 100)")
        assert in_area(out, readings(pid)) == [(0, 1, K.SWAPPED_IN)]
