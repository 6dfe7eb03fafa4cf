"""Faults at the border to the kernel: something happens, or a call fails, at the n-th step."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from hpview.kernelfs import files
from hpview.stream import bpf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS: Final[tuple[tuple[Any, str], ...]] = (
    (os, "read"),
    (os, "pread"),
    (os, "preadv"),
    (os, "open"),
    (os, "listdir"),
    (os, "pidfd_open"),
    (fcntl, "ioctl"),
    (files, "open"),
    (Path, "read_bytes"),
    (Path, "read_text"),
    (bpf, "bpf"),
)
"""All by which hpview asks the kernel of a process, or for a program."""


EVERY: Final = "HPVIEW_ENDURANCE_SECONDS" in os.environ
"""Try every step, which takes minutes."""


class Border:
    """Counts calls while it is in place; just before one of them something is done.

    Args:
        step: Which call, from 0 on.
        act: Done once; what it raises the call raises.
        only: Names of the calls that count; all of them if empty.
    """

    def __init__(self, step: int, act: Callable[[], object], only: tuple[str, ...] = ()) -> None:
        self.calls = 0
        self.fired = False
        self._step = step
        self._act = act
        self._only = only
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Border:
        for owner, name in CALLS:
            if not self._only or name in self._only:
                real = io.open if owner is files else getattr(owner, name)
                self._patch.setattr(owner, name, self._counting(real), raising=False)
        return self

    def __exit__(self, *exc: object) -> None:
        self._patch.undo()

    def _counting(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            mine = self.calls == self._step and not self.fired
            self.calls += 1
            if mine:
                self.fired = True
                self._act()
            return real(*args, **kwargs)

        return call


def steps(work: Callable[[], object]) -> list[int]:
    """The steps to try: some, or with ``EVERY`` all, and one behind the last."""
    with Border(-1, lambda: None) as border:
        work()
    count = border.calls
    some = range(count) if EVERY else {*range(0, count, count // 3 or 1), count - 1}
    return [*sorted(some), 10 * count]


def failing(number: int) -> Callable[[], object]:
    """An act that makes the call fail."""

    def act() -> object:
        raise OSError(number, os.strerror(number))

    return act


_BETWEEN: Final = 0.001
"""Seconds between two looks whether a process sleeps."""

SHELL: Final = ["sh", "-c", "read line; exec cat"]
"""A small process that waits, and calls exec() when it is told to."""


@contextmanager
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A shell that sleeps in read(); it is killed at the end."""
    process = subprocess.Popen(SHELL, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        _until_asleep(process.pid, "sh")
        yield process
    finally:
        process.kill()
        process.communicate()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill and reap it."""
    process.kill()
    process.wait()


def kill_only(process: subprocess.Popen[bytes]) -> None:
    """Kill it and leave the zombie."""
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def run_other(process: subprocess.Popen[bytes]) -> None:
    """Have it call exec(), and wait until the new program sleeps."""
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    _until_asleep(process.pid, "cat")


def _until_asleep(pid: int, comm: str) -> None:
    patience = time.monotonic() + 10
    wanted = f"({comm}) S".encode()
    path = f"/proc/{pid}/stat"
    while True:
        # Not through pathlib, which a border may have replaced.
        with open(path, "rb") as file:
            if wanted in file.read():
                return
        assert time.monotonic() < patience
        time.sleep(_BETWEEN)


EXHAUSTED: Final = (errno.ENOMEM, errno.EMFILE, errno.EIO)
"""What any call may fail with."""


@contextmanager
def short(size: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reads hand over so many bytes at most, at whatever offset.

    What the kernel gives in whole entries only (pagemap, kpageflags) is cut behind it.
    """
    real_read, real_pread = os.read, os.pread

    def aligned(fd: int, wanted: int, offset: int) -> bytes:
        begin = offset & -8
        data = real_pread(fd, max(size, 16) + 8 & -8, begin)[offset - begin :]
        return data[: min(size, wanted)]

    def preadv(fd: int, buffers: list[memoryview], offset: int) -> int:
        data = aligned(fd, len(buffers[0]), offset)
        buffers[0][: len(data)] = data
        return len(data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", lambda fd, wanted: real_read(fd, min(size, wanted)))
        patch.setattr(os, "pread", lambda fd, wanted, at: aligned(fd, wanted, at))
        patch.setattr(os, "preadv", preadv)
        yield
