"""A process that changes its address space on command, one line at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

ARENA = 0x1000_0000_0000
ARENA_SLOTS = 24
_MIB2 = 1 << 21

_PROGRAM = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.mremap.restype = ctypes.c_void_p
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                        ctypes.c_void_p]
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
me = os.open("/proc/self/mem", os.O_RDWR)
print("ready", flush=True)
for line in sys.stdin:
    word, *numbers = line.split()
    n = [int(x, 16) for x in numbers]
    if word == "map":        # address size prot
        libc.mmap(n[0], n[1], n[2], 0x32, -1, 0)
    elif word == "unmap":
        libc.munmap(n[0], n[1])
    elif word == "protect":
        libc.mprotect(n[0], n[1], n[2])
    elif word == "advise":
        libc.madvise(n[0], n[1], n[2])
    elif word == "move":     # from size to
        libc.mremap(n[0], n[1], n[1], 3, n[2])
    elif word == "touch":    # writes through /proc/self/mem: no signal where nothing is mapped
        for at in range(n[0], n[0] + n[1], 4096):
            try:
                os.pwrite(me, b"x", at)
            except OSError:
                pass
    elif word == "look":     # reads, so that zero pages come
        for at in range(n[0], n[0] + n[1], 4096):
            try:
                os.pread(me, 1, at)
            except OSError:
                pass
    elif word == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "print('ready', flush=True); input()"])
    elif word == "exit":
        os._exit(0)
    print("ok", flush=True)
"""


class Mutant:
    """The parent's end of it. Between two commands the process is stopped."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid
        self._stop()

    def _stop(self) -> None:
        """Stop it, so that not even a page fault happens while it is read; or it has exited."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def do(self, word: str, *numbers: int) -> None:
        """Carry out one change and wait until it is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = " ".join([word, *(f"{n:x}" for n in numbers)])
        os.kill(self.pid, signal.SIGCONT)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer in (b"ok\n", b"ready\n", b""), answer
        self._stop()

    def mutate(self, chance: random.Random) -> None:
        """One random change in the arena."""
        start = ARENA + chance.randrange(ARENA_SLOTS * 16) * (_MIB2 // 16)
        size = chance.choice((1, 2, 16, 17, 64, 256, 512, 513, 1024, 2048)) * 4096
        match chance.choice(("map", "unmap", "protect", "advise", "move", "touch", "look")):
            case "map":
                self.do("map", start, size, 3)
            case "unmap":
                self.do("unmap", start, size)
            case "protect":
                self.do("protect", start, size, chance.choice((0, 1, 3, 5)))
            case "advise":
                # HUGEPAGE, NOHUGEPAGE, DONTNEED, COLLAPSE, GUARD_INSTALL, GUARD_REMOVE
                self.do("advise", start, size, chance.choice((14, 15, 4, 25, 25, 102, 103)))
            case "move":
                target = ARENA + chance.randrange(ARENA_SLOTS * 16) * (_MIB2 // 16)
                self.do("move", start, size, target)
            case word:
                self.do(word, start, size)


@contextmanager
def mutant() -> Iterator[Mutant]:
    """Start one; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield Mutant(process)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
