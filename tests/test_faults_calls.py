"""System calls that fail, are interrupted, say EAGAIN or hand over a few bytes only."""

from __future__ import annotations

import errno
import fcntl
import os
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview import backends
from hpview.errors import BackendUnavailable, CorruptStream, CorruptText, HpviewError
from hpview.kernelfs import kpageflags, pagemap
from hpview.kernelfs.maps import MapsText, parse_numbers, read_maps
from hpview.kernelfs.smaps import parse_smaps
from hpview.kernelfs.status import read_stat, read_status
from hpview.loader import load
from hpview.machine import Machine
from hpview.pages.slot import read_slot_at
from hpview.pages.slot_facts import read_slot_facts
from hpview.pages.states import read_states
from hpview.scan import Scan, scan
from hpview.stream import bpf, patience
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from hpview.stream.handover import Handover
from hpview.stream.kernel import KernelBackend
from hpview.wire import SLOT_SIZE
from tests import records
from tests.fakeproc import FakeProc
from tests.faulty import EVERY, EXHAUSTED, Border, failing, short, steps, waiting
from tests.test_faults_target import BACKENDS, told, tried
from tests.test_loader import ListedStream

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hpview.services import Readers

FAILURES: Final = EXHAUSTED if EVERY else EXHAUSTED[:2]


@pytest.fixture(scope="module")
def readers(request: pytest.FixtureRequest) -> Iterator[Readers]:
    made = backends.readers(request.param())
    yield made
    made.close()


@pytest.fixture(scope="module")
def target() -> Iterator[subprocess.Popen[bytes]]:
    with waiting() as process:
        yield process


def raised(work: Callable[[], object]) -> tuple[type[Exception] | None, str]:
    """What it raises, and the words; the error itself would keep what it is about."""
    try:
        work()
    except (HpviewError, OSError) as err:
        return type(err), str(err)
    return None, ""


def descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("number", FAILURES, ids=errno.errorcode.get)
@pytest.mark.parametrize("readers", BACKENDS, indirect=True)
def test_a_scan_of_which_one_call_fails(
    readers: Readers, target: subprocess.Popen[bytes], number: int
) -> None:
    """It is said in hpview's words, or some of the memory is unknown, or nothing was missing."""
    work = partial(scan, readers, target.pid)
    whole = told(work())
    for step in steps(work):
        before = descriptors()
        with Border(step, failing(number)):
            found = tried(work)
        assert descriptors() == before
        if isinstance(found, Scan) and found.complete:
            assert told(found) == whole, step
        elif isinstance(found, Scan):
            assert found.space.read_errors, step
    assert isinstance(found, Scan)
    assert found.complete


@pytest.mark.parametrize("work", [read_slot_at, read_states, read_slot_facts, read_maps])
def test_a_look_at_pages_of_which_one_call_fails(
    work: Callable[..., object], target: subprocess.Popen[bytes]
) -> None:
    address = read_maps(target.pid)[0].start // SLOT_SIZE * SLOT_SIZE
    slots = np.array([address], np.uint64)
    arguments = {read_slot_at: (read_maps(target.pid)[0].start,), read_maps: ()}
    asked = partial(work, target.pid, *arguments.get(work, (slots,)))
    asked()
    for step in steps(asked):
        before = descriptors()
        with Border(step, failing(errno.ENOMEM)):
            found, words = raised(asked)
        # An OSError is told by the command line and by HpviewScreen.
        assert found is None or "Cannot allocate memory" in words
        assert descriptors() == before


@pytest.mark.bpf
@pytest.mark.parametrize(
    "number", [errno.ENOMEM, errno.EMFILE, errno.EPERM], ids=errno.errorcode.get
)
def test_loading_the_program_of_which_one_call_fails(number: int) -> None:
    def opened() -> None:
        KernelBackend().close()

    for step in steps(opened):
        before = descriptors()
        with Border(step, failing(number)):
            found, words = raised(opened)
        assert found in (None, BackendUnavailable)
        assert number == errno.EPERM or "5.17" not in words
        assert descriptors() == before


