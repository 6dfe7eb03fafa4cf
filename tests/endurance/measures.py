"""What the app uses of the machine, and how long its keys take."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.app import App

_OWN = Path("/proc/self")
_libc = ctypes.CDLL(None)


class Sample(NamedTuple):
    """At one moment, after a collection of garbage.

    Attributes:
        at: Seconds since the app was begun.
        uss: Bytes of memory that nobody else has, without what the C library keeps of what
            was freed.
        rss: Resident bytes.
        descriptors: Open ones.
        bpf: Those of them that are BPF programs, maps, links and iterators.
        threads: Of Python's.
        blocks: Of memory that Python's objects have.
        tasks: Of the event loop.
        workers: Of Textual.
        screens: On the stack.
    """

    at: float
    uss: int
    rss: int
    descriptors: int
    bpf: int
    threads: int
    blocks: int
    tasks: int
    workers: int
    screens: int


def sampled(app: App[None], began: float) -> Sample:
    """One sample; takes some 100 ms in which no key is answered."""
    gc.collect()
    _libc.malloc_trim(0)
    rollup = {
        words[0]: int(words[1]) * 1024
        for line in (_OWN / "smaps_rollup").read_text().splitlines()[1:]
        if len(words := line.split()) == 3
    }
    links = [_link(name) for name in os.listdir(_OWN / "fd")]
    return Sample(
        at=time.monotonic() - began,
        uss=rollup["Private_Clean:"] + rollup["Private_Dirty:"],
        rss=rollup["Rss:"],
        descriptors=len(links),
        bpf=sum("bpf" in link for link in links),
        threads=threading.active_count(),
        # Not gc.get_objects(): a tuple that a thread is making must have no other owner.
        blocks=sys.getallocatedblocks(),
        tasks=len(asyncio.all_tasks()),
        workers=len(list(app.workers)),
        screens=len(app.screen_stack),
    )


def _link(name: str) -> str:
    try:
        return str((_OWN / "fd" / name).readlink())
    except FileNotFoundError:
        return ""  # that of the listing itself


class Stopwatch:
    """Measures how long the app itself needs: the time less what its threads waited for a CPU.

    A busy machine lets every program wait; /proc/PID/task/TID/schedstat tells how long
    (Documentation/scheduler/sched-stats.rst). What one thread makes another wait for, such as
    Python's lock, counts as the app's own.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._waited = _waited()

    def read(self) -> tuple[float, float]:
        """Seconds of its own, and seconds by the clock."""
        clock = time.perf_counter() - self._began
        return max(0.0, clock - (_waited() - self._waited)), clock


def _waited() -> float:
    """Seconds that threads of this process were ready to run and did not."""
    total = 0
    for task in os.listdir(_OWN / "task"):
        try:
            total += int((_OWN / "task" / task / "schedstat").read_text().split()[1])
        except FileNotFoundError:
            continue
    return total / 1e9
