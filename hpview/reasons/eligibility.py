"""What of each VMA keeps huge pages out of all of it, and what the kernel says of that itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.in_force import ProcessThp
from hpview.reasons import modes
from hpview.reasons.advice import Advice
from hpview.reasons.bits import ReasonBits
from hpview.reasons.kinds import SHARED_KINDS, THP_KINDS, VmaKind, huge_able, kinds
from hpview.reasons.modes import Mode
from hpview.reasons.reason import Reason
from hpview.space.names import named
from hpview.wire import PAGE_SIZE, SLOT_SIZE, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce, Kernel
    from hpview.kernelfs.thp import SizeSetting
    from hpview.space.address_space import AddressSpace

    Mask = NDArray[np.bool_]

ANY_FILE_MAY_BE_DATA: Final[Kernel] = (6, 8)
"""Until then READ_ONLY_THP_FOR_FS wanted VM_EXEC (7fbb5e188248)."""

_NO_OPTION: Final[Kernel] = (7, 2)
"""From then on there is no READ_ONLY_THP_FOR_FS: the file system decides."""

_FILES: Final = (*SHARED_KINDS, VmaKind.FILE)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The rules applied to every VMA.

    Attributes:
        kind: ``VmaKind``, uint8, shape (n,).
        advice: ``Advice``, uint8, shape (n,).
        support: ``Support``, uint8, shape (n,).
        huge_able: Counted by coverage, bool, shape (n,).
        obstacles: Bits of every ``Reason`` that holds for the VMA as a whole, uint32,
            shape (n,): what an aligned slot inside it cannot get past.
    """

    kind: NDArray[np.uint8]
    advice: NDArray[np.uint8]
    support: NDArray[np.uint8]
    huge_able: Mask
    obstacles: NDArray[np.uint32]


def judged(space: AddressSpace, in_force: InForce, advice: NDArray[np.uint8]) -> Eligibility:
    """Apply the rules to every VMA (mm/huge_memory.c, __thp_vma_allowable_orders()).

    Args:
        space: What is known.
        in_force: The settings.
        advice: ``Advice`` of each VMA, shape (n,).
    """
    kind = kinds(space, in_force)
    able = huge_able(space, kind)
    bits = ReasonBits(np.zeros(len(space.vmas), dtype=np.uint32))
    vmas = space.vmas
    bits.add(Reason.KIND, kind == VmaKind.SPECIAL)
    bits.add(Reason.TOO_SMALL, vmas["end"] - vmas["start"] < SLOT_SIZE)
    bits.add(Reason.MISALIGNED, np.isin(kind, _FILES) & ~congruent(space, SLOT_SIZE))
    thp = np.isin(kind, THP_KINDS)
    support = file_support(space, in_force, kind)
    # What is one folio in the page cache is mapped by a PMD whatever the THP settings, unless
    # they are off for the VMA or the process (mm/memory.c, do_set_pmd()).
    cached = support == Support.CACHE
    bits.add(Reason.NOHUGEPAGE, thp & (advice == Advice.NOHUGEPAGE))
    if in_force.process is ProcessThp.DISABLED:
        bits.add(Reason.PROCESS_OFF, thp)
    elif in_force.process is ProcessThp.ADVISED_ONLY:
        bits.add(Reason.PROCESS_OFF, thp & ~cached & (advice != Advice.HUGEPAGE))
    mode = modes_of(space, in_force, kind)
    unsure = _unlinked(space, in_force, kind, mode)
    # Where it is not known whether a file can be huge at all, no setting is to blame.
    by_mode = thp & ~cached & ~unsure & (support != Support.UNKNOWN)
    shared = np.isin(kind, SHARED_KINDS)
    bits.add(Reason.SHMEM_OFF, by_mode & shared & (mode == Mode.NEVER))
    bits.add(Reason.OFF, by_mode & ~shared & (mode == Mode.NEVER))
    bits.add(Reason.NOT_ADVISED, by_mode & (mode == Mode.ADVISED) & (advice == Advice.NONE))
    unknown = by_mode & (mode == Mode.ADVISED) & (advice == Advice.UNKNOWN)
    bits.add(Reason.FILE, support == Support.NO)
    bits.add(Reason.COPIED, _copied(space, kind))
    bits.add(Reason.CANNOT_TELL, unknown | unsure | (support == Support.UNKNOWN))
    return Eligibility(kind, advice, support, able, bits.rows)


