"""A process whose gap is known by hand: regions of every kind, at known addresses."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final, NamedTuple

from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.smaps import read_smaps
from tests.kernel_targets import PRELUDE

MIB: Final = 1 << 20
FIRST: Final = 0x3000_0000_0000
APART: Final = 1 << 30


class Region(NamedTuple):
    """One of them.

    Attributes:
        name: What it is.
        code: Python that maps it at ``at`` and populates it.
        gap: Bytes of its gap.
        huge: Bytes of it that are huge.
    """

    name: str
    code: str
    gap: int
    huge: int = 0


REGIONS: Final = (
    Region("THP", "put(8 * MIB, advice=HUGEPAGE)", 0, 8 * MIB),
    Region(
        "THP with a hole",
        "put(8 * MIB, advice=HUGEPAGE); check(libc.madvise(at, 4096, 4))",
        2 * MIB - 4096,
        6 * MIB,
    ),
    Region("not advised", "put(8 * MIB, advice=NOHUGEPAGE)", 8 * MIB),
    Region("too small", "put(MIB)", 0),
    Region("a page too small", "put(2 * MIB - K)", 0),
    Region("just large enough, not aligned", "put(2 * MIB, by=K)", 2 * MIB),
    Region("sparse", "put(64 * MIB, touched=3 * K, advice=NOHUGEPAGE)", 3 * 4096),
    Region("only zero pages", "put(8 * MIB, touched=0); look(4 * K)", 0),
    Region("memfd", "put(4 * MIB, fd=filled(memfd, 4 * MIB))", 4 * MIB),
    Region("memfd, private, a page written", "put(4 * MIB, 2, memfd, touched=K)", 4096),
    Region("shared anonymous", "put(4 * MIB, flags=0x21)", 4 * MIB),
    Region("/dev/zero, private", "put(4 * MIB, 2, os.open('/dev/zero', os.O_RDWR))", 4 * MIB),
    Region("/dev/zero, shared", "put(4 * MIB, 1, os.open('/dev/zero', os.O_RDWR))", 4 * MIB),
    Region("file", "put(4 * MIB, 1, other, prot=1, by=K, touched=0); look(4 * MIB)", 0),
    Region("file, private, written", "put(4 * MIB, 2, other, by=K)", 0),
    Region("tmpfs", "put(4 * MIB, fd=filled(shm, 4 * MIB))", 4 * MIB),
)
"""In no region a page is mapped that is not asked for: khugepaged must not come meanwhile."""

_NUMPY: Final = find_spec("numpy._core._multiarray_umath")
_FILE: Final = _NUMPY.origin if _NUMPY else None
"""Large enough, and on no tmpfs."""

_CODE: Final = f"""
import tempfile
MIB = 1 << 20
def put(size, flags=None, fd=-1, by=0, touched=None, advice=None, prot=3):
    global at
    at += by
    flags = (flags if flags is not None else 1 if fd >= 0 else 0x22) | 0x100000
    assert libc.mmap(at, size, prot, flags, fd, 0) == at, os.strerror(ctypes.get_errno())
    if advice is not None:
        check(libc.madvise(at, size, advice))
    if touched != 0:
        for page in range(0, touched or size, K):
            ctypes.memset(at + page, 1, 1)

def look(size):
    for page in range(0, size, K):
        ctypes.string_at(at + page, 1)

def filled(fd, size):
    os.ftruncate(fd, size)
    return fd

memfd = os.memfd_create('gap')
other = os.open({_FILE!r}, os.O_RDONLY)
with tempfile.TemporaryFile(dir='/dev/shm') as file:
    shm = os.dup(file.fileno())
at = {FIRST:#x}
"""


def code() -> str:
    """What the child runs."""
    lines = [PRELUDE, _CODE]
    for number, region in enumerate(REGIONS):
        lines.append(f"at = {FIRST + number * APART:#x}; {region.code}")
    return "\n".join(lines)


AREA: Final = range(FIRST, FIRST + len(REGIONS) * APART)
"""Where they lie."""


def of_the_rest(pid: int, area: range = AREA) -> tuple[int, int]:
    """Gap and huge bytes of what the interpreter itself has mapped, by smaps and the rules.

    Args:
        pid: Process.
        area: Not there.
    """
    smaps = read_smaps(pid)
    inodes = {mapping.start: mapping.ino for mapping in read_maps(pid)}
    gap = huge = 0
    for row, leaves in zip(smaps.table, smaps.pmd_mapped.tolist(), strict=True):
        start, end = int(row["start"]), int(row["end"])
        if start in area:
            continue
        huge += leaves
        if end - start >= 2 * MIB and not inodes[start]:
            gap += int(row["rss"]) - leaves
    return gap, huge