@pytest.mark.bpf
def test_a_signal_while_the_program_is_loaded_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The verifier says EAGAIN then."""
    real, refused = bpf.prog_run, iter([-errno.EAGAIN, -errno.EINTR])
    monkeypatch.setattr(bpf, "prog_run", lambda fd, ctx: next(refused, None) or real(fd, ctx))
    KernelBackend().close()
    monkeypatch.setattr(bpf, "prog_run", lambda _fd, _ctx: -errno.EAGAIN)
    before = descriptors()
    with pytest.raises(BackendUnavailable, match="could not be set up"):
        KernelBackend()
    assert descriptors() == before


@pytest.mark.parametrize("features", [Features(True, True, False), Features(False, True, False)])
def test_interrupted_ioctls_are_made_again(
    features: Features, target: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = backends.readers(ProcfsBackend(features))
    whole = told(scan(readers, target.pid))
    real, calls = fcntl.ioctl, iter(range(1, 1 << 30))

    def interrupted(*args: object) -> object:
        if next(calls) % 3:
            raise InterruptedError(errno.EINTR, "a signal")
        return real(*args)  # type: ignore[call-overload]

    monkeypatch.setattr(fcntl, "ioctl", interrupted)
    assert told(scan(readers, target.pid)) == whole
    assert next(calls) > 3


@pytest.mark.parametrize("size", [1, 7, 64, 4093])
@pytest.mark.parametrize("readers", BACKENDS, indirect=True)
def test_short_reads(
    readers: Readers, target: subprocess.Popen[bytes], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = target.pid
    first = read_maps(pid)[0].start
    slots = np.array([first // SLOT_SIZE * SLOT_SIZE], np.uint64)

    def all_of_it() -> tuple[object, ...]:
        pages = read_slot_at(pid, first)
        facts, states = read_slot_facts(pid, slots), read_states(pid, slots)
        kinds = pages.pages["folio"].tobytes(), facts.tobytes(), states.tobytes()
        return told(scan(readers, pid)), read_maps(pid), kinds

    whole = all_of_it()
    with short(size, monkeypatch):
        assert all_of_it() == whole


def test_short_reads_of_single_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    with pagemap.Pagemap(os.getpid()) as own:
        there = np.array([m.start for m in read_maps(os.getpid())], np.uint64)
        whole = own.read_each(there).tolist()
        with short(3, monkeypatch):
            assert own.read_each(there).tolist() == whole


@pytest.mark.root
def test_flags_cut_within_an_entry_are_those_of_no_frame(tmp_path: Path) -> None:
    (tmp_path / "kpageflags").write_bytes(bytes(8 * 4 + 5))
    flags = kpageflags.read(np.arange(6, dtype=np.uint64), tmp_path)
    assert flags.tolist() == [0, 0, 0, 0, kpageflags.PageFlag.NOPAGE, kpageflags.PageFlag.NOPAGE]


MAPS: Final = (
    b"55d000000000-55d000001000 r--p 00000000 fe:00 77                         /usr/bin/x\n"
    b"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
)


@pytest.mark.parametrize("cut", range(1, len(MAPS)))
def test_maps_cut_at_each_byte(cut: int, tmp_path: Path) -> None:
    """Between two lines nobody can know of, but in one it is told."""
    fake = FakeProc(tmp_path)
    fake.add_process(7)
    (fake.proc / "7/maps").write_bytes(MAPS[:cut])
    if MAPS[:cut].endswith(b"\n"):
        assert len(read_maps(7, fake.proc)) == len(parse_numbers(MAPS[:cut])) == 1
        return
    with pytest.raises(CorruptText, match="its last line is cut"):
        read_maps(7, fake.proc)
    with pytest.raises(CorruptText):
        parse_numbers(MAPS[:cut])
    with MapsText(7, fake.proc) as text, pytest.raises(CorruptText):
        list(iter(partial(text.read, 16), None))


def test_texts_cut_within_a_line(tmp_path: Path) -> None:
    with pytest.raises(CorruptText):
        parse_smaps(b"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \nRss:    12")
    fake = FakeProc(tmp_path)
    fake.add_process(7)
    for name, read in (("stat", read_stat), ("status", read_status)):
        path = fake.proc / "7" / name
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(CorruptText, match=name):
            read(7, fake.proc)


def handover(*results: bytes | None) -> Handover:
    stream = ListedStream(*results)
    return Handover(stream.read, lambda: b"", None)


def test_an_iterator_that_ends_within_a_record_is_told_with_the_place() -> None:
    task = records.task()
    given = handover(task, task[:63], b"")
    assert given.read(64) == task
    with pytest.raises(CorruptStream) as caught:
        given.read(64)
    assert caught.value.offset == 64


def test_what_came_of_a_record_before_eagain_is_not_lost() -> None:
    task = records.task()
    given = handover(task[:5], None, None, task[5:40], None, task[40:])
    got: list[bytes] = []
    for _ in range(6):
        try:
            got.append(given.read(64))
        except BlockingIOError:
            continue
    assert b"".join(got) == task


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rests that are taken, which take no time here."""
    taken: list[float] = []
    monkeypatch.setattr("hpview.stream.patience.time.sleep", taken.append)
    return taken


def test_a_storm_of_eagain_does_not_keep_a_processor_busy(rests: list[float]) -> None:
    data = records.Script().end().data
    storm = [None] * (3 * patience.FREE)
    stream = ListedStream(*storm, data[:64], *storm, data[64:])
    batches = list(load(lambda: stream))
    assert b"".join(b"".join(batch.data) for batch in batches) == data
    assert rests == [patience.REST] * (4 * patience.FREE)
    assert batches[-1].progress.agains == 6 * patience.FREE
    assert stream.closed


def test_a_storm_while_all_processes_are_read_can_be_stopped(rests: list[float]) -> None:
    class Storm(ProcfsBackend):
        def open_all(self) -> ListedStream:  # type: ignore[override]
            return stream

    stream = ListedStream(*[None] * 100_000)
    with pytest.raises(HpviewError):
        Machine(Storm()).snapshot(lambda: len(rests) >= 50)
    assert stream.closed
    assert len(rests) == 50


@pytest.mark.bpf
def test_who_cannot_be_stopped_gives_up(
    rests: list[float], monkeypatch: pytest.MonkeyPatch, target: subprocess.Popen[bytes]
) -> None:
    backend = KernelBackend()
    before = descriptors()
    address = read_maps(target.pid)[0].start

    def again(*_: object) -> bytes:
        raise BlockingIOError

    monkeypatch.setattr(os, "read", again)
    with pytest.raises(BackendUnavailable, match="10,000 reads in a row brought nothing"):
        backend.page_bits(target.pid, address)
    monkeypatch.undo()
    assert len(rests) == patience.MOST - patience.FREE - 1
    assert descriptors() == before
    backend.close()
