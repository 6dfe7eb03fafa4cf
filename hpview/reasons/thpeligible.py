"""What the kernel prints as THPeligible in smaps, foretold without reading smaps."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.in_force import ProcessThp
from hpview.reasons import modes
from hpview.reasons.advice import Advice
from hpview.reasons.eligibility import Support, congruent, modes_of
from hpview.reasons.kinds import SHARED_KINDS, THP_KINDS, VmaKind
from hpview.reasons.modes import Mode
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce, Kernel
    from hpview.kernelfs.thp import SizeSetting
    from hpview.reasons.eligibility import Eligibility
    from hpview.space.address_space import AddressSpace

    Mask = NDArray[np.bool_]

_ANY_SIZE: Final[Kernel] = (6, 8)
"""Since then THPeligible means any size that is enabled, before it the PMD's only."""

_SYSV: Final[Kernel] = (6, 0)
"""Before, smaps went by vm_ops, and those of SysV shared memory are its own: it was told not to
be eligible, and was huge all the same (9fec51689ff6)."""

_SMALL_FILES: Final[Kernel] = (6, 12)
_SMALL_TMPFS: Final[Kernel] = (7, 0)
"""Since then the order of a PMD is not the only one that they may have."""

_NOT_NARROWED: Final[tuple[Kernel, Kernel]] = (6, 12), (6, 16)
"""From the one until the other shared memory is told eligible by a size that is allowed, whether
or not that fits, as soon as any does: 26c7d8413aaf mended it."""
_SMALLEST: Final = 2 * PAGE_SIZE

_HUGE_FAULT: Final = frozenset({"xfs"})
"""File systems whose vm_ops have huge_fault: they are believed to know what they do."""


class Foretold(IntEnum):
    """The value of THPeligible."""

    NO = 0
    YES = 1
    UNKNOWN = 2
    """It hangs on what is not known here, such as advice, or the size of a file."""


def thp_eligible(
    space: AddressSpace, in_force: InForce, eligibility: Eligibility
) -> NDArray[np.uint8]:
    """``Foretold`` of each VMA, shape (n,).

    mm/huge_memory.c, __thp_vma_allowable_orders() with TVA_SMAPS: any folio size that is
    allowed and fits counts, so YES promises no PMD leaf.
    """
    out = np.zeros(len(space.vmas), dtype=np.uint8)
    sizes: tuple[SizeSetting | None, ...] = modes.sizes(in_force)
    if in_force.kernel < _ANY_SIZE or not sizes:
        sizes = (None,)
    for size in sizes:
        found = _by_size(space, in_force, eligibility, size)
        out[(found == Foretold.UNKNOWN) & (out == Foretold.NO)] = Foretold.UNKNOWN
        out[found == Foretold.YES] = Foretold.YES
    unknown = eligibility.advice == Advice.UNKNOWN
    if in_force.process in (ProcessThp.NOT_DISABLED, ProcessThp.UNKNOWN):
        unknown |= eligibility.advice != Advice.HUGEPAGE
    out[(out == Foretold.YES) & unknown] = Foretold.UNKNOWN
    refused = eligibility.advice == Advice.NOHUGEPAGE
    if in_force.process is ProcessThp.ADVISED_ONLY:
        refused |= eligibility.advice == Advice.NONE
    out[refused | (in_force.process is ProcessThp.DISABLED)] = Foretold.NO
    return out


def _by_size(
    space: AddressSpace, in_force: InForce, eligibility: Eligibility, size: SizeSetting | None
) -> NDArray[np.uint8]:
    kind, advice = eligibility.kind, eligibility.advice
    wanted = SLOT_SIZE if size is None else size.size
    mode = modes_of(space, in_force, kind, size)
    fits = _fits(space, kind, wanted)
    unfit = np.zeros(len(kind), dtype=bool)
    if _NOT_NARROWED[0] <= in_force.kernel < _NOT_NARROWED[1]:
        unfit = np.isin(kind, SHARED_KINDS) & _fits(space, kind, _SMALLEST) & ~fits
    room = np.isin(kind, _kinds_of(wanted, in_force.kernel)) & (fits | unfit)
    room &= (kind != VmaKind.FILE) | _file_may(space, in_force, eligibility.support)
    allowed = mode == Mode.ALWAYS
    by_advice = (mode == Mode.ADVISED) | (mode == Mode.WITHIN_SIZE)
    allowed |= by_advice & (advice == Advice.HUGEPAGE)
    # The size of the file decides, which is not known here.
    allowed &= ~(unfit & (mode == Mode.WITHIN_SIZE))
    unknown = (mode == Mode.WITHIN_SIZE) & ~allowed
    unknown |= (mode == Mode.ADVISED) & (advice == Advice.UNKNOWN)
    out = np.zeros(len(kind), dtype=np.uint8)
    out[room & allowed] = Foretold.YES
    out[room & unknown] = Foretold.UNKNOWN
    return out


def _kinds_of(size: int, kernel: Kernel) -> tuple[VmaKind, ...]:
    """Which kinds of memory ask for folios of a size."""
    if size == SLOT_SIZE:
        return tuple(kind for kind in THP_KINDS if kind is not VmaKind.SYSV or kernel >= _SYSV)
    small = [VmaKind.ANON, VmaKind.SHMEM]
    if kernel >= _SMALL_FILES:
        small.append(VmaKind.FILE)
    if kernel >= _SMALL_TMPFS:
        small += [VmaKind.TMPFS, VmaKind.SYSV]
    return tuple(small)


def _fits(space: AddressSpace, kind: NDArray[np.uint8], size: int) -> Mask:
    """Whether an aligned block of a size lies in the VMA and, in a file, at a like offset."""
    vmas = space.vmas
    unit = np.uint64(size)
    first = (vmas["start"] + np.uint64(size - 1)) // unit
    fits: Mask = first < vmas["end"] // unit
    fits &= (kind == VmaKind.ANON) | congruent(space, size)
    return fits


def _file_may(space: AddressSpace, in_force: InForce, support: NDArray[np.uint8]) -> Mask:
    devs = [dev for dev, mount in in_force.mounts.items() if mount.kind in _HUGE_FAULT]
    by_config = in_force.read_only_thp is True
    may: Mask = (support == Support.KHUGEPAGED) | np.isin(space.vmas["dev"], devs)
    may |= (support == Support.CACHE) & by_config
    return may
