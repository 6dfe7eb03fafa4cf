"""/sys/kernel/mm/hugepages: the pools of hugetlb. World readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import SYS, by_page_size, read_number

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY: Final = "kernel/mm/hugepages"
NODES: Final = "devices/system/node"

_FILES: Final = {
    "total": "nr_hugepages",
    "free": "free_hugepages",
    "reserved": "resv_hugepages",
    "surplus": "surplus_hugepages",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool of one page size, in pages of that size.

    Attributes:
        page_size: Bytes.
        total: nr_hugepages, surplus pages included.
        free: Not handed out; reserved ones are among them.
        reserved: Promised to mappings that did not touch them yet.
        surplus: Above the configured size, by overcommit.
        overcommit: How many of those there may be (nr_overcommit_hugepages), or None.
    """

    page_size: int
    total: int
    free: int
    reserved: int
    surplus: int
    overcommit: int | None = None

    @property
    def in_use(self) -> int:
        """Pages that were handed out."""
        return self.total - self.free

    @property
    def available(self) -> int:
        """Pages that a new mapping can have."""
        return max(self.free - self.reserved, 0)


@dataclass(frozen=True, slots=True)
class NodePool:
    """What of a pool lies on one NUMA node, in pages. The kernel reserves none per node.

    Attributes:
        node: Its number.
        page_size: Bytes.
        total: nr_hugepages, surplus pages included.
        free: Not handed out.
        surplus: Above the configured size.
    """

    node: int
    page_size: int
    total: int
    free: int
    surplus: int

    @property
    def in_use(self) -> int:
        """Pages that were handed out."""
        return self.total - self.free


def read_pools(sysfs: Path = SYS) -> tuple[Pool, ...]:
    """The pools by ascending page size; () without hugetlb."""
    return tuple(
        Pool(size, **counts, overcommit=read_number(path / "nr_overcommit_hugepages"))
        for size, path in by_page_size(sysfs / DIRECTORY)
        if (counts := _counts(path, *_FILES)) is not None
    )


def read_node_pools(sysfs: Path = SYS) -> tuple[NodePool, ...]:
    """What lies on each NUMA node, by page size and node; () without NUMA or hugetlb."""
    found = [
        NodePool(int(node.name.removeprefix("node")), size, **counts)
        for node in (sysfs / NODES).glob("node[0-9]*")
        for size, path in by_page_size(node / "hugepages")
        if (counts := _counts(path, "total", "free", "surplus")) is not None
    ]
    return tuple(sorted(found, key=lambda pool: (pool.page_size, pool.node)))


def _counts(path: Path, *names: str) -> dict[str, int] | None:
    """Some files by the words they are told by; None for a size that came or went meanwhile."""
    try:
        return {name: int((path / _FILES[name]).read_text("ascii")) for name in names}
    except FileNotFoundError:
        return None
