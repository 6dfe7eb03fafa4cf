"""/proc/buddyinfo: free memory by the size of its blocks. World readable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.kernelfs.files import PROC
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HUGE_ORDER: Final = (SLOT_SIZE // PAGE_SIZE).bit_length() - 1
"""The order of a block that one PMD leaf can map: 9 where pages are 4 kB."""

_ZONE: Final = re.compile(r"Node (\d+), zone +(\S+) +(.*)")


class Zone(NamedTuple):
    """What is free in one zone of a NUMA node.

    Attributes:
        node: Of NUMA.
        name: ``DMA``, ``DMA32``, ``Normal``, ``Movable``, ``Device``.
        free: Blocks of each order; one of order n is ``4 kB << n``.
    """

    node: int
    name: str
    free: tuple[int, ...]

    @property
    def huge(self) -> int:
        """Blocks of 2 MiB that are free, larger ones cut into them."""
        return huge_blocks(self.free)

    @property
    def bytes_free(self) -> int:
        """All that is free, whatever its blocks."""
        return sum(count << order for order, count in enumerate(self.free)) * PAGE_SIZE


def huge_blocks(free: Sequence[int]) -> int:
    """Blocks of 2 MiB among those of each order from 0, larger ones cut into them."""
    return sum(count << above for above, count in enumerate(free[HUGE_ORDER:]))


def read_zones(root: Path = PROC) -> tuple[Zone, ...]:
    """The zones in the file's order: by node, then from low addresses to high.

    mm/vmstat.c, frag_show_print: a line a populated zone, ``Node 0, zone Normal`` and then
    zone->free_area[order].nr_free of each order from 0.

    Raises:
        OSError: The file is missing.
        ValueError: A line is not what this kernel's source prints.
    """
    zones = []
    for line in (root / "buddyinfo").read_text("ascii").splitlines():
        found = _ZONE.fullmatch(line.rstrip())
        if found is None:
            raise ValueError(f"not a line of buddyinfo: {line!r}")
        node, name, counts = found.groups()
        zones.append(Zone(int(node), name, tuple(map(int, counts.split()))))
    return tuple(zones)


def free_huge(root: Path = PROC) -> int | None:
    """Free 2 MiB blocks of all zones, larger blocks cut into them.

    The blocks of each NUMA node and of zones that a process may not be given are counted too.

    Returns:
        None where the file is missing, or is not what this kernel's source prints.
    """
    try:
        return sum(zone.huge for zone in read_zones(root))
    except (OSError, ValueError):
        return None
