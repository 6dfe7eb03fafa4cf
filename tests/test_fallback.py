"""What is given up when it fails, on files and fakes; live in test_degrading.py."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.errors import BackendUnavailable
from hpview.kernelfs import kpageflags, namespaces
from hpview.kernelfs.files import own_pid
from hpview.kernelfs.pagemap import Category, Entry
from hpview.notices import Notices
from hpview.pages.frames import Frames
from hpview.stream import auto
from hpview.stream.backing import EntryRegions, KpageflagsLevels
from hpview.stream.fallback import BestMappings, BestRegions
from hpview.stream.features import Features, InUse
from hpview.wire import Source
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.stream.procfs_mm import Regions


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


class FakePagemap:
    """Pages with frames of their own."""

    def read_entries(self, start: int, npages: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        first = start // 4096
        return np.arange(first, first + npages, dtype=np.uint64) | np.uint64(Entry.PRESENT)


def refused(_pfns: object) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    raise BackendUnavailable("/proc/kpageflags", "Operation not permitted")


class Nothing:
    """``Levels`` that conclude nothing."""

    def conclude(self, *_: object) -> None:
        return


def test_kpageflags_that_can_be_opened_and_not_read_are_given_up_once() -> None:
    notices = Notices()
    in_use = InUse(Features(query=True, scan=False, kpageflags=True), tell=notices.add)
    made: list[Features] = []

    def make(features: Features) -> Regions:
        made.append(features)
        levels = KpageflagsLevels(refused) if features.kpageflags else Nothing()
        return EntryRegions(FakePagemap(), levels)  # type: ignore[arg-type]

    regions = BestRegions(in_use, make)
    for start in (1 << 21, 2 << 21):
        found, until = regions.scan(start, start + 8192)
        assert (found["categories"].tolist(), until) == ([Category.PRESENT], start + 8192)
    assert [f.kpageflags for f in made] == [True, False]
    assert in_use.source == Source.SMAPS
    assert notices() == (
        "what is huge is concluded from the totals of smaps, an estimate: "
        "/proc/kpageflags is not available: Operation not permitted",
    )


def test_nothing_is_concluded_from_frame_0() -> None:
    entries = np.full(1024, int(Entry.PRESENT), np.uint64)
    categories = np.full(1024, int(Category.PRESENT), np.uint64)
    levels = KpageflagsLevels(lambda pfns: pytest.fail(f"asked for {pfns}"))
    with pytest.raises(BackendUnavailable, match="hides frame numbers"):
        levels.conclude(0, entries, categories)


def test_what_fails_without_a_next_best_is_told() -> None:
    def fail(*_: int) -> None:
        raise BackendUnavailable("smaps", "gone")

    class Failing:
        widest_gap = 0
        scan = staticmethod(fail)
        find_vma = staticmethod(fail)

    in_use = InUse(Features(query=False, scan=False, kpageflags=False))
    with pytest.raises(BackendUnavailable, match="smaps"):
        BestRegions(in_use, lambda _: Failing()).scan(0, 1)  # type: ignore[arg-type,return-value]
    twice = BestMappings(Failing(), lambda _: Failing())  # type: ignore[arg-type,return-value]
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match="smaps"):
            twice.find_vma(0)


def test_who_opens_bpf_while_it_is_given_up_meets_no_closed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused_pid, pid = 2, 1
    closed: list[str] = []

    class Kernel:
        name = "bpf"

        def open(self, pid: int) -> str:
            if pid == refused_pid:
                raise BackendUnavailable("bpf", "Operation not permitted")
            assert str(auto_backend.open(refused_pid)) == "by /proc"  # as another thread may do
            assert not closed
            return "by bpf"

        def close(self) -> None:
            closed.append("closed")

    class Procfs:
        name = "procfs"

        def __init__(self, **_: object) -> None:
            return

        def open(self, _pid: int) -> str:
            return "by /proc"

    monkeypatch.setattr(auto, "KernelBackend", Kernel)
    monkeypatch.setattr(auto, "ProcfsBackend", Procfs)
    auto_backend = auto.AutoBackend()
    assert auto_backend.name == "bpf"
    auto_backend.open(pid)
    assert auto_backend.name == "procfs"
    auto_backend.close()
    assert closed


@pytest.mark.parametrize("content", [b"", b"1234567", None])
def test_an_empty_kpageflags_tells_nothing(fake: FakeProc, content: bytes | None) -> None:
    """A directory may be opened, too, and not be read."""
    path = fake.proc / "kpageflags"
    path.mkdir() if content is None else path.write_bytes(content)
    assert not kpageflags.readable(fake.proc)
    with pytest.raises(
        BackendUnavailable, match="is empty" if content is not None else "directory"
    ):
        Frames(fake.proc)
    with pytest.raises(BackendUnavailable):
        kpageflags.read(np.zeros(1, np.uint64), fake.proc)


def test_features_are_told_by_what_is_missing(fake: FakeProc) -> None:
    notices = Notices()
    fake.add_process(os.getpid(), pagemap=bytes(8))
    in_use = InUse(root=fake.proc, tell=notices.add)
    assert in_use.features == Features(query=False, scan=False, kpageflags=False)
    (told,) = notices()
    assert told.startswith("what is huge is concluded from the totals of smaps, an estimate: ")
    assert "PAGEMAP_SCAN" in told
    # A proc that does not show us: whatever fails is given up at its first use.
    lost = FakeProc(fake.sys)
    assert InUse(root=lost.proc).features == Features(query=True, scan=True, kpageflags=True)


def test_whose_numbers_stand_in_proc(fake: FakeProc) -> None:
    pid = os.getpid()
    with pytest.raises(BackendUnavailable, match="does not show this process"):
        own_pid(fake.proc)
    status = f"Tgid:\t{pid}\nUid:\t0\t0\t0\t0\nNSpid:\t{pid}\t1\n".encode()
    fake.add_process(pid, status=status)
    assert own_pid(fake.proc) == pid
    assert "of another pid namespace" in namespaces.foreign(fake.proc)
    with pytest.raises(BackendUnavailable, match="mean other processes"):
        namespaces.require_own("bpf", fake.proc)
    assert namespaces.foreign() == ""
    namespaces.require_own("bpf")


@pytest.mark.parametrize(
    ("options", "seen", "told"),
    [
        ("rw,hidepid=invisible", False, True),
        ("rw,hidepid=invisible", True, False),
        ("rw,hidepid=off", False, False),
        ("rw", False, False),
    ],
)
def test_what_hidepid_hides_is_told(
    fake: FakeProc, options: str, *, seen: bool, told: bool
) -> None:
    fake.add_process(os.getpid(), mounts=f"proc /proc proc {options} 0 0\n".encode())
    if seen:
        fake.add_process(1)
    assert bool(namespaces.hidden(fake.proc)) == told


def test_a_notice_is_told_once() -> None:
    notices = Notices("first")
    for words in ("second", "first", "second"):
        notices.add(words)
    assert notices() == ("first", "second")
