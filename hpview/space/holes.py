"""Holes: slots that have room for a huge page and memory in them, and are not huge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space import runs as runs_
from hpview.space.columns import overlap
from hpview.space.names import named
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_NEVER: Final = np.uint64(VmFlag.PFNMAP | VmFlag.IO | VmFlag.MIXEDMAP)
_HUGETLB: Final = np.uint64(VmFlag.HUGETLB)
_SLOT: Final = np.uint64(SLOT_SIZE)
_BELOW: Final = np.uint64(SLOT_SIZE - 1)
_SHMEM: Final = ("/dev/zero (deleted)", "/memfd:", "/dev/shm/", "/SYSV", "[anon_shmem:")
"""How the names of shared memory begin (mm/shmem.c, ipc/shm.c, fs/proc/task_mmu.c)."""

_ZERO: Final = "/dev/zero"
"""The name of a private mapping of that device, which is anonymous memory."""


@dataclass(frozen=True, slots=True)
class Holes:
    """Stretches of consecutive holes, each within one VMA.

    Attributes:
        start: First addresses, multiples of the slot size, ascending, uint64, shape (n,).
        end: Their ends, exclusive, multiples of the slot size, uint64, shape (n,).
        vmas: Which VMAs have any, bool, by index in ``AddressSpace.vmas``.
    """

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    vmas: NDArray[np.bool_]

    def after(self, address: int) -> int | None:
        """The start of the first stretch that begins above an address; None without one."""
        at = int(np.searchsorted(self.start, np.uint64(address), "right"))
        return int(self.start[at]) if at < len(self.start) else None

    def before(self, address: int) -> int | None:
        """The start of the last stretch that begins below an address; None without one."""
        at = int(np.searchsorted(self.start, np.uint64(address), "left"))
        return int(self.start[at - 1]) if at else None


def can_be_huge(space: AddressSpace) -> NDArray[np.bool_]:
    """Which VMAs could have huge pages if everything were set for it, shape (n,).

    Anonymous memory, shared memory and hugetlb of at least 2 MiB that no device maps: what
    ``reasons.kinds.huge_able`` tells by devices as well, and what coverage is counted over.
    Settings, advice and how a VMA lies are left out: they can be changed. Shared memory is
    known by its name here, so that of a tmpfs mounted elsewhere than on /dev/shm is not.
    """
    vmas = space.vmas
    flags = vmas["vm_flags"]
    able: NDArray[np.bool_] = (vmas["dev"] == 0) & (vmas["ino"] == 0)
    able |= named(space, _ZERO.__eq__)
    able |= named(space, lambda name: name.startswith(_SHMEM))
    able |= (flags & _HUGETLB) != 0
    able &= vmas["end"] - vmas["start"] >= _SLOT
    able &= (flags & _NEVER) == 0
    return able


def find_holes(space: AddressSpace) -> Holes:
    """The holes of an address space: whole slots of 4 kB pages where ``can_be_huge``."""
    vmas, runs = space.vmas, space.runs
    able = can_be_huge(space)
    small = runs[(runs["backing"] == Backing.PTE_4K) & (runs["present"] > 0)]
    owner = np.searchsorted(vmas["end"], small["start"], "right")
    inside = able[owner]
    small, owner = small[inside], owner[inside]
    start = (small["start"] + _BELOW) // _SLOT * _SLOT
    end = small["end"] // _SLOT * _SLOT
    some = start < end
    start, end, owner = start[some], end[some], owner[some]
    has = np.zeros(len(vmas), dtype=np.bool_)
    has[owner] = True
    joined = np.zeros(len(start), dtype=np.bool_)
    joined[1:] = (start[1:] == end[:-1]) & (owner[1:] == owner[:-1])
    heads = np.flatnonzero(~joined)
    last = np.append(heads[1:], len(start)) - 1 if len(heads) else heads
    return Holes(start[heads], end[last], has)


def unsettled(space: AddressSpace, start: int, end: int) -> Records:
    """The runs in a range of which the places of pages inside a slot are not known.

    Those of PTE tables that hold some but not all of a slot's pages, or more than one
    kind of entry.
    """
    runs = space.runs[overlap(space.runs, start, end)]
    table = np.isin(runs["backing"], (Backing.PTE_4K, Backing.SWAP, Backing.ZERO))
    table &= ~runs_.range_mask(runs, Backing.ZERO)
    counts = np.stack([runs[field] for field in runs_.COUNTS])
    kinds = (counts > 0).sum(axis=0)
    total = counts.sum(axis=0, dtype=np.int64)
    pages = ((runs["end"] - runs["start"]) // np.uint64(PAGE_SIZE)).astype(np.int64)
    full = total * runs_.slots_of(runs["start"], runs["end"]) >= pages
    found: Records = runs[table & ((kinds > 1) | ~full)]
    return found
