"""The emulated stream over all processes: what it says of a real one, and what it opens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hpview import wire
from hpview.stream import rollup
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Kind, RollupFlag, VmaFlag
from tests.children import child
from tests.fakeproc import PF_KTHREAD, FakeProc
from tests.paged import paged
from tests.test_emulated import BEST, EVERY, drain, first_pieces, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    with paged() as process:
        yield process.pid


def test_all_processes_are_rollups_with_a_task_each() -> None:
    with child("") as process, ProcfsBackend().open_all() as stream:
        chunk = wire.decode(drain(stream))
    assert chunk.kinds.tolist() == [Kind.TASK, Kind.ROLLUP] * (len(chunk.kinds) // 2) + [Kind.END]
    tgids = chunk.of(Kind.TASK)["tgid"].tolist()
    assert len(set(tgids)) == len(tgids)
    assert {process.pid, os.getpid()} <= set(tgids)
    assert len(set(chunk.of(Kind.TASK)["mm"].tolist())) == len(tgids)


def alone(pid: int, folder: Path) -> Path:
    """A procfs of a process and this one: others could make the walk a long one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in (pid, os.getpid()):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_a_rollup_is_the_sum_of_the_vmas(pid: int, features: Features, tmp_path: Path) -> None:
    with ProcfsBackend(features, alone(pid, tmp_path)).open_all() as stream:
        chunk = wire.decode(drain(stream))
    mine = chunk.of(Kind.TASK)["tgid"] == pid
    rollup = chunk.of(Kind.ROLLUP)[mine][0]
    one = streamed(pid, features)
    vmas, first = one.of(Kind.VMA), first_pieces(one)
    assert rollup["vmas"] == len(first)
    assert rollup["size"] == (first["end"] - first["start"]).sum()
    for field, parts, unit in (
        ("bytes_4k", "pages_4k", PAGE_SIZE),
        ("bytes_2m", "slots_2m", SLOT_SIZE),
        ("bytes_1g", "slots_1g", SLOT_SIZE),
        ("bytes_swap", "pages_swap", PAGE_SIZE),
    ):
        assert rollup[field] == int(vmas[parts].sum()) * unit, field
    guessed = bool((vmas["flags"] & VmaFlag.ESTIMATE).any())
    assert rollup["flags"] == RollupFlag.GAP | RollupFlag.ESTIMATE * guessed


@pytest.mark.parametrize(
    ("state", "flags", "comm"), [("S", PF_KTHREAD, b"kthreadd"), ("Z", 0, b"gone"), ("S", 0, b"x")]
)
def test_what_has_no_memory_is_passed_over_where_its_files_open_and_read_empty(
    state: str, flags: int, comm: bytes, tmp_path: Path
) -> None:
    """As those of kernel threads do on Linux 5.10 and 6.1: the stream never ended there."""
    fake = FakeProc(tmp_path)
    fake.add_process(2, state=state, flags=flags, comm=comm, pagemap=b"")
    (fake.proc / "self").unlink()
    (fake.proc / "self").symlink_to("/proc/self")
    features = Features(query=False, scan=False, kpageflags=True)
    with ProcfsBackend(features, fake.proc).open_all() as stream:
        assert wire.decode(drain(stream)).kinds.tolist() == [Kind.END]


def opened_files(pid: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files of a process a walk over all of them opens."""
    found: list[str] = []
    real_os, real_file = os.open, open

    def note(path: object) -> None:
        parts = str(path).split("/")
        if parts[:3] == ["", "proc", str(pid)]:
            found.append("/".join(parts[3:]))

    def os_open(path: Path, flags: int) -> int:
        note(path)
        return real_os(path, flags)

    def file_open(path: Path, mode: str, buffering: int) -> object:
        note(path)
        return real_file(path, mode, buffering)

    with monkeypatch.context() as patch, ProcfsBackend().open_all() as stream:
        # Else a read may end in the process, and another one open it again.
        patch.setattr(rollup, "PATIENCE", 60.0)
        patch.setattr(os, "open", os_open)
        patch.setattr("builtins.open", file_open)
        drain(stream)
    return found


@pytest.mark.skipif(not (BEST.query and BEST.scan), reason="older files are read instead")
def test_no_file_of_a_process_is_opened_but_what_the_walk_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with child("") as process:
        found = opened_files(process.pid, monkeypatch)
    # Which mounts there are is read once for all who see the same.
    assert set(found) - {"mountinfo"} == {"pagemap", "maps", "stat"}
    # Before and after the others, to tell an exec in between; and for the TASK record.
    assert found.count("stat") == 3
