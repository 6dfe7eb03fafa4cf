"""Memory of which it is known why it is not huge: one region of a process for every reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.reasons.reason import Reason
from hpview.wire import SLOT_SIZE
from tests.kernel_targets import AREA, PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterable

APART: Final = 32 * SLOT_SIZE
"""From one region to the next."""

HELPERS: Final = (
    PRELUDE
    + """
libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
libc.shmat.restype = ctypes.c_void_p
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
DONTNEED, PAGEOUT, H = 4, 21, M // 2

def put(size, shift=0, flags=0, fd=-1, offset=0, prot=3):
    flags |= 0x100000 | (0x22 if fd < 0 and not flags & 1 else 0)
    if fd >= 0 and not flags & 2:
        flags |= 1
    where = libc.mmap(p + shift, size, prot, flags, fd, offset)
    assert where == p + shift, os.strerror(ctypes.get_errno())

def advise(advice, size=M, shift=0):
    check(libc.madvise(p + shift, size, advice))

def write(pages=512, shift=0):
    for i in range(pages):
        ctypes.memset(p + shift + i * K, 1, 1)

def read(pages=512, shift=0):
    for i in range(pages):
        ctypes.string_at(p + shift + i * K, 1)

def memory(size=4 * M):
    fd = os.memfd_create("target")
    os.truncate(fd, size)
    return fd

def filled(path, size=2 * M, piece=K):
    # What is written at once may come to lie in one folio.
    with open(path, "wb", buffering=0) as file:
        for _ in range(0, size, piece):
            file.write(bytes(piece))
    return os.open(path, os.O_RDWR)

def unfilled(path, size=2 * M):
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.truncate(fd, size)
    return fd

def mounted(kind, options=""):
    path = os.path.abspath(kind + options.replace("=", "_"))
    os.mkdir(path)
    check(libc.mount(kind.encode(), path.encode(), kind.encode(), 0, options.encode()))
    return path + "/file"

check(libc.unshare(0x20000))
check(libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None))
"""
)
"""Mounts are the child's own, so that they end with it; files go to its working directory."""


@dataclass(frozen=True, slots=True)
class Region:
    """One region and what is to be said of one address of it.

    Attributes:
        name: Of the test.
        code: Makes it at ``p``, with the helpers; "" for one that another's code made.
        reason: The primary reason; NONE for one that is huge.
        evidence: A part of the name and of the value of one fact told for it.
        remedy: A part of the words of one remedy; "" where there is none.
        with_it: Other reasons that hold, too.
        shift: What is asked about, from ``p``.
        like: The region whose code made it.
        certain: Whether the reason is proved.
    """

    name: str
    code: str
    reason: Reason
    evidence: tuple[str, str] = ("", "")
    remedy: str = ""
    with_it: frozenset[Reason] = frozenset()
    shift: int = 0
    like: str = ""
    certain: bool = True


M: Final = SLOT_SIZE
_KNOB: Final = "transparent_hugepage/"
_ADVISED: Final = "advise(HUGEPAGE)\nwrite()"

