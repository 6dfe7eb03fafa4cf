"""Which setting rules a kind of memory: always, where advised, or never."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.reasons.kinds import VmaKind
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from hpview.in_force import InForce, Kernel
    from hpview.kernelfs.mounts import Mount
    from hpview.kernelfs.thp import SizeSetting

THP: Final = "/sys/kernel/mm/transparent_hugepage"


class Mode(IntEnum):
    """What a setting allows."""

    NEVER = 0
    ADVISED = 1
    WITHIN_SIZE = 2
    """Where the page lies within the file's size, or is advised."""
    ALWAYS = 3


class Ruling(NamedTuple):
    """The setting that decides, and what else led there.

    Attributes:
        mode: What it allows.
        settings: File and value of every setting on the way, the deciding one last.
    """

    mode: Mode
    settings: tuple[tuple[str, str], ...]


_WORDS: Final = {
    "always": Mode.ALWAYS,
    "madvise": Mode.ADVISED,
    "advise": Mode.ADVISED,
    "within_size": Mode.WITHIN_SIZE,
    "force": Mode.ALWAYS,
    "never": Mode.NEVER,
    "deny": Mode.NEVER,
}


def size_file(size: int, name: str) -> str:
    """The knob of one folio size."""
    return f"{THP}/hugepages-{size // 1024}kB/{name}"


def _word(value: str | None) -> Mode:
    return Mode.NEVER if value is None else _WORDS.get(value, Mode.NEVER)


def anon(in_force: InForce, size: SizeSetting | None = None) -> Ruling:
    """What rules private anonymous memory: the knob of the size, else the one for all.

    mm/huge_memory.c, thp_vma_allowable_orders(): huge_anon_orders_{always,madvise,inherit},
    since 6.8; before that transparent_hugepage/enabled alone.

    Args:
        in_force: The settings.
        size: Of the folio; None stands for that of a PMD leaf.
    """
    size = size or in_force.pmd_size
    top = (f"{THP}/enabled", in_force.thp.enabled or "no such file")
    if size is None:
        return Ruling(_word(in_force.thp.enabled), (top,))
    if size.enabled is None:
        return Ruling(Mode.NEVER, ((size_file(size.size, "enabled"), "no such file"),))
    own = (size_file(size.size, "enabled"), size.enabled)
    if size.enabled == "inherit":
        return Ruling(_word(in_force.thp.enabled), (own, top))
    return Ruling(_word(size.enabled), (own,))


def shmem(in_force: InForce, size: SizeSetting | None = None) -> Ruling:
    """What rules memfd and shared anonymous memory.

    mm/shmem.c, shmem_allowable_huge_orders(): ``deny`` is above all; ``force`` and whatever
    stands in shmem_enabled reach a size only where its own knob says ``inherit`` (6.11).
    """
    size = size or in_force.pmd_size
    word = in_force.thp.shmem_enabled
    top = (f"{THP}/shmem_enabled", word or "no such file")
    if size is None or size.shmem_enabled is None:
        pmd = size is None or size.size == SLOT_SIZE
        return Ruling(_word(word) if pmd else Mode.NEVER, (top,))
    own = (size_file(size.size, "shmem_enabled"), size.shmem_enabled)
    if word == "deny":
        return Ruling(Mode.NEVER, (top,))
    if size.shmem_enabled == "inherit":
        return Ruling(_word(word), (own, top))
    if word == "force":
        return Ruling(Mode.NEVER, (top, own))
    return Ruling(_word(size.shmem_enabled), (own,))


def sysv(in_force: InForce) -> Ruling:
    """What rules SysV shared memory: shmem_enabled, whatever stands in the knobs of the sizes.

    mm/shmem.c, shmem_huge_global_enabled(), which reads huge= of the internal mount; writing
    to shmem_enabled sets that.
    """
    word = in_force.thp.shmem_enabled
    return Ruling(_word(word), ((f"{THP}/shmem_enabled", word or "no such file"),))


def tmpfs(in_force: InForce, mount: Mount | None) -> Ruling:
    """What rules the files of a mounted tmpfs: its option huge=, never where it has none.

    mm/shmem.c, shmem_huge_global_enabled(): ``deny`` and ``force`` of shmem_enabled override it.
    """
    word = in_force.thp.shmem_enabled
    if word in ("deny", "force"):
        return Ruling(_word(word), ((f"{THP}/shmem_enabled", word),))
    point = "not known where" if mount is None else mount.point
    value = "never" if mount is None else mount.option("huge") or "never"
    return Ruling(_word(value), ((f"mount option huge= of {point}", value),))


def unlinked(in_force: InForce, mount: Mount | None) -> Ruling:
    """What rules a file of a tmpfs that had no name any more when it was mapped.

    Such memory has the knobs of the sizes (shmem_mmap(): i_nlink is 0), which may send on to
    its mount. maps says ``(deleted)`` of a file that lost its name later, too.
    """
    size = in_force.pmd_size
    if size is None or size.shmem_enabled is None or size.shmem_enabled == "inherit":
        return tmpfs(in_force, mount)
    return shmem(in_force, size)


def collapse_allowed(in_force: InForce, kind: VmaKind, *, advised: bool) -> bool:
    """Whether MADV_COLLAPSE is let pass by the settings of shared memory.

    mm/shmem.c, shmem_allowable_huge_orders() with shmem_huge_force: only ``deny`` is above
    it, and the knob of the size for memory that has one (6.11).
    """
    top, size = in_force.thp.shmem_enabled, in_force.pmd_size
    if top == "deny":
        return False
    if kind is not VmaKind.SHMEM or size is None or size.shmem_enabled is None:
        return True
    if top == "force":
        return size.shmem_enabled == "inherit"
    own = _word(size.shmem_enabled)
    return (
        size.shmem_enabled == "inherit"
        or own >= Mode.WITHIN_SIZE
        or (own is Mode.ADVISED and advised)
    )


def file(in_force: InForce) -> Ruling:
    """What rules khugepaged on files: transparent_hugepage/enabled (hugepage_global_enabled())."""
    word = in_force.thp.enabled
    return Ruling(_word(word), ((f"{THP}/enabled", word or "no such file"),))


_LARGE_FOLIOS: Final[dict[str, Kernel]] = {"xfs": (5, 18), "ext4": (6, 16)}
"""Since which kernel a file system's page cache may hold folios of 2 MB."""

_MAYBE_LARGE: Final = frozenset(
    {"overlay", "btrfs", "bcachefs", "erofs", "afs", "nfs", "nfs4", "cifs", "smb3", "zonefs", "9p",
     "f2fs"}
)  # fmt: skip
"""Where it hangs on mount options, build options or the files below."""


def has_large_folios(mount: Mount | None, kernel: Kernel) -> bool | None:
    """Whether the page cache of a file system may hold 2 MB folios; None if it is not known."""
    if mount is None or mount.kind in _MAYBE_LARGE or mount.kind.startswith("fuse"):
        return None
    since = _LARGE_FOLIOS.get(mount.kind)
    return since is not None and kernel >= since


def sizes(in_force: InForce) -> tuple[SizeSetting, ...]:
    """The folio sizes that the kernel offers, up to that of a PMD leaf."""
    return tuple(size for size in in_force.thp.sizes if size.size <= SLOT_SIZE)
