"""The 512 pages of a slot as the BPF program reads them from the page table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.errors import NoSuchProcess
from hpview.kernelfs.pagemap import Category, Pagemap
from hpview.stream.state import EntryBit
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE
from tests.children import child
from tests.kernel_targets import AREA, PRELUDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.stream.kernel import KernelBackend

pytest_plugins = ("tests.kernel_fixtures",)

HEADER = Path(__file__).parent.parent / "bpfprog" / "state.h"
WRITTEN = EntryBit.PRESENT | EntryBit.DIRTY | EntryBit.ACCESSED
ALIKE = {
    EntryBit.PRESENT: Category.PRESENT,
    EntryBit.SWAPPED: Category.SWAPPED,
    EntryBit.ZERO: Category.PFNZERO,
    EntryBit.GUARD: Category.GUARD,
    EntryBit.HUGE: Category.HUGE,
}
"""What PAGEMAP_SCAN tells, too; GUARD pages have SWAPPED there as well."""


def test_bits_are_those_of_the_header() -> None:
    defines = re.findall(r"#define HPV_PAGE_(\w+)\s+(0x[0-9a-f]+)", HEADER.read_text("ascii"))
    assert {name: int(value, 16) for name, value in defines} == {b.name: b for b in EntryBit}


def scanned(pid: int, start: int) -> NDArray[np.uint64]:
    """Categories of each page by PAGEMAP_SCAN, shape (512,)."""
    with Pagemap(pid) as pagemap:
        regions, _ = pagemap.scan(
            start, start + SLOT_SIZE, max_pages=SLOT_PAGES, vec_len=SLOT_PAGES
        )
    out = np.zeros(SLOT_PAGES, np.uint64)
    for region in regions:
        first, last = ((int(region[name]) - start) // PAGE_SIZE for name in ("start", "end"))
        out[first:last] = region["categories"]
    return out


SLOTS = {
    "written": ("area(M, NOHUGEPAGE); touch(0, 5)", WRITTEN, 5),
    "zero": (
        "area(M, NOHUGEPAGE); look(0, 7)",
        EntryBit.PRESENT | EntryBit.ACCESSED | EntryBit.ZERO,
        7,
    ),
    "guard": ("area(M); touch(0, 9); check(libc.madvise(A, 4 * K, GUARD))", EntryBit.GUARD, 4),
    "huge": ("area(M, HUGEPAGE); touch(0)", WRITTEN | EntryBit.HUGE, 512),
    "hidden": (
        "area(M, HUGEPAGE); touch(0); check(libc.mprotect(A, M, 0))",
        WRITTEN | EntryBit.HUGE,
        512,
    ),
    "huge zero": (
        "area(M, HUGEPAGE); look(0)",
        EntryBit.PRESENT | EntryBit.ACCESSED | EntryBit.ZERO | EntryBit.HUGE,
        512,
    ),
}


@pytest.mark.bpf
@pytest.mark.parametrize("name", SLOTS)
def test_pages_of_one_slot(name: str, backend: KernelBackend) -> None:
    code, expected, count = SLOTS[name]
    with child(PRELUDE + code) as target:
        bits = backend.page_bits(target.pid, AREA)
        categories = scanned(target.pid, AREA)
    assert bits is not None
    told = bits & ~np.uint16(EntryBit.SOFT_DIRTY)
    assert np.count_nonzero(told == expected) == count
    for bit, category in ALIKE.items():
        also = (categories & np.uint64(category)) != 0
        if bit is EntryBit.SWAPPED:
            also &= (categories & np.uint64(Category.GUARD)) == 0
        assert ((bits & np.uint16(bit)) != 0).tolist() == also.tolist(), bit


@pytest.mark.bpf
def test_pages_that_were_only_read_are_not_dirty(backend: KernelBackend) -> None:
    code = "f = os.memfd_create('x'); os.pwrite(f, b'x' * M, 0); area(M, fd=f, prot=1); look(0, 3)"
    with child(PRELUDE + code) as target:
        bits = backend.page_bits(target.pid, AREA)
    assert bits is not None
    present = bits[(bits & EntryBit.PRESENT) != 0]
    assert len(present) >= 3
    assert not (present & EntryBit.DIRTY).any()


@pytest.mark.bpf
def test_where_nothing_is_mapped_there_are_no_pages(backend: KernelBackend) -> None:
    with child(PRELUDE + "area(M)") as target:
        assert backend.page_bits(target.pid, AREA + SLOT_SIZE) is None
        empty = backend.page_bits(target.pid, AREA)
        assert empty is not None
        assert not empty.any()
    with pytest.raises(NoSuchProcess):
        backend.page_bits(target.pid, AREA)
