"""The gap: what could be huge by what it is, and is not, by both streams and by hand."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview.demo import Demo, layout
from hpview.kernelfs.files import PROC
from hpview.kernelfs.shmem import internal_device
from hpview.machine import Machine, aggregate
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from hpview.stream.hugeable import MemoryFiles, MemoryFilesReader, hugeable
from hpview.stream.kernel import KernelBackend
from hpview.wire import Kind, RollupFlag, VmFlag, decode
from tests import gap_target, khugepaged, records
from tests.children import child, hugetlb_pool
from tests.compare import drain
from tests.gap_target import MIB, REGIONS
from tests.kernel_targets import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from hpview.stream.base import Backend
    from hpview.wire import Records

OLDER: Final = Features(query=False, scan=True, kpageflags=False)
SUMS: Final = ("bytes_4k", "bytes_2m", "bytes_1g", "bytes_swap", "bytes_gap", "bytes_hugetlb")


@pytest.fixture(params=[pytest.param("bpf", marks=pytest.mark.bpf), "procfs", "older procfs"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    match request.param:
        case "bpf":
            opened: Backend = KernelBackend()
        case "procfs":
            opened = ProcfsBackend()
        case _:
            opened = ProcfsBackend(OLDER)
    yield opened
    opened.close()


def rollup(backend: Backend, pid: int) -> dict[str, int]:
    """The sums of one process, out of a walk over all."""
    with backend.open_all() as stream:
        tasks, rollups = aggregate(drain(stream))
    (mine,) = rollups[tasks["tgid"] == pid]
    assert mine["flags"] == RollupFlag.GAP
    return {name: int(mine[name]) for name in SUMS}


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    with khugepaged.asleep(), child(gap_target.code()) as process:
        yield process.pid


def test_the_gap_of_a_process_is_what_one_counts_by_hand(backend: Backend, target: int) -> None:
    gap, huge = gap_target.of_the_rest(target)
    found = rollup(backend, target)
    assert found["bytes_2m"] == huge + sum(region.huge for region in REGIONS)
    assert found["bytes_gap"] == gap + sum(region.gap for region in REGIONS)
    assert found["bytes_hugetlb"] == 0


@pytest.mark.parametrize("number", range(len(REGIONS)), ids=[r.name for r in REGIONS])
def test_each_region_has_the_gap_it_was_built_with(number: int, target: int) -> None:
    """One by one, so that two mistakes cannot cancel each other."""
    start = gap_target.FIRST + number * gap_target.APART
    with ProcfsBackend().open(target) as stream:
        vmas = decode(drain(stream)).of(Kind.VMA)
    files = MemoryFilesReader(PROC).of(target, PROC)
    here = (vmas["start"] >= start) & (vmas["start"] < start + gap_target.APART)
    able = hugeable(vmas, lambda: files)
    assert int(vmas["pages_4k"][here & able].sum()) * 4096 == REGIONS[number].gap
    assert int(vmas["slots_2m"][here].sum()) * 2 * MIB == REGIONS[number].huge


def test_the_coverage_of_the_demo_process(backend: Backend) -> None:
    """Files count where they are huge, and nowhere else; its other VMAs have 2 MiB or more.

    What is swapped out comes back when swapping is ended, perhaps by somebody else just now.
    """
    with khugepaged.asleep(), hugetlb(4), Demo.spawn() as demo:
        gap, huge = gap_target.of_the_rest(demo.pid, range(layout.BASE, layout.BASE + (8 << 40)))
        processes = Machine(backend).snapshot().processes
    for region in demo.regions:
        huge += region.expect.bytes_2m + region.expect.bytes_1g
        if not region.name.startswith("file, "):
            gap += region.expect.bytes_4k + region.expect.bytes_swap
    found = next(process for process in processes if process.pid == demo.pid)
    gap -= found.bytes_swap
    assert (found.huge, found.bytes_gap) == (huge, gap)
    assert found.coverage == huge / (huge + gap)
    assert 0.5 < found.coverage < 0.7


def hugetlb(count: int) -> AbstractContextManager[None]:
    """Pages of 2 MiB in the pool meanwhile, for those who may say so."""
    return hugetlb_pool(count) if os.geteuid() == 0 else nullcontext()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes pages for a pool")
def test_hugetlb_is_huge_and_told_apart(backend: Backend) -> None:
    code = "area(3 * M, flags=0x40000); touch(0); touch(2, 1)"
    with hugetlb_pool(3), child(PRELUDE + code) as process:
        found = rollup(backend, process.pid)
    assert found["bytes_hugetlb"] == found["bytes_2m"] == 4 * MIB


@pytest.mark.bpf
def test_a_vma_counted_in_pieces_has_its_gap_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpview.stream.loaded.TABLES_PER_CALL", 1)
    code = "area(18 * M, NOHUGEPAGE); [touch(i) for i in range(9)]"
    kernel = KernelBackend()
    try:
        with child(PRELUDE + code) as process:
            found, whole = rollup(kernel, process.pid), rollup(ProcfsBackend(), process.pid)
    finally:
        kernel.close()
    assert found == whole
    assert found["bytes_gap"] >= 18 * MIB


def said(start: int, end: int, **fields: int) -> Records:
    return decode(records.vma(start, end, **fields)).of(Kind.VMA)


SHMEM, ZERO = 25, (6, 5)
FILES: Final = MemoryFiles(frozenset({1, SHMEM}), ZERO)


@pytest.mark.parametrize(
    ("size", "fields", "expected"),
    [
        (2 * MIB, {}, True),
        (2 * MIB - 4096, {}, False),
        (2 * MIB, {"dev": 9, "ino": 5}, False),
        (2 * MIB, {"dev": SHMEM, "ino": 5}, True),
        (2 * MIB - 4096, {"dev": SHMEM, "ino": 5}, False),
        (2 * MIB, {"dev": ZERO[0], "ino": ZERO[1]}, True),
        (2 * MIB, {"dev": ZERO[0], "ino": 4}, False),
        (2 * MIB, {"dev": 9, "ino": ZERO[1]}, False),
        (2 * MIB, {"dev": 9, "ino": 5, "vm_flags": VmFlag.HUGETLB}, True),
        (2 * MIB, {"vm_flags": VmFlag.NOHUGEPAGE}, True),
    ],
)
def test_what_may_be_huge(size: int, fields: dict[str, int], *, expected: bool) -> None:
    start = 0x1000
    assert hugeable(said(start, start + size, **fields), lambda: FILES).tolist() == [expected]


def test_files_are_asked_about_only_where_it_matters() -> None:
    def refuse() -> MemoryFiles:
        raise AssertionError

    small = [said(0, MIB, dev=9, ino=9), said(4 * MIB, 8 * MIB)]
    assert hugeable(np.concatenate(small), refuse).tolist() == [False, True]


def test_mounts_are_read_once_for_all_who_see_the_same(tmp_path: Path) -> None:
    """42 and 43 see the same; 44 has another root, 45 may not be asked what it sees."""
    for pid, root, mounted in ((42, "/", 30), (43, "/", 31), (44, "/jail", 32), (45, None, 33)):
        folder = tmp_path / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "mountinfo").write_text(f"1 1 0:{mounted} / /x rw - tmpfs none rw\n")
        if root is not None:
            (folder / "ns/mnt").symlink_to("mnt:[1]")
            (folder / "root").symlink_to(root)
    reader = MemoryFilesReader(tmp_path)
    found = [reader.of(pid, tmp_path).shmem for pid in (42, 43, 44, 45)]
    assert found == [{30}, {30}, {32}, {33}]


def test_the_devices_of_this_process() -> None:
    files = MemoryFilesReader(PROC).of(os.getpid(), PROC)
    assert internal_device() in files.shmem
    assert files.zero is not None
    assert files.zero[1] == Path("/dev/zero").stat().st_ino


def test_without_maps_of_ones_own_mounted_file_systems_are_known(tmp_path: Path) -> None:
    assert MemoryFilesReader(tmp_path).of(42, tmp_path).shmem == frozenset()
