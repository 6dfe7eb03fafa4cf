"""/sys/kernel/mm/hugepages: the pools of hugetlb. World readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import SYS

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY: Final = "kernel/mm/hugepages"


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool of one page size, in pages of that size.

    Attributes:
        page_size: Bytes.
        total: nr_hugepages, surplus pages included.
        free: Not handed out; reserved ones are among them.
        reserved: Promised to mappings that did not touch them yet.
        surplus: Above the configured size, by overcommit.
    """

    page_size: int
    total: int
    free: int
    reserved: int
    surplus: int

    @property
    def available(self) -> int:
        """Pages that a new mapping can have."""
        return max(self.free - self.reserved, 0)


def read_pools(sysfs: Path = SYS) -> tuple[Pool, ...]:
    """The pools by ascending page size; () without hugetlb."""
    pools = []
    for path in (sysfs / DIRECTORY).glob("hugepages-*kB"):
        try:
            total, free, reserved, surplus = (
                int((path / name).read_text("ascii"))
                for name in (
                    "nr_hugepages",
                    "free_hugepages",
                    "resv_hugepages",
                    "surplus_hugepages",
                )
            )
        except FileNotFoundError:
            continue  # a size that came or went meanwhile
        size = int(path.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        pools.append(Pool(size, total, free, reserved, surplus))
    return tuple(sorted(pools, key=lambda pool: pool.page_size))
