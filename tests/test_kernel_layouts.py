"""Each kind of backing, as the kernel stream tells it and as smaps does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import psutil
import pytest

from hpview.in_force import release
from hpview.wire import (
    Backing,
    Kind,
    RunFlag,
    VmaFlag,
    VmFlag,
    decode,
)
from tests.children import child, hugetlb_pool
from tests.conftest import lacking
from tests.kernel_targets import (
    AREA,
    PRELUDE,
    SMAPS_LEAVES_OUT,
    area_runs,
    area_vmas,
    assert_like_smaps,
    drain,
    read_all,
)

if TYPE_CHECKING:
    from hpview.stream.kernel import KernelBackend

pytest_plugins = ("tests.kernel_fixtures",)
pytestmark = pytest.mark.bpf

FULL_2M: Final = (Backing.PMD_2M, 512, 0, 0, 0)

LAYOUTS: Final = {
    "thp": (
        "area(8 * M, HUGEPAGE); touch(1); touch(2); touch(5)",
        [(1, 2, *FULL_2M), (5, 1, *FULL_2M)],
    ),
    "hole in a thp": (
        "area(3 * M, HUGEPAGE); touch(0); touch(1); touch(2); "
        "check(libc.madvise(A + M + 8 * K, K, 4))",
        [(0, 1, *FULL_2M), (1, 1, Backing.PTE_4K, 511, 0, 0, 0), (2, 1, *FULL_2M)],
    ),
    "PROT_NONE thp": (
        "area(2 * M, HUGEPAGE); touch(0); touch(1); check(libc.mprotect(A, 2 * M, 0))",
        [(0, 2, *FULL_2M)],
    ),
    "PROT_NONE pages": (
        "area(M, NOHUGEPAGE); touch(0, 40); look(0, 50); check(libc.mprotect(A, M, 0))",
        [(0, 1, Backing.PTE_4K, 40, 0, 10, 0)],
    ),
    "sparse": (
        "area(4096 * M, NOHUGEPAGE, 0x4000); [touch(i, 3) for i in range(0, 4096, 1000)]",
        [(i, 1, Backing.PTE_4K, 3, 0, 0, 0) for i in range(0, 4096, 1000)],
    ),
    "equal neighbours": (
        "area(4 * M, NOHUGEPAGE); [touch(i, 7) for i in range(4)]",
        [(0, 4, Backing.PTE_4K, 7, 0, 0, 0)],
    ),
    "cut slots": (
        "area(M + 5 * K, NOHUGEPAGE); check(libc.munmap(A, 3 * K)); touch(1, 5); "
        "[ctypes.memset(A + i * K, 1, 1) for i in (3, 4, 500, 501, 511)]",
        [(0, 2, Backing.PTE_4K, 5, 0, 0, 0)],
    ),
    "1 TiB, hardly used": (
        "area(1 << 40, NOHUGEPAGE, 0x4000); [touch(i << 15) for i in range(8)]",
        [(i << 15, 1, Backing.PTE_4K, 512, 0, 0, 0) for i in range(8)],
    ),
    "huge zero page": (
        "area(4 * M, HUGEPAGE); look(0); look(3)",
        [(0, 1, Backing.ZERO, 0, 0, 512, 0), (3, 1, Backing.ZERO, 0, 0, 512, 0)],
    ),
    "PROT_NONE huge zero page": (
        "area(4 * M, HUGEPAGE); look(0); check(libc.mprotect(A, 4 * M, 0))",
        [(0, 1, Backing.ZERO, 0, 0, 512, 0)],
    ),
    "zero pages": (
        "area(2 * M, NOHUGEPAGE); look(0, 512); look(1, 512); touch(1, 2)",
        [(0, 1, Backing.ZERO, 0, 0, 512, 0), (1, 1, Backing.PTE_4K, 2, 0, 510, 0)],
    ),
    "shared memory": (
        "fd = os.memfd_create('x'); os.ftruncate(fd, 4 * M); area(4 * M, None, 0, fd); "
        "[touch(i) for i in range(4)]; check(libc.madvise(A + M, 2 * M, COLLAPSE))",
        [
            (0, 1, Backing.PTE_4K, 512, 0, 0, 0),
            (1, 2, *FULL_2M),
            (3, 1, Backing.PTE_4K, 512, 0, 0, 0),
        ],
    ),
    "file": (
        "open('f', 'wb').write(b'x' * 9 * K); area(9 * K, None, 0, os.open('f', 2)); touch(0, 9)",
        [(0, 1, Backing.PTE_4K, 9, 0, 0, 0)],
    ),
    "untouched": ("area(64 * M)", []),
}


@pytest.mark.parametrize(("code", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(
    backend: KernelBackend, tmp_path: Path, code: str, expected: list[tuple[int, ...]]
) -> None:
    with child(PRELUDE + code, cwd=tmp_path) as target:
        data = read_all(backend, target.pid)
        assert area_runs(data) == expected
        if not (SMAPS_LEAVES_OUT and code == LAYOUTS["PROT_NONE thp"][0]):
            assert_like_smaps(data, target.pid)


def test_guard_pages(backend: KernelBackend) -> None:
    if release(os.uname().release) < (6, 13):
        lacking("no MADV_GUARD_INSTALL before Linux 6.13")
    code = "area(3 * M, NOHUGEPAGE); touch(0, 8); check(libc.madvise(A + 2 * K, 3 * K, GUARD)); "
    code += "check(libc.madvise(A + M, 4 * K, GUARD))"
    with child(PRELUDE + code) as target:
        data = read_all(backend, target.pid)
    assert area_runs(data) == [
        (0, 1, Backing.PTE_4K, 5, 0, 0, 3),
        (1, 1, Backing.NONE, 0, 0, 0, 4),
    ]


@pytest.mark.root
def test_hugetlb(backend: KernelBackend) -> None:
    code = "area(4 * M, None, 0x40000); touch(0); touch(2)"
    with hugetlb_pool(4), child(PRELUDE + code) as target:
        data = read_all(backend, target.pid)
        assert area_runs(data) == [(0, 1, *FULL_2M), (2, 1, *FULL_2M)]
        assert int(area_vmas(data)["vm_flags"][0]) & VmFlag.HUGETLB
        assert_like_smaps(data, target.pid)


@pytest.mark.root
def test_hugetlb_of_1g(backend: KernelBackend) -> None:
    if not Path("/sys/kernel/mm/hugepages/hugepages-1048576kB").exists():
        pytest.skip("no 1 GiB pages")
    if psutil.virtual_memory().free < 3 << 30:
        lacking("no memory for a 1 GiB page")
    code = "area(512 * M, None, 0x40000 | 30 << 26); touch(3, 1)"
    with hugetlb_pool(1, 1048576), child(PRELUDE + code) as target:
        data = read_all(backend, target.pid)
        assert area_runs(data) == [(0, 512, Backing.PUD_1G, 512, 0, 0, 0)]
        assert area_vmas(data)["slots_1g"].tolist() == [512]
        assert_like_smaps(data, target.pid)


def test_file_facts(backend: KernelBackend, tmp_path: Path) -> None:
    code = "open('f', 'wb').truncate(9 * K); fd = os.open('f', 0); "
    code += "libc.mmap(A, 4 * K, 1, 0x100002, fd, 3 * K)"
    with child(PRELUDE + code, cwd=tmp_path) as target:
        (vma,) = area_vmas(read_all(backend, target.pid))
        (line,) = (
            line.split()
            for line in Path(f"/proc/{target.pid}/maps").read_text().splitlines()
            if line.startswith(f"{AREA:x}-")
        )
    major, minor = (int(part, 16) for part in line[3].split(":"))
    assert vma["dev"] == major << 20 | minor
    assert vma["ino"] == int(line[4])
    assert vma["pgoff"] == 3


def test_special_mappings_are_not_walked(backend: KernelBackend) -> None:
    with child("") as target:
        vmas = decode(read_all(backend, target.pid)).of(Kind.VMA)
    skipped = vmas[(vmas["flags"] & VmaFlag.SKIPPED) != 0]
    assert ((vmas["vm_flags"] & np.uint64(VmFlag.PFNMAP)) != 0).sum() == len(skipped)
    assert not skipped["pages_4k"].any()


def test_huge_zero_page_is_named(backend: KernelBackend) -> None:
    with child(PRELUDE + "area(2 * M, HUGEPAGE); look(0)") as target:
        runs = decode(read_all(backend, target.pid)).of(Kind.RUN)
    (run,) = runs[runs["start"] == AREA]
    assert run["flags"] == RunFlag.PMD_ZERO


def test_read_failure_is_told(backend: KernelBackend) -> None:
    code = "area(4 * M, NOHUGEPAGE); touch(1, 3)"
    with child(PRELUDE + code) as target, backend.open(target.pid) as stream:
        # An address of the user half: refused by copy_from_kernel_nofault_allowed().
        stream._program.state.params.direct_map = 1 << 40
        data = drain(stream)
    runs = decode(data).of(Kind.RUN)
    assert set(runs["backing"].tolist()) == {Backing.UNKNOWN}
    assert set(runs["err"].tolist()) <= {errno.EFAULT, errno.ERANGE}
    vmas = decode(data).of(Kind.VMA)
    walked = vmas[(vmas["flags"] & VmaFlag.SKIPPED) == 0]
    assert all(walked["flags"] & VmaFlag.READ_ERROR)
    assert decode(data).of(Kind.END)["read_errors"][0] >= len(walked)
