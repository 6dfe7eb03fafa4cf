"""How big the targets are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GIB: Final = 1 << 30
SLOT: Final = 2 << 20

MORE_TIB: Final = 8
"""By so many sparse TiB the two targets of (c) differ: one alone drowns in noise."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What bench/programs/target.c is told to map.

    Attributes:
        huge: Bytes in 2 MB pages.
        small: Bytes in 4 kB pages, without those of ``vmas``.
        vmas: Mappings of a page or two.
        tib: Sparse reservations of a TiB.
    """

    huge: int
    small: int
    vmas: int
    tib: int = 0

    @property
    def resident(self) -> int:
        """Bytes that it will occupy."""
        return self.huge + self.small + self.vmas * 4096 + (8 << 20)

    @property
    def arguments(self) -> list[str]:
        """For target.c."""
        return [str(n) for n in (self.huge, self.small, self.vmas, self.tib)]


def big(scale: float) -> Layout:
    """Target (a): 8 GiB, half in 2 MB pages, half in 4 kB pages, 40,000 VMAs."""
    half = max(round(4 * GIB * scale / SLOT), 1) * SLOT
    return Layout(half, half, max(round(40_000 * scale), 2))


def sparse(tib: int) -> Layout:
    """Target (c): a small process with so many sparse TiB."""
    return Layout(0, 0, 0, tib)


def forest(scale: float) -> int:
    """Target (b): how many small processes."""
    return max(round(1000 * scale), 1)
