"""Chooses where records come from. Only the command line does that, and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import BackendUnavailable
from hpview.facts import open_facts
from hpview.kernelfs import procmap_query
from hpview.machine import Machine
from hpview.pages.slot import read_slot_at
from hpview.services import Services
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.stream.state import EntryBit
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from hpview.facts import FactsReader
    from hpview.pages.page import SlotPages
    from hpview.stream.base import Backend

NAMES = ("auto", "bpf", "procfs")


def choose(name: str) -> tuple[Backend, str]:
    """Open a backend by name; ``auto`` takes bpf where it may be loaded.

    Returns:
        The backend, and why it is not bpf, or "".

    Raises:
        BackendUnavailable: The one asked for cannot be used here.
    """
    if name == "procfs":
        return ProcfsBackend(), ""
    try:
        return KernelBackend(), ""
    except BackendUnavailable as err:
        if name == "bpf":
            raise
        return ProcfsBackend(), str(err)


def services(name: str) -> Services:
    """Everything the screens need, over one backend.

    Raises:
        BackendUnavailable: As ``choose``.
    """
    backend, notice = choose(name)
    query = procmap_query.supported()

    def facts(pid: int) -> FactsReader:
        return open_facts(pid, query=query)

    def pages(pid: int, address: int) -> SlotPages:
        slot = read_slot_at(pid, address)
        if not isinstance(backend, KernelBackend) or not len(slot):
            return slot
        entries = backend.page_bits(pid, slot.start)
        if entries is None:
            return slot
        first = slot.start % SLOT_SIZE // PAGE_SIZE
        here = entries[first : first + len(slot)]
        return slot.merged(
            dirty=(here & EntryBit.DIRTY) != 0, accessed=(here & EntryBit.ACCESSED) != 0
        )

    return Services(
        backend=backend.name,
        notice=notice,
        snapshot=Machine(backend).snapshot,
        open=backend.open,
        facts=facts,
        pages=pages,
        close=backend.close,
    )
