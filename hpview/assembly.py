"""Puts the program's lower half together: streams, the machine, single pages."""

from __future__ import annotations

from dataclasses import fields
from threading import Lock
from typing import TYPE_CHECKING

from hpview import backends
from hpview.acting.target import Target
from hpview.events import unlistened
from hpview.host.delays import unasked
from hpview.host.ledger import read_ledger
from hpview.host.nodes import by_node
from hpview.host.sample import Sampler
from hpview.in_force import read_in_force
from hpview.inquiry.same import require_same
from hpview.kernelfs.files import MOUNT_SYSFS, without_sysfs
from hpview.kernelfs.smaps import read_smaps
from hpview.machine import Machine
from hpview.pages.slot import read_slot_at
from hpview.pages.slot_facts import read_slot_facts
from hpview.pages.states import read_states
from hpview.services import Readers, Services
from hpview.stream.auto import AutoBackend
from hpview.stream.kernel import KernelBackend
from hpview.stream.state import EntryBit
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hpview.events import ProcessEvents
    from hpview.host.delays import Delays
    from hpview.host.unread import Unread
    from hpview.machine import Snapshot
    from hpview.pages.page import SlotPages
    from hpview.stream.base import Backend


def services(
    name: str,
    events: Callable[[], ProcessEvents] = unlistened,
    delays: Callable[[Sequence[int]], Delays | Unread] = unasked,
    *,
    no_act: str = "only looking is wanted here",
) -> Services:
    """Everything the screens need, over one backend.

    Args:
        name: As ``backends.choose``.
        events: As ``Services.events``; importing what it needs is its own affair.
        no_act: As ``Services.no_act``; "" lets memory be collapsed.
        delays: As ``Services.delays``; the same.

    Raises:
        BackendUnavailable: As ``backends.choose``.
    """
    backend, notices = backends.choose(name)
    readers = backends.readers(backend, notices)
    machine = Machine(backend, notices.add)
    if why := without_sysfs():
        notices.add(f"{why}: settings and hugetlb pools are not known; {MOUNT_SYSFS}")

    def pages(pid: int, address: int) -> SlotPages:
        return _pages(backend, pid, address)

    return Services(
        **{field.name: getattr(readers, field.name) for field in fields(Readers)},
        snapshot=_one_after_the_other(machine),
        glance=machine.glance,
        events=events,
        pages=pages,
        states=read_states,
        in_force=read_in_force,
        slot_facts=read_slot_facts,
        require_same=require_same,
        smaps=read_smaps,
        host=Sampler().read,
        ledger=read_ledger,
        delays=delays,
        nodes=by_node,
        act=None if no_act else Target,
        no_act=no_act,
    )


def _one_after_the_other(machine: Machine) -> Callable[[Callable[[], bool]], Snapshot]:
    """Snapshots of a machine, which takes one at a time: two screens may want one at once."""
    lock = Lock()

    def snapshot(stop: Callable[[], bool]) -> Snapshot:
        with lock:
            return machine.snapshot(stop)

    return snapshot


def _pages(backend: Backend, pid: int, address: int) -> SlotPages:
    """What /proc tells of the pages, with what only the page table has where BPF may read it."""
    slot = read_slot_at(pid, address)
    if not isinstance(backend, KernelBackend | AutoBackend) or not len(slot):
        return slot
    entries = backend.page_bits(pid, slot.start)
    if entries is None:
        return slot
    first = slot.start % SLOT_SIZE // PAGE_SIZE
    here = entries[first : first + len(slot)]
    return slot.merged(dirty=(here & EntryBit.DIRTY) != 0, accessed=(here & EntryBit.ACCESSED) != 0)
