"""hpview as it is called here: the same code that its commands run, in this process."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.rounds import timed
from bench.targets import count_vmas, huge_bytes
from hpview import assembly, backends, machine
from hpview.errors import AccessDenied, HpviewError
from hpview.scan import scan
from hpview.stream.base import CHUNK_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.facts import FactsReader
    from hpview.loader import Progress
    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.stream.base import Backend, Stream

BPF = "bpf"
PROCFS = "procfs"


@dataclass(frozen=True, slots=True)
class Engine:
    """One backend, open.

    Attributes:
        name: ``bpf`` or ``procfs``.
        services: What the commands get.
        backend: For all processes at once.
    """

    name: str
    services: Services
    backend: Backend

    def read(self, pid: int, *, names: bool = False) -> tuple[AddressSpace, Progress]:
        """A process into totals and runs, as ``hpview scan`` reads it.

        Raises:
            BenchError: It was not read whole.
        """
        services = self.services if names else replace(self.services, facts=_nameless)
        with _told():
            found = scan(services, pid)
        if not found.complete:
            raise BenchError(f"{self.name} did not read all of it")
        return found.space, found.progress

    def seconds(self, pid: int, *, names: bool = False) -> float:
        """The time of ``read``."""
        return timed(lambda: self.read(pid, names=names))

    def drained(self, pid: int) -> float:
        """Seconds to get all records of a process and do nothing with them."""

        def work() -> None:
            with _told(), self.services.open(pid) as stream:
                _drain(stream)

        return timed(work)

    def longest_reads(self, pid: int, passes: int) -> list[float]:
        """Seconds of every single read() of some passes, ascending."""
        spent: list[float] = []
        for _ in range(passes):
            with _told(), self.services.open(pid) as stream:
                data: bytes | None = None
                while data != b"":
                    began = time.perf_counter()
                    try:
                        data = stream.read(CHUNK_SIZE)
                    except BlockingIOError:
                        data = None
                    spent.append(time.perf_counter() - began)
        return sorted(spent)

    def sums(self) -> tuple[int, int]:
        """Sum up every process of the machine: how many there are, and their VMAs."""
        with _told(), self.backend.open_all() as stream:
            tasks, rollups = machine.aggregate(b"".join(_drain(stream)))
        return len(tasks), int(rollups["vmas"].sum())

    def rollup(self) -> float:
        """The time of ``sums``."""
        return timed(self.sums)

    def snapshot(self) -> float:
        """Seconds for what the list of processes shows, with users and command lines."""
        with _told():
            return timed(lambda: self.services.snapshot(lambda: False))

    def check(self, pid: int) -> str:
        """What hpview and the kernel's own sums disagree about, or ""."""
        try:
            space, _ = self.read(pid)
        except BenchError as err:
            return str(err)
        vmas, huge = count_vmas(pid), huge_bytes(pid)
        if space.totals.vmas == vmas and space.totals.bytes_2m == huge:
            return ""
        return (
            f"{self.name} saw {space.totals.vmas} VMAs with {space.totals.bytes_2m >> 20} MiB in"
            f" 2 MB pages; maps has {vmas}, smaps_rollup {huge >> 20} MiB"
        )


@contextmanager
def engines() -> Iterator[tuple[dict[str, Engine], dict[str, str]]]:
    """Open both backends: those that there are, and why the others are not."""
    found: dict[str, Engine] = {}
    missing: dict[str, str] = {}
    try:
        for name in (BPF, PROCFS):
            try:
                backend, _ = backends.choose(name)
                found[name] = Engine(name, assembly.services(name), backend)
            except HpviewError as err:
                missing[name] = str(err)
        yield found, missing
    finally:
        for engine in found.values():
            engine.services.close()
            engine.backend.close()


def _nameless(pid: int) -> FactsReader:
    """Names that may not be read are left out."""
    raise AccessDenied(pid, "not asked for")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except HpviewError as err:
        raise BenchError(str(err)) from err


def _drain(stream: Stream) -> list[bytes]:
    chunks: list[bytes] = []
    while True:
        try:
            chunk = stream.read(CHUNK_SIZE)
        except BlockingIOError:
            continue
        if not chunk:
            return chunks
        chunks.append(chunk)
