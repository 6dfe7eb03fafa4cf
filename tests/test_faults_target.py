"""A target that is killed, runs another program or is stopped at each step of whatever is read."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pytest

from hpview import backends
from hpview.acting.target import AnotherProgram, Target
from hpview.errors import HpviewError, NoMemoryMap, NoSuchProcess, NothingMapped, OtherProgram
from hpview.in_force import read_in_force
from hpview.inquiry.same import NotTheSame, require_same
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.smaps import read_smaps
from hpview.kernelfs.status import read_stat
from hpview.pages.process import read as read_folios
from hpview.pages.slot import read_slot_at
from hpview.pages.slot_facts import read_slot_facts
from hpview.pages.states import read_states
from hpview.scan import Scan, scan
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import SLOT_SIZE, Status
from tests import faulty
from tests.faulty import Border, kill, kill_only, run_other, steps, waiting
from tests.test_emulated import EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hpview.services import Readers
    from hpview.space.address_space import AddressSpace

T = TypeVar("T")

GONE: Final = (NoSuchProcess, NoMemoryMap, NothingMapped)
ANOTHER: Final = (NotTheSame, AnotherProgram, OtherProgram)

SOME: Final = EVERY if faulty.EVERY else (EVERY[0], EVERY[-1])
"""With all of the kernel's interfaces, and with none but the oldest."""

BACKENDS: Final = [
    pytest.param(KernelBackend, marks=pytest.mark.bpf, id="bpf"),
    *(pytest.param(partial(ProcfsBackend, features), id=str(features)) for features in SOME),
]


@pytest.fixture(scope="module")
def readers(request: pytest.FixtureRequest) -> Iterator[Readers]:
    made = backends.readers(request.param())
    yield made
    made.close()


def told(found: Scan) -> tuple[object, ...]:
    """The numbers of a scan."""
    space = found.space
    return tuple(space.vmas[["start", "end"]].tolist()), space.totals, space.runs.tobytes()


def steps_of(work: Callable[[int], object]) -> list[int]:
    """The steps to try of what is done to a target."""
    with waiting() as process:
        return steps(partial(work, process.pid))


def tried(work: Callable[[], T]) -> T | HpviewError:
    """What it yields, or what it raises in hpview's words."""
    try:
        return work()
    except HpviewError as err:
        return err


