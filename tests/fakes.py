"""Services without a kernel: scripted processes, and streams that wait for the test."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from hpview.errors import HpviewError, NoSuchProcess
from hpview.kernelfs.maps import Mapping
from hpview.machine import Snapshot
from hpview.pages.page import PAGE, PageBit, SlotPages
from hpview.pages.slot_facts import NO_FACTS
from hpview.pages.states import PageState
from hpview.services import Services
from hpview.stream.base import CHUNK_SIZE, Resume
from hpview.wire import Backing, Source, VmaFlag, VmFlag
from tests.fake_acting import FakeActing
from tests.fake_host import BY_NODE, DELAYS, LEDGER, SAMPLES
from tests.fake_machine import PID as PID
from tests.fake_machine import STATE, FakeEvents
from tests.fake_machine import machine as machine
from tests.fake_machine import process as process
from tests.fake_machine import unreadable as unreadable
from tests.fake_slots import sample_slots
from tests.piloting import PATIENCE as PATIENCE
from tests.piloting import drive as drive
from tests.piloting import press as press
from tests.piloting import rested as rested
from tests.piloting import settled as settled
from tests.piloting import until as until
from tests.records import GIB, MIB, Script, run
from tests.settings_in_force import in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hpview.host.delays import Delays
    from hpview.host.ledger import Ledger
    from hpview.host.nodes import ByNode
    from hpview.host.sample import Sample
    from hpview.host.unread import Unread
    from hpview.in_force import InForce
    from hpview.kernelfs.smaps import Smaps
    from hpview.machine import Process
    from hpview.machine_state import MachineState
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_RX = VmFlag.READ | VmFlag.EXEC
_RW = VmFlag.READ | VmFlag.WRITE


class FakeStream:
    """Hands over one chunk for each permit of ``gate``; EAGAIN while there is none."""

    def __init__(self, chunks: Sequence[bytes | HpviewError], gate: threading.Semaphore) -> None:
        self.source = Source.BPF
        self.resume: Resume | None = None
        self.waiting: tuple[int, int] | None = None
        self.closed = threading.Event()
        self.reads = 0
        self._chunks = list(chunks)
        self._gate = gate

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        if self.closed.is_set():
            raise ValueError("read of a closed stream")
        self.reads += 1
        if not self._gate.acquire(timeout=0.01):
            raise BlockingIOError
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if isinstance(chunk, HpviewError):
            raise chunk
        assert len(chunk) <= size
        return chunk

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FakeFacts:
    """Names from a table."""

    def __init__(self, mappings: Sequence[Mapping]) -> None:
        self._known = {mapping.start: mapping for mapping in mappings}

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        return [self._known[start] for start in starts.tolist() if start in self._known]

    def close(self) -> None:
        self._known = {}


def open_gate() -> threading.Semaphore:
    """A gate that is always open."""
    return threading.Semaphore(1_000_000)


@dataclass
class Fakes:
    """What the fake services hand out and what was done with it.

    ``scripts`` holds the chunks of each successive open; the last one repeats.
    """

    scripts: list[list[bytes | HpviewError]]
    mappings: Sequence[Mapping] = ()
    processes: tuple[Process, ...] = ()
    notices: Sequence[str] = ()
    gate: threading.Semaphore = field(default_factory=open_gate)
    snapshot_error: HpviewError | OSError | None = None
    streams: list[FakeStream] = field(default_factory=list)
    snapshots: int = 0
    state_reads: list[list[int]] = field(default_factory=list)
    states_error: HpviewError | None = None
    states: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    slots: Sequence[SlotPages] = ()
    slot_error: HpviewError | OSError | None = None
    slot_gate: threading.Semaphore = field(default_factory=open_gate)
    slot_reads: list[int] = field(default_factory=list)
    state: MachineState = STATE
    events: FakeEvents = field(default_factory=FakeEvents)
    events_error: HpviewError | None = None
    glances: dict[int, Process] = field(default_factory=dict)
    in_force: InForce = field(default_factory=in_force)
    slot_facts: Records = field(default_factory=NO_FACTS.copy)
    another: HpviewError | None = None
    smaps: Smaps | HpviewError = field(default_factory=lambda: NoSuchProcess(PID))
    samples: Sequence[Sample] = SAMPLES
    host_reads: int = 0
    ledger: Ledger = LEDGER
    delays: Delays | Unread = DELAYS
    by_node: ByNode = BY_NODE
    nodes_asked: list[tuple[int, bool]] = field(default_factory=list)
    nodes_error: HpviewError | None = None
    host_gate: threading.Semaphore = field(default_factory=open_gate)
    acting: FakeActing = field(default_factory=FakeActing)
    no_act: str = ""

    def services(self) -> Services:
        return Services(
            notices=lambda: tuple(self.notices),
            snapshot=self._snapshot,
            glance=self._glance,
            events=self._listen,
            open=self._open,
            facts=lambda _pid: FakeFacts(self.mappings),
            pages=self._pages,
            states=self._states,
            in_force=self._in_force,
            slot_facts=self._slot_facts,
            require_same=self._require_same,
            smaps=self._smaps,
            host=self._host,
            ledger=self._ledger,
            delays=self._delays,
            nodes=self._nodes,
            close=lambda: None,
            act=None if self.no_act else self.acting.hold,
            no_act=self.no_act,
        )

    def _open(self, pid: int) -> FakeStream:
        if not self.scripts:
            raise NoSuchProcess(pid)
        script = self.scripts[min(len(self.streams), len(self.scripts) - 1)]
        self.streams.append(FakeStream(script, self.gate))
        return self.streams[-1]

    def _pages(self, _pid: int, address: int) -> SlotPages:
        self.slot_reads.append(address)
        assert self.slot_gate.acquire(timeout=PATIENCE)
        if self.slot_error is not None:
            raise self.slot_error
        nothing = SlotPages(address, address, np.zeros(0, PAGE), PageBit(0), False)
        return next((slot for slot in self.slots if slot.start <= address < slot.end), nothing)

    def _states(self, pid: int, slots: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Those of ``states``; else every third page of a slot is there, or an error is due."""
        self.state_reads.append(slots.tolist())
        if self.states_error is not None:
            raise self.states_error
        states = np.zeros((len(slots), 512), dtype=np.uint8)
        states[:, ::3] = PageState.PRESENT
        for row, slot in zip(states, slots.tolist(), strict=True):
            row[:] = self.states.get(slot, row)
        return states

    def _in_force(self, _pid: int) -> InForce:
        return self.in_force

    def _slot_facts(self, _pid: int, slots: NDArray[np.uint64]) -> Records:
        return self.slot_facts[np.isin(self.slot_facts["start"], slots)]

    def _require_same(self, _space: AddressSpace) -> None:
        if self.another is not None:
            raise self.another

    def _smaps(self, _pid: int) -> Smaps:
        if isinstance(self.smaps, HpviewError):
            raise self.smaps
        return self.smaps

    def _glance(self, pid: int) -> Process | None:
        return self.glances.get(pid)

    def _listen(self) -> FakeEvents:
        if self.events_error is not None:
            raise self.events_error
        return self.events

    def _host(self) -> Sample:
        """The next of ``samples``; the last again and again."""
        assert self.host_gate.acquire(timeout=PATIENCE)
        self.host_reads += 1
        return self.samples[min(self.host_reads, len(self.samples)) - 1]

    def _ledger(self, _stop: Callable[[], bool]) -> Ledger:
        return self.ledger

    def _delays(self, _pids: Sequence[int]) -> Delays | Unread:
        return self.delays

    def _nodes(self, pid: int, _runs: Records, small: bool, _stop: Callable[[], bool]) -> ByNode:
        self.nodes_asked.append((pid, small))
        if self.nodes_error is not None:
            raise self.nodes_error
        return self.by_node

    def _snapshot(self, _stop: Callable[[], bool]) -> Snapshot:
        self.snapshots += 1
        if self.snapshot_error is not None:
            raise self.snapshot_error
        unreadable = sum(p.bytes_2m is None for p in self.processes)
        return Snapshot(self.processes, Source.BPF, 0.038, unreadable, self.state)


