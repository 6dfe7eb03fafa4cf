"""A child whose memory is laid out on purpose, at addresses known beforehand."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hpview.demo.memory import PAGE, SLOT, setting
from tests.children import child

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
BASE: Final = 0x1000_0000_0000

# name: (slot at which it begins, slots)
AREAS: Final = {
    "thp": (0, 4),
    "holed": (8, 4),
    "protected": (16, 3),
    "small": (24, 2),
    "sparse": (32, 8),
    "shmem": (48, 2),
    "zero": (56, 2),
    "huge zero": (64, 2),
    "guard": (72, 2),
    "unaligned": (80, 3),
    "fragmented": (2048, 1100),
}

_BUILD: Final = f"""
import ctypes, mmap, os
from hpview.demo.memory import *
m = Memory()
at = {{name: ({BASE} + first * SLOT, count * SLOT) for name, (first, count) in {AREAS!r}.items()}}
def small(name):
    m.map_small(*at[name])
    return at[name]
for name in ("thp", "holed", "protected"):
    m.map(*at[name])
    m.make_huge(*at[name])
    m.madvise(*at[name], MADV_NOHUGEPAGE)  # khugepaged would fill the holes
m.madvise(at["holed"][0] + SLOT + 7 * PAGE, 3 * PAGE, MADV_DONTNEED)
m.protect(at["protected"][0] + SLOT, PAGE, PROT_NONE)
start, size = small("small")
ctypes.memset(start, 1, size)
start, size = small("sparse")
write_pages(start, size, 64 * PAGE)
m.map_memfd(*at["shmem"])
ctypes.memset(at["shmem"][0], 1, at["shmem"][1] // 2)
start, size = small("zero")
read_pages(start, size, PAGE)
m.map(*at["huge zero"])
m.madvise(*at["huge zero"], MADV_HUGEPAGE)
read_pages(*at["huge zero"], SLOT)
start, size = small("guard")
ctypes.memset(start, 1, size)
try:
    m.madvise(start + 5 * PAGE, 9 * PAGE, MADV_GUARD_INSTALL)
except OSError:
    pass
start, size = at["unaligned"]
m.map_small(start + 5 * PAGE, size - 9 * PAGE)
ctypes.memset(start + 5 * PAGE, 1, size - 9 * PAGE)
start, size = small("fragmented")
for i in range(size // SLOT):
    ctypes.memset(start + i * SLOT, 1, (1 + i % 2) * PAGE)
"""


def area(name: str) -> tuple[int, int]:
    """Start and end of an area."""
    first, count = AREAS[name]
    return BASE + first * SLOT, BASE + (first + count) * SLOT


@contextmanager
def paged(then: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The child, ready."""
    if "[never]" in setting("enabled") or not setting("enabled"):
        pytest.skip("no transparent huge pages to be had")
    with child(_BUILD, then=then, cwd=ROOT) as process:
        yield process


__all__ = ["AREAS", "BASE", "PAGE", "ROOT", "SLOT", "area", "paged"]
