"""What the screens are given: they never choose where records come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from hpview.acting.target import Acting
    from hpview.events import ProcessEvents
    from hpview.facts import FactsReader
    from hpview.host.delays import Delays
    from hpview.host.ledger import Ledger
    from hpview.host.nodes import ByNode
    from hpview.host.sample import Sample
    from hpview.host.unread import Unread
    from hpview.in_force import InForce
    from hpview.kernelfs.smaps import Smaps
    from hpview.machine import Process, Snapshot
    from hpview.pages.page import SlotPages
    from hpview.space.address_space import AddressSpace
    from hpview.stream.base import Stream
    from hpview.wire import Records

BACKENDS: Final = ("auto", "bpf", "procfs")
"""What may be asked for: the first that works, the iterator, or /proc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """One process at a time, as callables.

    All but ``close`` may be called from any thread and raise HpviewError.

    Attributes:
        notices: Why something is done without, so far: sentences, untrusted.
        open: A stream over one process.
        facts: Names of its VMAs.
        close: Releases everything; idempotent.
    """

    notices: Callable[[], tuple[str, ...]]
    open: Callable[[int], Stream]
    facts: Callable[[int], FactsReader]
    close: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Readers):
    """All of the program's lower half.

    Attributes:
        snapshot: All processes now; gives up with ``machine.Stopped`` once its
            argument returns True, which it asks between two reads.
        glance: What anybody may know of a process at once; None once it is gone.
        events: A listener for process events, to be opened and read in one thread; raises
            ``events.EventsUnavailable``.
        pages: The pages of a process's slot around an address, as far as the VMA there
            reaches.
        states: ``pages.states.PageState`` of a process's slots at some addresses,
            ascending uint64 of shape (n,): uint8, shape (n, 512).
        in_force: The settings that hold for a process.
        slot_facts: What single pages tell of a process's slots at some addresses, ascending
            uint64: dtype ``pages.slot_facts.SLOT_FACTS``.
        require_same: Raises NotTheSame unless the pid of an address space still stands for
            what was read of it; to be asked after anything else that goes by the pid.
        smaps: A process's smaps. Reading it stalls the process: only where somebody asked
            for it and was told.
        host: The machine's settings and counters now, in some milliseconds.
        ledger: Who has the pages of hugetlb: reads every process, and one entry a huge page
            of those that have some. Gives up as ``snapshot`` does.
        delays: How long some processes, by pid, have waited for memory.
        nodes: The NUMA nodes of a process's memory by the runs of its address space; with
            True those of 4 kB pages too. Gives up as ``snapshot`` does.
        act: Takes hold of a process, by pid and start time, to collapse its memory; None
            where nothing may be changed.
        no_act: Why nothing may be changed, or "".
    """

    snapshot: Callable[[Callable[[], bool]], Snapshot]
    glance: Callable[[int], Process | None]
    events: Callable[[], ProcessEvents]
    pages: Callable[[int, int], SlotPages]
    states: Callable[[int, NDArray[np.uint64]], NDArray[np.uint8]]
    in_force: Callable[[int], InForce]
    slot_facts: Callable[[int, NDArray[np.uint64]], Records]
    require_same: Callable[[AddressSpace], None]
    smaps: Callable[[int], Smaps]
    host: Callable[[], Sample]
    ledger: Callable[[Callable[[], bool]], Ledger]
    delays: Callable[[Sequence[int]], Delays | Unread]
    nodes: Callable[[int, Records, bool, Callable[[], bool]], ByNode]
    act: Callable[[int, int], Acting] | None = None
    no_act: str = ""
