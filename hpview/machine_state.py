"""What of the machine decides whether memory can be huge: settings and what is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.buddyinfo import free_huge
from hpview.kernelfs.files import PROC, SYS
from hpview.kernelfs.hugetlb import Pool, read_pools
from hpview.kernelfs.thp import read_thp

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class MachineState:
    """Settings of huge pages and the memory free for them; None for what could not be read.

    Attributes:
        thp: ``always``, ``madvise`` or ``never``.
        defrag: How hard a fault tries.
        scan_pages: Pages of 4 kB that khugepaged looks at in one go.
        scan_sleep: Milliseconds that it sleeps in between.
        free_huge: Free blocks of 2 MiB, larger ones cut.
        pools: Those of hugetlb, by page size; () without hugetlb.
    """

    thp: str | None = None
    defrag: str | None = None
    scan_pages: int | None = None
    scan_sleep: int | None = None
    free_huge: int | None = None
    pools: tuple[Pool, ...] = ()


UNREAD: Final = MachineState()
"""Nothing is known."""


def read_state(root: Path = PROC, sysfs: Path = SYS) -> MachineState:
    """Read what there is; nothing of it needs a right."""
    thp = read_thp(sysfs)
    try:
        pools = read_pools(sysfs)
    except (OSError, ValueError):
        pools = ()
    return MachineState(
        thp=thp.enabled,
        defrag=thp.defrag,
        scan_pages=thp.khugepaged.get("pages_to_scan"),
        scan_sleep=thp.khugepaged.get("scan_sleep_millisecs"),
        free_huge=free_huge(root),
        pools=pools,
    )
