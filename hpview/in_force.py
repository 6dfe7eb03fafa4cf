"""What decides whether memory may be huge: the kernel, its settings, the process's own."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs import build_config
from hpview.kernelfs.buddyinfo import free_huge
from hpview.kernelfs.files import MOUNT_SYSFS, PROC, SYS, own_pid, without_sysfs
from hpview.kernelfs.mounts import Mount, read_mounts, view_of
from hpview.kernelfs.shmem import internal_devices, tmpfs_devices
from hpview.kernelfs.status import read_status
from hpview.kernelfs.thp import SizeSetting, ThpSettings, read_thp
from hpview.kernelfs.vmstat import read_vmstat
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kernel = tuple[int, int]
"""Major and minor number of a release."""

_EXCEPT_ADVISED: Final = (6, 18)
"""PR_THP_DISABLE_EXCEPT_ADVISED exists since this kernel, and /proc does not tell it."""


class ProcessThp(Enum):
    """What prctl(PR_SET_THP_DISABLE) left to a process; inherited over fork and exec."""

    ALLOWED = "allowed"
    ADVISED_ONLY = "only where advised"
    DISABLED = "disabled"
    NOT_DISABLED = "not disabled altogether"
    """Allowed, or only where advised: /proc does not tell which."""
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class InForce:
    """Settings as they were when they were read.

    Attributes:
        pid: Of the process; 0 stands for any.
        kernel: Its release.
        thp: The knobs of transparent huge pages.
        process: What prctl() left to the process, as far as /proc tells.
        mounts: What it sees mounted, by device.
        other_mounts: The reader sees others, or by other paths.
        internal_shmem: Devices of shared memory that is no mounted tmpfs.
        read_only_thp: CONFIG_READ_ONLY_THP_FOR_FS; None where that is not known.
        config_file: Where that was read from, or "".
        free_huge: Free blocks of 2 MiB; None where that is not known.
        fault_alloc: Huge pages given by faults since boot (/proc/vmstat); None if not known.
        fault_fallback: Faults that wanted one and got none.
    """

    pid: int
    kernel: Kernel
    thp: ThpSettings
    process: ProcessThp = ProcessThp.UNKNOWN
    mounts: Mapping[int, Mount] = field(default_factory=dict)
    other_mounts: bool = False
    internal_shmem: frozenset[int] = frozenset()
    read_only_thp: bool | None = None
    config_file: str = ""
    free_huge: int | None = None
    fault_alloc: int | None = None
    fault_fallback: int | None = None

    @property
    def tmpfs(self) -> frozenset[int]:
        """Devices of mounted tmpfs."""
        return tmpfs_devices(self.mounts)

    @property
    def pmd_size(self) -> SizeSetting | None:
        """The knobs of the size that a PMD leaf maps; None before 6.8, which had none."""
        return next((size for size in self.thp.sizes if size.size == SLOT_SIZE), None)

    def khugepaged(self, name: str, default: int) -> int:
        """A value of khugepaged/*; ``default`` where this kernel lacks the file."""
        return self.thp.khugepaged.get(name, default)


def read_in_force(pid: int, root: Path = PROC, sysfs: Path = SYS) -> InForce:
    """Read all that holds for a process; world readable but for its mounts.

    Raises:
        NoSuchProcess: It is gone.
        BackendUnavailable: There is no /sys: without a setting no reason can be told.
    """
    if why := without_sysfs(sysfs):
        raise BackendUnavailable("what is set for huge pages", why, remedy=MOUNT_SYSFS)
    options = build_config.read_options(root)
    counters = _counters(root)
    kernel = release(os.uname().release)
    return InForce(
        pid=pid,
        kernel=kernel,
        thp=read_thp(sysfs),
        process=process_thp(read_status(pid, root).thp_enabled, kernel),
        mounts=read_mounts(pid, root),
        other_mounts=_sees_others(pid, root),
        internal_shmem=internal_devices(root),
        read_only_thp=build_config.is_set("READ_ONLY_THP_FOR_FS", options),
        config_file="" if options is None else options[0],
        free_huge=free_huge(root),
        fault_alloc=counters.get("thp_fault_alloc"),
        fault_fallback=counters.get("thp_fault_fallback"),
    )


def release(text: str) -> Kernel:
    """``6.18.44-generic`` as (6, 18); (0, 0) for what is no release."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def process_thp(enabled: bool | None, kernel: Kernel) -> ProcessThp:
    """What THP_enabled of /proc/PID/status means (fs/proc/array.c, task_thp_status)."""
    if enabled is None:
        return ProcessThp.UNKNOWN
    if not enabled:
        return ProcessThp.DISABLED
    return ProcessThp.NOT_DISABLED if kernel >= _EXCEPT_ADVISED else ProcessThp.ALLOWED


def _sees_others(pid: int, root: Path) -> bool:
    try:
        return view_of(pid, root) != view_of(own_pid(root), root)
    except (HpviewError, OSError):
        return False  # then its mounts cannot be read either


def _counters(root: Path) -> dict[str, int]:
    try:
        return read_vmstat(root)
    except OSError:
        return {}
