"""/proc/pagetypeinfo: free blocks by what their page block is for. Root only (0400)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.kernelfs.buddyinfo import HUGE_ORDER, huge_blocks
from hpview.kernelfs.files import PROC

if TYPE_CHECKING:
    from pathlib import Path

_LINE: Final = re.compile(r"Node +(\d+), zone +(\S+), type +(\S+) +(.*)")

_UNUSABLE: Final = frozenset({"HighAtomic", "Isolate"})
"""Kept for atomic allocations, and taken out of use for a while: no fault is given these. Blocks
of every other type are, for an order of a whole page block changes the block's type
(mm/page_alloc.c, try_to_claim_block; fallbacks of MIGRATE_MOVABLE; CMA serves movable memory)."""


class TypedFree(NamedTuple):
    """Free blocks of one migrate type in a zone.

    Attributes:
        node: Of NUMA.
        zone: Its name.
        kind: ``Unmovable``, ``Movable``, ``Reclaimable``, ``HighAtomic``, ``CMA``, ``Isolate``.
        free: Blocks of each order from 0.
        at_least: The kernel stopped to count blocks of 2 MiB and above at 100,000.
    """

    node: int
    zone: str
    kind: str
    free: tuple[int, ...]
    at_least: bool = False

    @property
    def huge(self) -> int:
        """Blocks of 2 MiB, larger ones cut into them."""
        return huge_blocks(self.free)

    @property
    def serves(self) -> bool:
        """Whether huge pages of processes may be taken from these."""
        return self.kind not in _UNUSABLE


def read_types(root: Path = PROC) -> tuple[TypedFree, ...]:
    """The free blocks by node, zone and type, in the file's order.

    mm/vmstat.c, pagetypeinfo_showfree_print. The second table, of page blocks, is left out.

    Raises:
        OSError: The file is missing, or may not be read.
        ValueError: A line is not what this kernel's source prints.
    """
    found = []
    for line in (root / "pagetypeinfo").read_text("ascii").splitlines():
        if match := _LINE.fullmatch(line.rstrip()):
            node, zone, kind, words = match.groups()
            free = tuple(int(word.removeprefix(">")) for word in words.split())
            # ">100000": the kernel stopped to count there
            more = any(word.startswith(">") for word in words.split()[HUGE_ORDER:])
            found.append(TypedFree(int(node), zone, kind, free, more))
    if not found:
        raise ValueError("pagetypeinfo names no free blocks")
    return tuple(found)