REGIONS: Final = (
    # First, since its fork shares all that is there already.
    Region(
        "shared",
        "put(M)\nwrite()\nadvise(HUGEPAGE)\n"
        "if os.fork() == 0:\n    libc.prctl(1, 9, 0, 0, 0)\n    signal.pause()",
        Reason.SHARED,
        ("max_ptes_shared", "256"),
        "let the process that shares it end",
    ),
    Region("huge", "put(M)\n" + _ADVISED, Reason.NONE),
    Region(
        "small",
        "put(H)\nadvise(HUGEPAGE, H)\nwrite(256)",
        Reason.TOO_SMALL,
        ("VMA ", "1.0 MiB"),
        "map more at once",
    ),
    Region(
        "head",
        "put(5 * H, H // 2)\nadvise(HUGEPAGE, 5 * H, H // 2)\nwrite(1280, H // 2)",
        Reason.EDGE,
        ("VMA ", "head: the VMA begins at"),
        "begin the mapping at a multiple",
        shift=M // 4,
    ),
    Region("middle", "", Reason.NONE, like="head", shift=M),
    Region("tail", "", Reason.EDGE, ("VMA ", "tail: the VMA ends at"), "as long",
           like="head", shift=2 * M),
    Region(
        "shmem offset",
        "put(M, fd=memory(), offset=3 * K)\nwrite()",
        Reason.MISALIGNED,
        ("VMA ", "offset 0x3000"),
        "mmap() picks a fitting address",
        frozenset({Reason.SHMEM_OFF}),
    ),
    Region(
        "file offset",
        "put(M, flags=2, fd=filled('offset'), offset=K)\nread(511)",
        Reason.MISALIGNED,
        ("VMA ", "offset 0x1000"),
        "link the file",
    ),
    Region(
        "nohugepage",
        "put(M)\nadvise(NOHUGEPAGE)\nwrite()",
        Reason.NOHUGEPAGE,
        ("vm_flags", "VM_NOHUGEPAGE"),
        "leave out madvise",
    ),
    Region(
        "stack of a thread",
        "put(M, flags=0x20000)\nwrite()",
        Reason.NOHUGEPAGE,
        ("vm_flags", "VM_NOHUGEPAGE"),
        "MAP_STACK",
    ),
    Region(
        "not advised",
        "put(M)\nwrite()",
        Reason.NOT_ADVISED,
        (_KNOB + "enabled", "madvise"),
        "ask for it in the program",
    ),
    Region(
        "read only",
        "put(M)\nwrite()\nadvise(HUGEPAGE)\ncheck(libc.mprotect(p, M, 1))",
        Reason.WAITING,
        ("khugepaged/", "pages_to_scan"),
        "come more often",
        certain=False,
    ),
    Region("empty", "put(2 * M)\nadvise(HUGEPAGE, 2 * M)\nwrite(1, M)", Reason.EMPTY,
           ("page table", "no page"), "nothing is missed"),
    Region(
        "sparse",
        "put(M)\nwrite(10)\nadvise(HUGEPAGE)",
        Reason.SPARSE,
        ("max_ptes_none", "300"),
        "max_ptes_none is too low",
    ),
    Region(
        "split",
        "put(M)\n" + _ADVISED + "\nadvise(DONTNEED, K, 7 * K)",
        Reason.SPLIT,
        ("kpageflags", "511 entries"),
        "free whole 2 MB ranges",
    ),
    Region(
        "protected for a while",
        "put(M)\n" + _ADVISED + "\nfor prot in (1, 3):\n    check(libc.mprotect(p + K, K, prot))",
        Reason.SPLIT,
        ("kpageflags", "512 entries"),
        "mprotect() split",
    ),
    Region(
        "unmapped in part",
        "put(M)\n" + _ADVISED + "\ncheck(libc.munmap(p + H, H))",
        Reason.TOO_SMALL,
        ("VMA ", "1.0 MiB"),
        "map more at once",
    ),
    Region(
        "waiting",
        "put(M)\nwrite()\nadvise(HUGEPAGE)",
        Reason.WAITING,
        ("khugepaged/", "scan_sleep_millisecs 3600000"),
        "collapse the slot now",
        certain=False,
    ),
    Region(
        "hugetlb",
        "put(M, flags=0x44000)",
        Reason.EMPTY,
        ("page table", "no page"),
        "nothing is missed",
    ),
    Region(
        "memfd",
        "put(M, fd=memory())\nwrite()",
        Reason.SHMEM_OFF,
        (_KNOB + "shmem_enabled", "never"),
        "huge where it is advised",
    ),
    Region(
        "shared anonymous",
        "put(M, flags=0x21)\nwrite()",
        Reason.SHMEM_OFF,
        (_KNOB + "hugepages-2048kB/shmem_enabled", "inherit"),
        "collapse the slot now",
    ),
    Region(
        "SysV",
        "id = libc.shmget(0, M, 0o1600)\nassert libc.shmat(id, ctypes.c_void_p(p), 0) == p\n"
        "check(libc.shmctl(id, 0, None))\nwrite()",
        Reason.SHMEM_OFF,
        (_KNOB + "shmem_enabled", "never"),
        "huge where it is advised",
    ),
    Region(
        "tmpfs huge=never",
        "put(M, fd=unfilled(mounted('tmpfs', 'huge=never')))\nwrite()",
        Reason.SHMEM_OFF,
        ("mount option huge=", "never"),
        "mount it with huge=advise",
    ),
    Region("tmpfs huge=always", "put(M, fd=unfilled(mounted('tmpfs', 'huge=always')))\nwrite()",
           Reason.NONE),
    Region(
        "tmpfs huge=advise",
        "put(M, fd=unfilled(mounted('tmpfs', 'huge=advise')))\nwrite()",
        Reason.NOT_ADVISED,
        ("mount option huge=", "advise"),
        "ask for it in the program",
    ),
    Region(
        "tmpfs huge=within_size",
        "put(2 * M, fd=unfilled(mounted('tmpfs', 'huge=within_size'), 3 * H))\n"
        "write()\nwrite(256, M)",
        Reason.NONE,
    ),
    Region(
        "beyond the size",
        "",
        Reason.WAITING,
        ("khugepaged/", "pages_to_scan"),
        "collapse the slot now",
        like="tmpfs huge=within_size",
        shift=M,
        certain=False,
    ),
    Region(
        "private tmpfs",
        "put(M, flags=2, fd=unfilled('tmpfshuge_always/private'))\nwrite()",
        Reason.COPIED,
        ("vm_flags", "private"),
        "map it shared",
        certain=False,
    ),
    Region(
        "only read",
        "put(M, flags=2, fd=unfilled('tmpfshuge_always/read'), prot=1)\nread()",
        Reason.NONE,
    ),
    Region(
        "file",
        "put(M, fd=filled(mounted('ramfs')))\nread()",
        Reason.FILE,
        ("mount ", "type ramfs"),
        "file system with large folios",
    ),
    Region(
        "code",
        "put(M, flags=2, fd=os.open(os.path.abspath('ramfs/file'), os.O_RDONLY), prot=5)\nread()",
        Reason.FILE,
        ("", "CONFIG_READ_ONLY_THP_FOR_FS"),
        "copy what is hot",
    ),
)  # fmt: skip


def places(regions: Iterable[Region] = REGIONS) -> dict[str, int]:
    """The address asked about in each region."""
    firsts: dict[str, int] = {}
    out = {}
    for region in regions:
        if not region.like:
            firsts[region.name] = AREA + len(firsts) * APART
        out[region.name] = firsts[region.like or region.name] + region.shift
    return out


def program(regions: Iterable[Region] = REGIONS, before: str = "") -> str:
    """What the child runs."""
    made = [region for region in regions if not region.like]
    parts = [f"p = {AREA + index * APART:#x}\n{region.code}\n" for index, region in enumerate(made)]
    return HELPERS + before + "".join(parts)
