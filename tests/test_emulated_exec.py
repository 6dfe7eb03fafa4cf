"""exec() in mid-read: noticed by the emulation, whoever keeps the old address space."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hpview import wire
from hpview.kernelfs import pagemap
from hpview.kernelfs.maps import read_maps
from hpview.stream import opener
from hpview.stream.emulated import ProcfsBackend
from hpview.wire import (
    Kind,
    Status,
)
from tests.children import child
from tests.test_emulated import EVERY, after_first, drain, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.features import Features


EXEC = f"""
import os, signal
again = "import sys; print('again', flush=True); sys.stdin.read()"
signal.signal(signal.SIGUSR1, lambda *_: os.execv({sys.executable!r}, ["x", "-c", again]))
"""


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_an_exec_in_mid_read_is_told_by_another_task_record(features: Features) -> None:
    with child(EXEC) as process, after_first(process, features) as stream:
        process.send_signal(signal.SIGUSR1)
        assert process.stdout is not None
        assert process.stdout.readline() == b"again\n"
        data = drain(stream)
        maps = read_maps(process.pid)
    chunk = wire.decode(data)
    assert chunk.of(Kind.TASK)["mm"].tolist() == [2]
    assert set(chunk.of(Kind.VMA)["start"].tolist()) <= {m.start for m in maps}
    assert chunk.of(Kind.VMA)["end"][-1] == maps[-1].end
    assert status_of(data) is Status.COMPLETE


VFORK = f"""
import os, sys
again = "import sys; print('again', flush=True); sys.stdin.read()"
os.posix_spawn({sys.executable!r}, ["x", "-c", again], {{}},
               file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
sys.stdin.read()
"""
"""Its child shares the mm until somebody opens the FIFO to write, and calls exec() then."""


@contextmanager
def vforked(fifo: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The pid of the child, and its parent, whose standard output it has."""
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-c", VFORK, str(fifo)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (found := children.read_text().split()):
            pass
        yield int(found[0]), process
    finally:
        process.kill()
        process.communicate()
        if found:
            with suppress(ProcessLookupError):
                os.kill(int(found[0]), signal.SIGKILL)


@pytest.mark.parametrize("features", EVERY, ids=str)
def test_an_exec_is_told_though_another_process_keeps_the_old_mm(
    features: Features, tmp_path: Path
) -> None:
    with vforked(tmp_path / "fifo") as (pid, parent), ProcfsBackend(features).open(pid) as stream:
        first = wire.decode(stream.read(64) + stream.read(64))
        before = {m.start for m in read_maps(pid)}
        assert set(first.of(Kind.VMA)["start"].tolist()) <= before
        with (tmp_path / "fifo").open("wb"):
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"again\n"
            data = drain(stream)
            maps = read_maps(pid)
    chunk = wire.decode(data)
    assert chunk.of(Kind.TASK)["mm"].tolist() == [2]
    assert set(chunk.of(Kind.VMA)["start"].tolist()) <= {m.start for m in maps}
    assert chunk.of(Kind.VMA)["end"][-1] == maps[-1].end
    assert status_of(data) is Status.COMPLETE


@pytest.mark.parametrize("place", ["opening", "opened", "asked"])
@pytest.mark.parametrize("features", EVERY, ids=str)
def test_an_exec_while_the_next_read_opens_is_told(
    features: Features, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with child(EXEC) as process, after_first(process, features) as stream:
        done: list[bool] = []

        def once() -> None:
            if not done:
                done.append(True)
                process.send_signal(signal.SIGUSR1)
                assert process.stdout is not None
                assert process.stdout.readline() == b"again\n"

        owner, name = {
            "opening": (pagemap.Pagemap, "__init__"),
            "opened": (opener, "read_image"),
            "asked": (opener._OpenMm, "is_before"),
        }[place]
        real = getattr(owner, name)

        def hooked(*args: object) -> object:
            if place != "asked":
                once()
                return real(*args)
            answer = real(*args)
            once()
            return answer

        monkeypatch.setattr(owner, name, hooked)
        data = drain(stream)
        maps = read_maps(process.pid)
    assert done
    chunk = wire.decode(data)
    assert chunk.of(Kind.TASK)["mm"].tolist() == [2]
    assert set(chunk.of(Kind.VMA)["start"].tolist()) <= {m.start for m in maps}
    assert status_of(data) is Status.COMPLETE
