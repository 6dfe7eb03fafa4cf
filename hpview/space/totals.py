"""Sums over a whole address space."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes by the way they are mapped, each byte of the address space once.

    Attributes:
        bytes_4k: Present pages mapped by PTEs.
        bytes_2m: Mapped by PMD leaves.
        bytes_1g: Mapped by PUD leaves.
        bytes_swap: Swapped out; not resident.
        vmas: Number of VMAs.
    """

    bytes_4k: int = 0
    bytes_2m: int = 0
    bytes_1g: int = 0
    bytes_swap: int = 0
    vmas: int = 0

    @property
    def resident(self) -> int:
        """Bytes in memory, whatever their mapping; zero pages are none."""
        return self.bytes_4k + self.bytes_2m + self.bytes_1g

    @property
    def huge(self) -> int:
        """Bytes mapped by a leaf above the PTEs."""
        return self.bytes_2m + self.bytes_1g