_EXE, _HEAP, _THP, _MIXED = 0x560C81E00000, 0x560C84B10000, 0x7F0A00000000, 0x7F0A40000000
_NONE, _SWAPPED, _RESERVED, _LIB = 0x7F0A80000000, 0x7F0AC0000000, 0x700000000000, 0x7F3B40000000
_GIGA, _DEVICE, _STACK = 0x7F3C00000000, 0x7F3D00000000, 0x7FFDB604E000


def sample() -> Script:
    """A process with every kind of cell."""
    script = Script(PID, comm=b"postgres")
    thp = run(_THP, _THP + 300 * MIB)
    script.vma(
        _EXE,
        _EXE + 9 * MIB,
        run(_EXE, _EXE + 8 * MIB, Backing.PTE_4K, present=230),
        vm_flags=_RX,
        dev=8 << 20 | 1,
        ino=77,
        pgoff=16,
    )
    script.vma(_HEAP, _HEAP + 64 * 4096, run(_HEAP, _HEAP + 64 * 4096, Backing.PTE_4K, present=64))
    script.vma(
        _RESERVED,
        _RESERVED + 1024 * GIB,
        run(_RESERVED + 512 * GIB, _RESERVED + 512 * GIB + 2 * MIB, Backing.PTE_4K, present=9),
    )
    script.vma(_THP, _THP + 300 * MIB, thp, vm_flags=_RW | VmFlag.HUGEPAGE)
    script.vma(
        _MIXED,
        _MIXED + 128 * MIB,
        run(_MIXED, _MIXED + 32 * MIB, Backing.PTE_4K, present=512),
        run(_MIXED + 32 * MIB, _MIXED + 64 * MIB, Backing.PTE_4K, present=37, swapped=3, guard=2),
        run(_MIXED + 64 * MIB, _MIXED + 80 * MIB),
        run(_MIXED + 80 * MIB, _MIXED + 96 * MIB, Backing.ZERO, zero=512),
        run(_MIXED + 96 * MIB, _MIXED + 100 * MIB, Backing.UNKNOWN),
    )
    script.vma(_NONE, _NONE + 8 * MIB, run(_NONE, _NONE + 8 * MIB), vm_flags=0)
    script.vma(
        _SWAPPED,
        _SWAPPED + 16 * MIB,
        run(_SWAPPED, _SWAPPED + 16 * MIB, Backing.SWAP, swapped=512),
        vm_flags=_RW | VmFlag.NOHUGEPAGE,
    )
    script.vma(
        _LIB,
        _LIB + 2 * MIB,
        run(_LIB, _LIB + 2 * MIB, Backing.PTE_4K, present=512),
        vm_flags=_RX,
        dev=8 << 20 | 1,
        ino=78,
    )
    giga = run(_GIGA, _GIGA + GIB, Backing.PUD_1G)
    script.vma(_GIGA, _GIGA + GIB, giga, vm_flags=_RW | VmFlag.HUGETLB)
    script.vma(_DEVICE, _DEVICE + 4 * MIB, vm_flags=_RW | VmFlag.PFNMAP, flags=VmaFlag.SKIPPED)
    script.vma(
        _STACK, _STACK + 33 * 4096, run(_STACK, _STACK + 33 * 4096, Backing.PTE_4K, present=9)
    )
    return script


def names() -> list[Mapping]:
    """The facts of ``sample``."""
    hostile = "/srv/[bold]lib\x1b[31m\\012x.so"
    return [
        Mapping(_EXE, _EXE + 9 * MIB, _RX, 65536, 8 << 20 | 1, 77, "/usr/lib/postgresql/postgres"),
        Mapping(_HEAP, _HEAP + 64 * 4096, _RW, 0, 0, 0, "[heap]"),
        Mapping(_THP, _THP + 300 * MIB, _RW, 0, 0, 0, ""),
        Mapping(_LIB, _LIB + 2 * MIB, _RX, 0, 8 << 20 | 1, 78, hostile),
        Mapping(_STACK, _STACK + 33 * 4096, _RW, 0, 0, 0, "[stack]"),
    ]


def sample_fakes(**changes: object) -> Fakes:
    fakes = Fakes([[*sample().end().chunks()]], mappings=names(), processes=machine())
    fakes.slots = sample_slots()
    for name, value in changes.items():
        setattr(fakes, name, value)
    return fakes
