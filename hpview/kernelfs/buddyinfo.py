"""/proc/buddyinfo: free memory by the size of its blocks. World readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import PROC
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from pathlib import Path

HUGE_ORDER: Final = (SLOT_SIZE // PAGE_SIZE).bit_length() - 1
"""The order of a block that one PMD leaf can map: 9 where pages are 4 kB."""


def free_huge(root: Path = PROC) -> int | None:
    """Free 2 MiB blocks of all zones, larger blocks cut into them.

    mm/vmstat.c, frag_show_print: a line a zone, ``Node 0, zone Normal`` and then
    zone->free_area[order].nr_free of each order from 0. The blocks of each NUMA node and of zones
    that a process may not be given are counted too.

    Returns:
        None where the file is missing, or is not what this kernel's source prints.
    """
    try:
        lines = (root / "buddyinfo").read_text("ascii").splitlines()
        return sum(_blocks(line.partition(" zone ")[2].split()[1:]) for line in lines)
    except (OSError, ValueError):
        return None


def _blocks(counts: list[str]) -> int:
    huge = counts[HUGE_ORDER:]
    return sum(int(count) << above for above, count in enumerate(huge))
