"""Targets with folios of many sizes, mapped in many ways."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.kernel_targets import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator

THP: Final = Path("/sys/kernel/mm/transparent_hugepage")

FOLIO_PRELUDE: Final = (
    PRELUDE
    + """
libc.mremap.restype = ctypes.c_void_p
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                        ctypes.c_void_p]
DONTNEED = 4

def put(at, size, advice=None, flags=0, fd=-1, prot=3, offset=0):
    flags |= 0x100000 | (0 if fd >= 0 else 0x22) | (1 if fd >= 0 and not flags & 2 else 0)
    got = libc.mmap(A + at, size, prot, flags, fd, offset)
    assert got == A + at, os.strerror(ctypes.get_errno())
    if advice is not None:
        check(libc.madvise(A + at, size, advice))

def fill(at, size):
    ctypes.memset(A + at, 1, size)

def peek(at):
    ctypes.string_at(A + at, 1)

def move(at, size, to):
    assert libc.mremap(A + at, size, size, 3, A + to) == A + to

def memfd(name, size):
    fd = os.memfd_create(name)
    os.ftruncate(fd, size)
    return fd
"""
)

ANON: Final = (
    FOLIO_PRELUDE
    + """
put(0, 4 * M, HUGEPAGE); fill(0, 4 * M)
# a hole: head cut off behind, and tails without a head
put(8 * M, 3 * M, HUGEPAGE); fill(8 * M, 3 * M)
check(libc.madvise(A + 9 * M + 100 * K, 3 * K, DONTNEED))
# cut at the end of its VMA, and at the front
put(16 * M, 2 * M, HUGEPAGE); fill(16 * M, 2 * M)
check(libc.munmap(A + 17 * M + 256 * K, 256 * K))
put(20 * M, 2 * M, HUGEPAGE); fill(20 * M, 2 * M)
check(libc.munmap(A + 20 * M, 16 * K))
# split by mprotect: two VMAs of one folio
put(24 * M, M, HUGEPAGE); fill(24 * M, M)
check(libc.mprotect(A + 24 * M, 64 * K, 1))
# whole, but nowhere near its alignment
put(28 * M, M, HUGEPAGE); fill(28 * M, M)
move(28 * M, M, 32 * M + 5 * K)
# the huge zero page, then a folio that is cut off behind
put(36 * M, 2 * M, HUGEPAGE); peek(36 * M); fill(37 * M, M)
check(libc.madvise(A + 37 * M + 500 * K, 12 * K, DONTNEED))
# the same, the other way round
put(40 * M, 2 * M, HUGEPAGE); fill(40 * M, M); peek(41 * M)
check(libc.madvise(A + 40 * M + 500 * K, 12 * K, DONTNEED))
# nothing but the huge zero page: no memory
put(44 * M, M, HUGEPAGE); peek(44 * M)
# memory that may not be accessed
put(48 * M, M, HUGEPAGE); fill(48 * M, M); check(libc.mprotect(A + 48 * M, M, 0))
# small pages and the zero page of small pages
put(52 * M, M, NOHUGEPAGE); fill(52 * M, 100 * K); peek(52 * M + 200 * K)
"""
)

RESERVATION: Final = (
    FOLIO_PRELUDE
    + """
put(0, 1 << 40, flags=0x4000, advice=HUGEPAGE)
fill(1 << 39, M)
check(libc.madvise(A + (1 << 39) + 7 * K, K, DONTNEED))
fill((1 << 40) - M, K)
"""
)

SMALL_FOLIOS: Final = (
    FOLIO_PRELUDE
    + """
for i, order in enumerate((2, 4, 5)):
    size = K << order
    knob = f"/sys/kernel/mm/transparent_hugepage/hugepages-{size >> 10}kB/enabled"
    at = i * 8 * M + M // 2
    # no room for 2 MB
    put(at, 11 * M // 8, HUGEPAGE)
    with open(knob, "w") as f:
        f.write("madvise")
    for place in range(at, at + 11 * M // 8, size):
        fill(place, K)
    with open(knob, "w") as f:
        f.write("never")
    check(libc.madvise(A + at + 3 * size + K, K, DONTNEED))
    check(libc.munmap(A + at + 9 * size + 2 * K, K))
    move(at + 16 * size, 4 * size, (100 + 8 * i) * M + 3 * K)
    move(at + 20 * size + K, size, (120 + 8 * i) * M + K)
"""
)

FILES: Final = (
    FOLIO_PRELUDE
    + """
fd = memfd("a name", 4 * M)
put(0, 4 * M, fd=fd); fill(0, 4 * M)
check(libc.madvise(A, 2 * M, COLLAPSE))
put(8 * M, M, fd=fd, flags=2); peek(8 * M); fill(8 * M + 7 * K, K)
for i in range(100): peek(8 * M + i * K)
# the same folio at an address out of step with it
put(12 * M + K, 2 * M, fd=fd)
for i in range(1024): peek(12 * M + K + i * K)
put(16 * M + K, M, fd=fd, offset=K)
for i in range(400): peek(16 * M + K + i * K)
with open("big file", "wb") as f:
    f.write(bytes(8 * M))
fd = os.open("big file", os.O_RDWR)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
os.unlink("big file")
put(24 * M + 3 * K, 6 * M, fd=fd)
for i in range(6 * 512 - 9): peek(24 * M + (i + 3) * K)
put(40 * M, 6 * M, fd=fd, flags=2, prot=3)
for i in range(0, 6 * 512, 3): peek(40 * M + i * K)
fill(40 * M + 50 * K, 3 * K)
"""
)

HUGETLB: Final = (
    FOLIO_PRELUDE
    + """
put(0, 4 * M, flags=0x40000); fill(0, 2 * M)
put(8 * M, M, HUGEPAGE); fill(8 * M, M)
"""
)


@contextmanager
def folio_sizes() -> Iterator[None]:
    """Put back what targets write to the settings of small folios."""
    files = sorted(THP.glob("hugepages-*/enabled"))
    before = {file: file.read_text().partition("[")[2].partition("]")[0] for file in files}
    try:
        yield
    finally:
        for file, value in before.items():
            file.write_text(value)
