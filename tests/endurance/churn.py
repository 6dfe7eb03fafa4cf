"""A machine that does not hold still: forks, execs, mmaps, splits, collapses, pools, compaction."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_POOL: Final = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
_COMPACT: Final = Path("/proc/sys/vm/compact_memory")
_MOST_PAGES: Final = 4
_POOL_EVERY: Final = 2.0
_COMPACT_EVERY: Final = 5
"""Resizes of the pool between two compactions."""

_FORKS: Final = """
import ctypes, os, time
ctypes.CDLL(None).prctl(1, 9)
while True:
    pid = os.fork()
    if not pid:
        if os.getpid() % 3:
            os.execv("/bin/true", ["true"])
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.03)
"""

_TARGET: Final = r"""
import ctypes, mmap, os, random, select, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, 9)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
A, K, M, SLOTS, SMALL = 0x2000_0000_0000, 4096, 1 << 21, 24, 300
HUGEPAGE, DONTNEED, POPULATE, COLLAPSE = 14, 4, 23, 25
FILES = A + 64 * M
memfd = os.memfd_create("churn")
os.truncate(memfd, SLOTS * M)

def map_at(address, size, fd=-1):
    libc.mmap(address, size, 3, 0x100010 | (1 if fd >= 0 else 0x22), fd, 0)

def slot():
    return A + random.randrange(SLOTS) * M

def small():
    return A + 1024 * M + random.randrange(SMALL) * 16 * K

def step(what):
    if what == 0:
        libc.madvise(slot(), M, HUGEPAGE)
    elif what == 1:
        libc.madvise(slot(), M, POPULATE)
    elif what == 2:
        libc.madvise(slot(), M, COLLAPSE)
    elif what == 3:
        libc.madvise(slot() + random.randrange(512) * K, K, DONTNEED)
    elif what == 4:
        libc.madvise(slot(), M, DONTNEED)
    elif what == 5:
        map_at(small(), random.randrange(1, 16) * K)
    elif what == 6:
        libc.munmap(small(), 8 * K)
    elif what == 7:
        libc.mprotect(slot() + random.randrange(512) * K, K, random.choice((1, 3)))
    elif what == 8:
        libc.mprotect(slot(), M, 3)
    elif what == 9:
        at = random.randrange(SLOTS) * M
        map_at(FILES + at, random.randrange(1, 1024) * K, memfd)
        libc.madvise(FILES + at, 64 * K, POPULATE)
    elif not os.fork():
        os._exit(0)
    else:
        os.wait()

map_at(A, SLOTS * M)
print("ready", flush=True)
for turn in range(int(sys.argv[1])):
    step(random.randrange(11))
    if select.select([0], [], [], 0.004)[0]:
        if os.read(0, 6) != b"still\n":
            break
        print("still", flush=True)
        os.read(0, 1)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], sys.argv[1], sys.argv[2]])
"""
"""It calls exec() after so many steps, and goes on."""

_STEPS: Final = 4000


class Churn:
    """What is going on.

    Attributes:
        pid: The process to look at: its memory changes all the time.
    """

    def __init__(self, target: subprocess.Popen[bytes]) -> None:
        self.pid = target.pid
        self._target = target

    def still(self) -> None:
        """The process does nothing from now on."""
        assert self._target.stdin is not None
        assert self._target.stdout is not None
        self._target.stdin.write(b"still\n")
        self._target.stdin.flush()
        while (line := self._target.stdout.readline()) != b"still\n":
            assert line == b"ready\n"


@contextmanager
def churning() -> Iterator[Churn]:
    """All of it; pools and processes are as before afterwards."""
    forks = subprocess.Popen([sys.executable, "-c", _FORKS])
    target = subprocess.Popen(
        [sys.executable, "-c", _TARGET, str(_STEPS), _TARGET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    stop = threading.Event()
    machine = threading.Thread(target=_shake, args=(stop,))
    try:
        assert target.stdout is not None
        assert target.stdout.readline() == b"ready\n"
        if os.geteuid() == 0:
            machine.start()
        yield Churn(target)
    finally:
        stop.set()
        if machine.is_alive():
            machine.join()
        for process in (forks, target):
            process.kill()
            process.communicate()


def _shake(stop: threading.Event) -> None:
    """Resize the pool of 2 MB pages by a few, and compact memory, until it is to stop."""
    chance = random.Random(1)
    added = turn = 0
    try:
        while not stop.wait(_POOL_EVERY):
            turn += 1
            added = _resized(added, chance.randrange(_MOST_PAGES + 1))
            if turn % _COMPACT_EVERY == 0:
                _COMPACT.write_text("1")
    finally:
        _resized(added, 0)


def _resized(added: int, wanted: int) -> int:
    """How many pages are added to the pool now; somebody else may have resized it meanwhile."""
    others = max(0, int(_POOL.read_text()) - added)
    _POOL.write_text(str(others + wanted))
    return int(_POOL.read_text()) - others
