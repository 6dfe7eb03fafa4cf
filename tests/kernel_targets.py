"""Targets laid out at a known address, and what the kernel stream says of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.in_force import release
from hpview.kernelfs.smaps import read_smaps
from hpview.space.address_space import AddressSpace
from hpview.wire import (
    PAGE_SIZE,
    SLOT_SIZE,
    Backing,
    Kind,
    Records,
    VmaFlag,
    decode,
)

if TYPE_CHECKING:
    from hpview.stream.base import Stream
    from hpview.stream.kernel import KernelBackend

AREA: Final = 0x2000_0000_0000
"""Where targets put what they are about; nothing else is mapped near it."""

SMAPS_LEAVES_OUT: Final = (6, 0) <= release(os.uname().release) < (6, 6)
"""Huge pages without access, or with a NUMA hint: since 474098edac26, until 8b9c1cc0418a."""

PRELUDE: Final = f"""
import ctypes, mmap, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.madvise.argtypes = libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
A, K, M = {AREA:#x}, 4096, 1 << 21
HUGEPAGE, NOHUGEPAGE, COLLAPSE, GUARD = 14, 15, 25, 102

def check(result):
    assert result == 0, os.strerror(ctypes.get_errno())

def area(size, advice=None, flags=0, fd=-1, prot=3):
    flags |= 0x100000 | (1 if fd >= 0 else 0x22)
    assert libc.mmap(A, size, prot, flags, fd, 0) == A, os.strerror(ctypes.get_errno())
    if advice is not None:
        check(libc.madvise(A, size, advice))

def touch(slot, pages=512):
    for i in range(pages):
        ctypes.memset(A + slot * M + i * K, 1, 1)

def look(slot, pages=1):
    for i in range(pages):
        ctypes.string_at(A + slot * M + i * K, 1)
"""


def next_chunk(stream: Stream, size: int = 32768) -> bytes:
    while True:
        try:
            return stream.read(size)
        except BlockingIOError:
            continue


def drain(stream: Stream, size: int = 32768) -> bytes:
    out = bytearray()
    while data := next_chunk(stream, size):
        assert len(data) <= size
        out += data
    return bytes(out)


def read_all(backend: KernelBackend, pid: int, size: int = 32768) -> bytes:
    with backend.open(pid) as stream:
        return drain(stream, size)


def area_vmas(data: bytes) -> Records:
    vmas = decode(data).of(Kind.VMA)
    return vmas[(vmas["start"] >= AREA) & (vmas["start"] < AREA + (1 << 41))]


def area_runs(data: bytes) -> list[tuple[int, ...]]:
    """Runs of the area as (first slot, slots, backing, present, swapped, zero, guard)."""
    space = AddressSpace()
    space.feed(data)
    return [
        (
            int(run["start"] - AREA) // SLOT_SIZE,
            -(-int(run["end"] - run["start"]) // SLOT_SIZE),
            Backing(int(run["backing"])),
            *(int(run[name]) for name in ("present", "swapped", "zero", "guard")),
        )
        for run in space.runs_of(AREA, AREA + (1 << 41))
    ]


def assert_like_smaps(data: bytes, pid: int) -> None:
    """Every VMA's sums, pieces added up, are what smaps says."""
    vmas = decode(data).of(Kind.VMA)
    starts, where = np.unique(vmas["start"], return_inverse=True)

    def sums(name: str) -> list[int]:
        return [int(n) for n in np.bincount(where, vmas[name].astype(float))]

    smaps = read_smaps(pid).table
    assert starts.tolist() == smaps["start"].tolist()
    huge = (smaps["anon_huge"] + smaps["shmem_pmd"] + smaps["file_pmd"]) // SLOT_SIZE
    hugetlb = smaps["hugetlb"] // SLOT_SIZE
    small = (smaps["rss"] - huge * SLOT_SIZE) // PAGE_SIZE
    walked = np.bincount(where, (vmas["flags"] & VmaFlag.SKIPPED) == 0).astype(bool)
    assert np.add(sums("slots_2m"), sums("slots_1g")).tolist() == (huge + hugetlb).tolist()
    # smaps does not count the pages of special mappings such as [vdso]
    counted = walked & (smaps["rss"] > 0)
    assert np.array(sums("pages_4k"))[counted].tolist() == small[counted].tolist()
    assert sums("pages_swap") == (smaps["swap"] // PAGE_SIZE).tolist()
