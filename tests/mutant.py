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

Command = tuple[str, *tuple[int, ...]]

_PROGRAM = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if "no THP" in sys.argv:
    assert libc.prctl(41, 1, 0, 0, 0) == 0  # PR_SET_THP_DISABLE
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.mremap.restype = ctypes.c_void_p
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                        ctypes.c_void_p]
me = os.open("/proc/self/mem", os.O_RDWR)
file = os.memfd_create("target")
os.truncate(file, 1 << 30)
print("ready", flush=True)
for line in sys.stdin:
    word, *numbers = line.split()
    n = [int(x, 16) for x in numbers]
    if word == "map":        # address size prot; NORESERVE, or what was writable never merges again
        libc.mmap(n[0], n[1], n[2], 0x4032, -1, 0)
    elif word == "file":     # address size prot offset: shared memory
        libc.mmap(n[0], n[1], n[2], 0x11, file, n[3])
    elif word == "unmap":
        libc.munmap(n[0], n[1])
    elif word == "protect":
        libc.mprotect(n[0], n[1], n[2])
    elif word == "comb":     # address size prot: every other page
        for at in range(n[0], n[0] + n[1], 8192):
            libc.mprotect(at, 4096, n[2])
    elif word == "advise":
        libc.madvise(n[0], n[1], n[2])
    elif word == "remap":    # from size size flags to
        libc.mremap(*n)
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

_HUGEPAGE, _NOHUGEPAGE, _DONTNEED, _COLLAPSE = 14, 15, 4, 25
_POPULATE_READ, _POPULATE_WRITE, _GUARD_INSTALL, _GUARD_REMOVE = 22, 23, 102, 103
_MAYMOVE, _FIXED, _DONTUNMAP = 1, 2, 4


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
        self.do_all([(word, *numbers)])

    def do_all(self, commands: list[Command]) -> None:
        """Carry out changes, waking it once. Nothing may follow exec or exit."""
        if not commands:
            return
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        lines = [f"{word} {' '.join(f'{n:x}' for n in numbers)}\n" for word, *numbers in commands]
        os.kill(self.pid, signal.SIGCONT)
        self.process.stdin.write("".join(lines).encode())
        self.process.stdin.flush()
        for _ in commands:
            answer = self.process.stdout.readline()
            assert answer in (b"ok\n", b"ready\n", b""), answer
        self._stop()

    def mutate(self, chance: random.Random, times: int = 1) -> list[Command]:
        """Random changes in the arena; returns what they were."""
        commands = [command for _ in range(times) for command in random_change(chance)]
        self.do_all(commands)
        return commands


def random_change(chance: random.Random) -> list[Command]:
    """One change somewhere in the arena."""
    start = _somewhere(chance)
    size = chance.choice((1, 2, 16, 17, 64, 256, 512, 513, 1024)) * 4096
    kinds = ("map", "huge", "file", "unmap", "protect", "comb", "advise", "remap", "touch", "look")
    match chance.choice((*kinds, "huge", "collapse", "collapse", "advise")):
        case "map":
            return [("map", start, size, 3)]
        case "huge" | "collapse" as word:
            return _random_slots(chance, word)
        case "file":
            return [("file", start, size, 3, chance.randrange(512) * 4096)]
        case "protect":
            return [("protect", start, size, chance.choice((0, 1, 3, 5)))]
        case "comb":
            return [("comb", start, min(size, 16 * 4096), chance.choice((1, 3)))]
        case "advise":
            small = min(size, 17 * 4096)
            advices = (_HUGEPAGE, _NOHUGEPAGE, _POPULATE_READ, _POPULATE_WRITE)
            tearing = (_DONTNEED, _GUARD_INSTALL, _GUARD_REMOVE)
            if chance.randrange(2):
                return [("advise", start, size, chance.choice(advices))]
            return [("advise", start, small, chance.choice(tearing))]
        case "remap":
            return [_random_remap(chance, start, size)]
        case "touch" | "look" as word:
            return [(word, start, min(size, 64 * 4096))]
        case word:
            return [(word, start, size)]


def _random_slots(chance: random.Random, word: str) -> list[Command]:
    """Whole slots: 2 MB pages or huge zero pages anew, or what is there collapsed."""
    place = (_slot(chance), chance.choice((1, 1, 2, 3)) * _MIB2)
    if word == "collapse":
        return [("advise", *place, _COLLAPSE)]
    fill = chance.choice((_POPULATE_READ, _POPULATE_WRITE, _POPULATE_WRITE))
    return [("map", *place, 3), ("advise", *place, _HUGEPAGE), ("advise", *place, fill)]


def _random_remap(chance: random.Random, start: int, size: int) -> Command:
    """Grow or shrink in place, move, or move what is mapped and leave the VMA."""
    target = _somewhere(chance)
    if chance.randrange(2):
        # So that tables and 2 MB pages move whole.
        start, size, target = _slot(chance), -(-size // _MIB2) * _MIB2, _slot(chance)
    match chance.choice(("grow", "shrink", "move", "move", "leave")):
        case "grow":
            return ("remap", start, size, size + chance.choice((1, 16, 512)) * 4096, 0, 0)
        case "shrink":
            return ("remap", start, size, max(size // 2 & -4096, 4096), 0, 0)
        case "move":
            return ("remap", start, size, size, _MAYMOVE | _FIXED, target)
        case _:
            return ("remap", start, size, size, _MAYMOVE | _FIXED | _DONTUNMAP, target)


def _slot(chance: random.Random) -> int:
    return ARENA + chance.randrange(ARENA_SLOTS) * _MIB2


def _somewhere(chance: random.Random) -> int:
    return ARENA + chance.randrange(ARENA_SLOTS * 16) * (_MIB2 // 16)


@contextmanager
def mutant(*, thp: bool = True) -> Iterator[Mutant]:
    """Start one; it is killed at the end.

    Args:
        thp: Whether it may have transparent huge pages; if not, not even MADV_COLLAPSE makes any.
    """
    arguments = [] if thp else ["no THP"]
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
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
