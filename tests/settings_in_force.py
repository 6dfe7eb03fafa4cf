"""Settings in force for tests: those of a common server, and how to change one."""

from __future__ import annotations

from hpview.in_force import InForce, ProcessThp
from hpview.kernelfs.mounts import Mount
from hpview.kernelfs.thp import SizeSetting, ThpSettings

DISK = 8 << 20 | 1
"""The device of an ext4."""

SHMEM = 1
"""The device of memfd and SysV memory."""

TMPFS = 25
OLD_DISK = 8 << 20 | 2
"""The device of a file system whose page cache knows single pages only."""

KHUGEPAGED = {
    "max_ptes_none": 511,
    "max_ptes_swap": 64,
    "max_ptes_shared": 256,
    "pages_to_scan": 4096,
    "scan_sleep_millisecs": 10000,
    "full_scans": 7,
}


def thp(
    enabled: str | None = "madvise",
    shmem_enabled: str | None = "never",
    pmd: tuple[str | None, str | None] | None = ("inherit", "inherit"),
    small: tuple[str | None, str | None] | None = ("never", "never"),
    **khugepaged: int,
) -> ThpSettings:
    """Knobs; ``pmd`` and ``small`` are enabled and shmem_enabled of 2 MiB and 64 kB."""
    sizes = ((64 << 10, small), (2 << 20, pmd))
    return ThpSettings(
        enabled=enabled,
        defrag="madvise",
        shmem_enabled=shmem_enabled,
        use_zero_page=True,
        pmd_size=2 << 20,
        khugepaged=KHUGEPAGED | khugepaged,
        sizes=tuple(SizeSetting(size, *knobs) for size, knobs in sizes if knobs is not None),
    )


def in_force(settings: ThpSettings | None = None, huge: str | None = None) -> InForce:
    """What holds for process 4127; ``huge`` is the mount option of its tmpfs."""
    options = ("rw",) if huge is None else ("rw", f"huge={huge}")
    return InForce(
        pid=4127,
        kernel=(6, 18),
        thp=settings or thp(),
        process=ProcessThp.ALLOWED,
        mounts={
            DISK: Mount(DISK, "ext4", "/", ("rw",)),
            OLD_DISK: Mount(OLD_DISK, "vfat", "/boot", ("rw",)),
            TMPFS: Mount(TMPFS, "tmpfs", "/srv/cache", options),
        },
        internal_shmem=frozenset({SHMEM}),
        read_only_thp=False,
        config_file="/proc/config.gz",
        free_huge=3412,
        fault_alloc=900,
        fault_fallback=100,
    )