@pytest.mark.parametrize("readers", BACKENDS, indirect=True)
@pytest.mark.parametrize("end", [kill, kill_only])
def test_a_scan_of_a_target_killed_at_each_step(
    readers: Readers, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    for step in steps_of(partial(scan, readers)):
        with waiting() as process:
            whole = told(scan(readers, process.pid))
            with Border(step, partial(end, process)) as border:
                found = tried(partial(scan, readers, process.pid))
        if isinstance(found, Scan) and found.complete:
            assert told(found) == whole, step
        elif isinstance(found, Scan):
            assert found.space.end_status is Status.VANISHED, (step, found.space.end_status)
        else:
            assert isinstance(found, GONE), (step, found)
    assert not border.fired
    assert isinstance(found, Scan)
    assert found.complete


@pytest.mark.parametrize("readers", BACKENDS, indirect=True)
def test_a_scan_of_a_target_that_runs_another_program_at_each_step(readers: Readers) -> None:
    for step in steps_of(partial(scan, readers)):
        with waiting() as process:
            before = {(m.start, m.end) for m in read_maps(process.pid)}
            with Border(step, partial(run_other, process)):
                found = tried(partial(scan, readers, process.pid))
            after = {(m.start, m.end) for m in read_maps(process.pid)}
        assert isinstance(found, Scan), (step, found)
        assert found.complete
        assert set(found.space.vmas[["start", "end"]].tolist()) in (before, after), step


@pytest.mark.parametrize("readers", BACKENDS, indirect=True)
def test_a_scan_of_a_target_that_is_stopped_at_each_step(readers: Readers) -> None:
    with waiting() as process:
        whole = told(scan(readers, process.pid))
        for step in steps(lambda: scan(readers, process.pid)):
            stop = partial(os.kill, process.pid, signal.SIGSTOP)
            with Border(step, stop):
                assert told(scan(readers, process.pid)) == whole
            process.send_signal(signal.SIGCONT)


def slot_of(space: AddressSpace) -> int:
    """A slot with something in it."""
    return int(space.runs["start"][0]) // SLOT_SIZE * SLOT_SIZE


def asked_pages(pid: int, space: AddressSpace) -> object:
    found = read_slot_at(pid, int(space.runs["start"][0]))
    require_same(space)
    return found.start, found.end, found.pages["bits"].tobytes()


def asked_states(pid: int, space: AddressSpace) -> object:
    found = read_states(pid, np.array([slot_of(space)], np.uint64))
    require_same(space)
    return found.tobytes()


def asked_facts(pid: int, space: AddressSpace) -> object:
    found = read_slot_facts(pid, np.array([slot_of(space)], np.uint64))
    require_same(space)
    return found.tobytes()


def asked_settings(pid: int, space: AddressSpace) -> object:
    found = read_in_force(pid)
    require_same(space)
    return found.process, found.mounts


def asked_smaps(pid: int, space: AddressSpace) -> object:
    found = read_smaps(pid)
    require_same(space)
    return found.table.tobytes(), found.vm_flags


def asked_folios(pid: int, space: AddressSpace) -> object:
    found = read_folios(pid)
    require_same(space)
    counts = found.rss.tobytes(), found.anon.tobytes(), found.table.tobytes()
    return counts if found.complete else None


def acted(pid: int, space: AddressSpace) -> object:
    with Target(pid, space.start_time) as target:
        target.refusal()
        return [attempt.errno != 0 for attempt in target.collapse([slot_of(space)])]


LATER: Final = (
    asked_pages,
    asked_states,
    asked_facts,
    asked_settings,
    asked_smaps,
    pytest.param(asked_folios, marks=pytest.mark.root),
    pytest.param(acted, marks=pytest.mark.root),
)


@pytest.mark.parametrize("work", LATER)
@pytest.mark.parametrize("change", [kill, kill_only, run_other])
def test_what_is_asked_later_of_a_target_that_changes_at_each_step(
    work: Callable[[int, AddressSpace], object],
    change: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """The same as if nothing had happened, or it is said what did."""
    readers = backends.readers(ProcfsBackend())
    for step in steps_of(lambda pid: work(pid, scan(readers, pid).space)):
        with waiting() as process:
            pid = process.pid
            space = scan(readers, pid).space
            whole = work(pid, space)
            with Border(step, partial(change, process)):
                found = tried(partial(work, pid, space))
        if isinstance(found, HpviewError):
            assert isinstance(found, ANOTHER if change is run_other else GONE), (step, found)
        else:
            assert found in (whole, None), step
    assert found == whole


def reused(pid: int) -> subprocess.Popen[bytes]:
    """Another process that has the pid of one that is no more."""
    for _ in range(50):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        if process.pid == pid:
            return process
        process.kill()
        process.communicate()
    pytest.skip("somebody else starts too many processes")


@pytest.mark.root
@pytest.mark.parametrize("readers", BACKENDS[:2], indirect=True)
def test_another_process_of_the_same_pid_is_not_mistaken_for_the_first(readers: Readers) -> None:
    with waiting() as process:
        pid = process.pid
        space = scan(readers, pid).space
        stream = readers.open(pid)
        first = stream.read(64) + stream.read(64)
        # Told apart they are by when they began, in hundredths of a second.
        began = read_stat(pid).start_time
        while time.clock_gettime(time.CLOCK_BOOTTIME) * 100 < began + 2:
            os.sched_yield()
        kill(process)
        other = reused(pid)
        try:
            rest = b"".join(iter(stream.read, b""))
            assert first
            assert rest[-64:][2] == Status.VANISHED
            with pytest.raises(NotTheSame, match="its pid was used again"):
                require_same(space)
            with pytest.raises(AnotherProgram, match="its pid was used again"):
                Target(pid, space.start_time)
        finally:
            stream.close()
            other.kill()
            other.communicate()
