"""What a page-table walk has to know of this machine, found by a walk of ourselves.

The program looks for the base of the direct map until a walk of our own tables
ends where it must (bpfprog/calibrate.h), and reads the entries of a page that
is mapped to the zero page and of a range mapped to the huge zero page.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.errors import BackendUnavailable
from hpview.kernelfs.maps import address_of
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.stream.state import State

PTE_PFN_MASK: Final = 0x000FFFFFFFFFF000
"""arch/x86/include/asm/pgtable_types.h"""

_PMD_SHIFT: Final = 21
_ATTEMPTS: Final = 3
_PRIVATE: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


@dataclass(frozen=True, slots=True)
class Machine:
    """The outcome.

    Attributes:
        direct_map: Kernel virtual address of physical address 0.
        phys_mask: Bits of a table entry that make its physical address; the bit
            that marks encrypted memory (SME, SEV) is not one of them.
        ram_top: No memory at or above this physical address.
        zero_pte: PFN bits of an entry that maps the zero page.
        zero_pmd: Of one that maps the huge zero page; 0 when there is none.
        ns_level: Depth of our pid namespace.
    """

    direct_map: int
    phys_mask: int
    ram_top: int
    zero_pte: int
    zero_pmd: int
    ns_level: int


class _Probe:
    """Own memory in known states; alive until the object is dropped."""

    def __init__(self) -> None:
        self.magic = os.urandom(32)
        self._written = mmap.mmap(-1, PAGE_SIZE, flags=_PRIVATE)
        self._written[:32] = self.magic
        self._read = mmap.mmap(-1, PAGE_SIZE, flags=_PRIVATE)
        # Else it could join a neighbour and be given a huge page.
        self._advise(self._read, mmap.MADV_NOHUGEPAGE)
        self._read[0]
        self._huge = mmap.mmap(-1, 2 * SLOT_SIZE, flags=_PRIVATE)
        self._advise(self._huge, mmap.MADV_HUGEPAGE)
        self.magic_addr = address_of(self._written)
        self.zero_addr = address_of(self._read)
        offset = -address_of(self._huge) % SLOT_SIZE
        self.huge_addr = address_of(self._huge) + offset
        self._huge[offset]

    @staticmethod
    def _advise(area: mmap.mmap, advice: int) -> None:
        try:
            area.madvise(advice)
        except OSError:
            return  # EINVAL: a kernel without transparent huge pages


def calibrate(state: State, run: Callable[[], None], ram_top: int) -> Machine:
    """Let the program look at this process.

    Args:
        state: Shared with the program, its mode set to CALIBRATE.
        run: Reads the iterator to its end.
        ram_top: The first physical address above all memory, in bytes.

    Raises:
        BackendUnavailable: No base stood the test; walking would be guessing.
    """
    low_bits = (1 << (ram_top - 1).bit_length()) - 1
    state.params.ram_top = ram_top
    state.params.phys_mask = PTE_PFN_MASK & low_bits
    found = state.calibration
    for _ in range(_ATTEMPTS):  # NUMA balancing may just have hidden a page
        try:
            probe = _Probe()
        except OSError as err:
            raise BackendUnavailable("bpf", f"no memory to try it on: {err.strerror}") from err
        ctypes.memset(ctypes.addressof(found), 0, ctypes.sizeof(found))
        found.magic_addr = probe.magic_addr
        found.magic[:] = list(struct.unpack("4Q", probe.magic))
        found.zero_addr = probe.zero_addr
        found.huge_addr = probe.huge_addr
        run()
        if found.direct_map and found.zero_entry:
            break
    else:
        what = "zero page" if found.direct_map else "direct map"
        raise BackendUnavailable(
            "bpf",
            f"the {what} was not found",
            details=(f"{found.tried} candidates tried, physical memory ends at {ram_top:#x}",),
        )
    encrypted = found.magic_entry & PTE_PFN_MASK & ~low_bits
    is_huge = found.huge_shift == _PMD_SHIFT
    return Machine(
        direct_map=found.direct_map,
        phys_mask=PTE_PFN_MASK & ~encrypted,
        ram_top=ram_top,
        zero_pte=found.zero_entry & PTE_PFN_MASK,
        zero_pmd=found.huge_entry & PTE_PFN_MASK & -SLOT_SIZE if is_huge else 0,
        ns_level=found.ns_level,
    )