def _copied(space: AddressSpace, kind: NDArray[np.uint8]) -> Mask:
    """Which VMAs hold private copies of file pages where they were written to, shape (n,).

    What is writable no more, such as what the dynamic linker relocated, still counts
    against the limit of committed memory (mm/mmap.c, accountable_mapping()).
    """
    flags = space.vmas["vm_flags"]
    written = (flags & np.uint64(VmFlag.WRITE | VmFlag.ACCOUNT)) != 0
    private = (flags & np.uint64(VmFlag.SHARED | VmFlag.MAYSHARE)) == 0
    copied: Mask = np.isin(kind, _FILES) & written & private
    return copied


def congruent(space: AddressSpace, size: int) -> Mask:
    """Which VMAs have addresses and file offsets that agree modulo a size, shape (n,).

    include/linux/huge_mm.h, thp_vma_suitable_order().
    """
    vmas = space.vmas
    agree: Mask = (vmas["start"] - vmas["pgoff"] * np.uint64(PAGE_SIZE)) % np.uint64(size) == 0
    return agree


def modes_of(
    space: AddressSpace,
    in_force: InForce,
    kind: NDArray[np.uint8],
    size: SizeSetting | None = None,
) -> NDArray[np.uint8]:
    """The ``Mode`` of the setting that rules each VMA, shape (n,); NEVER where none does.

    Args:
        space: What is known.
        in_force: The settings.
        kind: ``VmaKind`` of each VMA.
        size: Of the folio; None stands for that of a PMD leaf.
    """
    out = np.full(len(kind), Mode.NEVER, dtype=np.uint8)
    out[kind == VmaKind.ANON] = modes.anon(in_force, size).mode
    out[kind == VmaKind.SHMEM] = modes.shmem(in_force, size).mode
    out[kind == VmaKind.SYSV] = modes.sysv(in_force).mode
    out[kind == VmaKind.FILE] = modes.file(in_force).mode
    dev = space.vmas["dev"]
    for number in np.unique(dev[kind == VmaKind.TMPFS]).tolist():
        mode = modes.tmpfs(in_force, in_force.mounts.get(number)).mode
        out[(kind == VmaKind.TMPFS) & (dev == number)] = mode
    return out


def _unlinked(
    space: AddressSpace, in_force: InForce, kind: NDArray[np.uint8], mode: NDArray[np.uint8]
) -> Mask:
    """Files of a tmpfs without a name, where it matters when they lost it; shape (n,)."""
    gone: Mask = (kind == VmaKind.TMPFS) & named(space, lambda name: name.endswith(" (deleted)"))
    for number in np.unique(space.vmas["dev"][gone]).tolist():
        other = modes.unlinked(in_force, in_force.mounts.get(number)).mode
        gone &= (space.vmas["dev"] != number) | (mode != other)
    return gone


class Support(IntEnum):
    """Whether a file can be huge at all."""

    OTHER = 0
    """It is no file."""
    NO = 1
    UNKNOWN = 2
    KHUGEPAGED = 3
    """READ_ONLY_THP_FOR_FS: khugepaged puts clean pages of it together."""
    CACHE = 4
    """The file system's page cache holds large folios, up to 2 MB, as readahead makes them."""


def file_support(
    space: AddressSpace, in_force: InForce, kind: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """The ``Support`` of each VMA, shape (n,)."""
    out = np.zeros(len(kind), dtype=np.uint8)
    file = kind == VmaKind.FILE
    vmas = space.vmas
    by_config = {True: Support.KHUGEPAGED, False: Support.NO, None: Support.UNKNOWN}
    option = in_force.read_only_thp if in_force.kernel < _NO_OPTION else False
    out[file] = by_config[option]
    if in_force.kernel < ANY_FILE_MAY_BE_DATA:
        out[file & ((vmas["vm_flags"] & np.uint64(VmFlag.EXEC)) == 0)] = Support.NO
    for number in np.unique(vmas["dev"][file]).tolist():
        here = file & (vmas["dev"] == number)
        large = modes.has_large_folios(in_force.mounts.get(number), in_force.kernel)
        if large:
            out[here] = Support.CACHE
        elif large is None:
            out[here & (out == Support.NO)] = Support.UNKNOWN
    return out
