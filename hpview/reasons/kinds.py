"""What kind of memory a VMA is, as far as huge pages differ by it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.names import named
from hpview.wire import SLOT_SIZE, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.in_force import InForce
    from hpview.space.address_space import AddressSpace


class VmaKind(IntEnum):
    """Which rules hold."""

    ANON = 0
    """Private anonymous memory, a private mapping of /dev/zero too."""
    SHMEM = 1
    """Shared memory of the kernel's own mount that has a knob for each size: memfd and
    shared anonymous memory."""
    TMPFS = 2
    """A file of a mounted tmpfs."""
    HUGETLB = 3
    FILE = 4
    SPECIAL = 5
    """[vdso] and the like, devices, and what drivers map."""
    SYSV = 6
    """SysV shared memory, on the same mount: shm_mmap() in ipc/shm.c takes other vm_ops, so
    that vma_is_anon_shmem() does not know it, and the one knob for all sizes rules it."""


SHARED_KINDS: Final = (VmaKind.SHMEM, VmaKind.SYSV, VmaKind.TMPFS)
THP_KINDS: Final = (VmaKind.ANON, *SHARED_KINDS, VmaKind.FILE)
"""Those that may be transparent huge pages."""


_DEVICE: Final = np.uint64(VmFlag.PFNMAP | VmFlag.IO | VmFlag.MIXEDMAP | VmFlag.DONTEXPAND)
_NEVER_ABLE: Final = np.uint64(VmFlag.PFNMAP | VmFlag.IO | VmFlag.MIXEDMAP)
_HUGETLB: Final = np.uint64(VmFlag.HUGETLB)
_SPECIAL_NAMES: Final = frozenset(
    {"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]", "[sigpage]", "[vectors]"}
)
_SYSV: Final = "/SYSV"
"""How ipc/shm.c, newseg(), names a segment; no path in a mounted file system is on its device."""

_ZERO: Final = "/dev/zero"
"""The name of a private mapping of that device (drivers/char/mem.c, mmap_zero)."""


def kinds(space: AddressSpace, in_force: InForce) -> NDArray[np.uint8]:
    """The ``VmaKind`` of each VMA, shape (n,)."""
    vmas = space.vmas
    out = np.full(len(vmas), VmaKind.FILE, dtype=np.uint8)
    # Of files only the device is never 0: the first SysV segment since boot has inode 0.
    out[np.isin(vmas["dev"], list(in_force.tmpfs))] = VmaKind.TMPFS
    internal = np.isin(vmas["dev"], list(in_force.internal_shmem))
    out[internal] = VmaKind.SHMEM
    out[internal & named(space, lambda name: name.startswith(_SYSV))] = VmaKind.SYSV
    # /dev may be a tmpfs itself.
    out[(vmas["dev"] == 0) | named(space, _ZERO.__eq__)] = VmaKind.ANON
    flags = vmas["vm_flags"]
    out[(flags & _DEVICE) != 0] = VmaKind.SPECIAL
    out[named(space, _SPECIAL_NAMES.__contains__)] = VmaKind.SPECIAL
    out[(flags & _HUGETLB) != 0] = VmaKind.HUGETLB
    return out


def huge_able(space: AddressSpace, kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which VMAs could have huge pages if everything were set for it, shape (n,).

    Anonymous memory, shared memory and hugetlb of at least 2 MiB: what coverage is
    counted over. How the VMA lies, its advice and the settings are reasons, not limits.

    Args:
        space: What is known.
        kind: ``VmaKind`` of each VMA, shape (n,).
    """
    vmas = space.vmas
    of_kind = np.isin(kind, (VmaKind.ANON, *SHARED_KINDS, VmaKind.HUGETLB))
    able: NDArray[np.bool_] = of_kind & (vmas["end"] - vmas["start"] >= SLOT_SIZE)
    able &= (vmas["vm_flags"] & _NEVER_ABLE) == 0
    return able
