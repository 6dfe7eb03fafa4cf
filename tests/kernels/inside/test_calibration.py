"""What the BPF program found out about the machine, beside what root may read of it."""

from __future__ import annotations

import mmap
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hpview.kernelfs.maps import address_of
from hpview.kernelfs.pagemap import PFN_MASK, Entry, Pagemap
from hpview.stream.loaded import LoadedProgram
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.calibrate import Machine

pytestmark = [pytest.mark.root, pytest.mark.bpf]

# arch/x86/include/asm/page_64_types.h: where the direct map begins without KASLR
BASE_L4: Final = 0xFFFF888000000000
BASE_L5: Final = 0xFF11000000000000
LOWEST_L4: Final = 0xFFFF800000000000

_PT_LOAD: Final = 1
_HEADER: Final = struct.Struct("<32xQQIHHH6x")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    program = LoadedProgram()
    yield program._machine
    program.close()


def test_direct_map_is_the_kernels_page_offset_base(machine: Machine) -> None:
    """Its value, read from the kernel's memory; CONFIG_RANDOMIZE_MEMORY makes it a variable."""
    assert machine.direct_map == kernel_u64(symbol("page_offset_base"))


def test_direct_map_lies_where_so_many_levels_put_it(machine: Machine) -> None:
    """The processor's flag la57 is cleared where the kernel does not use the fifth level."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    assert flags is not None
    five = "la57" in flags[1].split()
    assert (machine.direct_map < LOWEST_L4) == five
    base = BASE_L5 if five else BASE_L4
    if "nokaslr" in Path("/proc/cmdline").read_text().split():
        assert machine.direct_map == base
    assert machine.direct_map >= base
    assert machine.direct_map % (1 << 30) == 0


def test_zero_page_is_what_pagemap_says(machine: Machine) -> None:
    with mmap.mmap(-1, PAGE_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        memory[0]
        assert frame_of(address_of(memory)) * PAGE_SIZE == machine.zero_pte


def test_huge_zero_page_is_what_pagemap_says(machine: Machine) -> None:
    """0 where a read of advised memory maps no huge page."""
    with mmap.mmap(-1, 2 * SLOT_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        offset = -address_of(memory) % SLOT_SIZE
        memory[offset]
        frame = frame_of(address_of(memory) + offset)
        next_one = frame_of(address_of(memory) + offset + PAGE_SIZE)
    assert machine.zero_pmd == (frame * PAGE_SIZE if next_one == frame + 1 else 0)


def test_no_memory_lies_above_the_top(machine: Machine) -> None:
    tops = [
        int(line.partition("-")[2].split()[0], 16)
        for line in Path("/proc/iomem").read_text().splitlines()
        if line.endswith(" : System RAM")
    ]
    assert machine.ram_top >= max(tops) & -PAGE_SIZE


def frame_of(address: int) -> int:
    """The PFN of an own page; 0 where none is present."""
    with Pagemap(os.getpid()) as pagemap:
        entry = int(pagemap.read_entries(address, 1)[0])
    return entry & PFN_MASK if entry & Entry.PRESENT else 0


def symbol(name: str) -> int:
    for line in Path("/proc/kallsyms").read_text().splitlines():
        address, _, found = line.split()[:3]
        if found == name:
            return int(address, 16)
    pytest.skip("kallsyms has no data (CONFIG_KALLSYMS_ALL)")


def kernel_u64(address: int) -> int:
    """A number in the kernel's memory, through the ELF file that /proc/kcore is."""
    if not Path("/proc/kcore").exists():
        pytest.skip("no /proc/kcore")
    with open("/proc/kcore", "rb") as kcore:
        start, _, _, _, size, count = _HEADER.unpack(kcore.read(_HEADER.size))
        assert size == _SEGMENT.size
        kcore.seek(start)
        for kind, _, offset, virtual, _, length, _, _ in _SEGMENT.iter_unpack(
            kcore.read(size * count)
        ):
            if kind == _PT_LOAD and virtual <= address < virtual + length:
                kcore.seek(offset + address - virtual)
                return int.from_bytes(kcore.read(8), "little")
    raise AssertionError(f"no segment of /proc/kcore has {address:#x}")
