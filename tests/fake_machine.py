"""Processes, the state of a machine and its events, made up."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from hpview.kernelfs.hugetlb import Pool
from hpview.machine import Process
from hpview.machine_state import MachineState
from hpview.wire import Source
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from hpview.events import Event

PID = 4127


class FakeEvents:
    """Events that a test tells; each telling is one burst."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._bursts: queue.SimpleQueue[list[Event]] = queue.SimpleQueue()

    def tell(self, *events: Event) -> None:
        self._bursts.put(list(events))

    def read(self, timeout: float) -> list[Event] | None:
        if self.closed.is_set():
            return None
        try:
            return self._bursts.get(timeout=min(timeout, 0.01))
        except queue.Empty:
            return []

    def close(self) -> None:
        self.closed.set()


STATE = MachineState(
    thp="madvise",
    defrag="defer+madvise",
    scan_pages=4096,
    scan_sleep=10_000,
    free_huge=3412,
    pools=(Pool(2 * MIB, 512, 128, 16, 0), Pool(GIB, 0, 0, 0, 0)),
)


def process(pid: int, command: str, **changes: object) -> Process:
    base = Process(
        pid=pid,
        user="app",
        comm=command[:15],
        cmdline=command,
        resident=pid * MIB,
        bytes_2m=0,
        bytes_1g=0,
        bytes_4k=pid * MIB,
        bytes_swap=0,
        vmas=pid % 1000,
        source=Source.BPF,
        start_time=pid,
        ppid=1,
        cgroup="/system.slice",
        bytes_gap=pid * MIB // 2,
    )
    return base._replace(**changes)  # type: ignore[arg-type]


def unreadable(pid: int, command: str, **changes: object) -> Process:
    nothing = dict.fromkeys(("bytes_2m", "bytes_1g", "bytes_4k", "vmas", "bytes_gap"))
    return process(pid, command, **{"user": "root", **nothing, **changes})


def machine() -> tuple[Process, ...]:
    """A handful of processes of all kinds, one with a hostile command line."""
    huge = {"resident": 7 * GIB, "bytes_2m": 5 * GIB, "bytes_4k": 2 * GIB, "bytes_gap": GIB}
    small = {"resident": 2 * GIB, "bytes_4k": 2 * GIB, "bytes_gap": 2 * GIB - 40 * MIB}
    app = {"cgroup": "/user.slice/app", "ppid": 5000, "change": 0, "bytes_gap": 0}
    return (
        unreadable(1, "/sbin/init", cgroup="/init.scope", ppid=0),
        process(
            880,
            "redis-server *:6379",
            user="redis",
            cgroup="/system.slice/redis",
            change=-2 * MIB,
            **small,
        ),
        process(
            PID,
            "postgres: checkpointer",
            user="postgres",
            vmas=312,
            ppid=880,
            change=6 * MIB,
            **huge,
        ),
        process(
            5000,
            "java -Xmx8g -jar server.jar",
            resident=8 * GIB,
            bytes_2m=6 * GIB,
            bytes_1g=GIB,
            bytes_4k=GIB,
            bytes_gap=800 * MIB,
            bytes_hugetlb=GIB,
            bytes_swap=300 * MIB,
            vmas=1204,
            cgroup="/user.slice/app",
        ),
        process(
            6001, "evil \x1b[31m[bold]red[/bold]\nnext \udcff", resident=8192, bytes_4k=8192, **app
        ),
        process(6002, "", comm="nameless", resident=0, bytes_4k=0, vmas=0, **app),
    )
