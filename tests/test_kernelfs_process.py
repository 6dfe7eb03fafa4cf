"""stat, status and smaps: what a process is, and the kernel's totals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.demo import Demo
from hpview.errors import NoMemoryMap, NoSuchProcess
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.smaps import parse_smaps, read_smaps
from hpview.kernelfs.status import is_kernel_thread, read_stat, read_status
from tests.children import child
from tests.fakeproc import PF_KTHREAD, FakeProc

if TYPE_CHECKING:
    from pathlib import Path

SMAPS = b"""\
00400000-00600000 rw-p 00000000 08:01 7                                  /tmp/a: b
Size:               2048 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                 100 kB
Pss:                  50 kB
AnonHugePages:      2048 kB
ShmemPmdMapped:        8 kB
FilePmdMapped:        16 kB
Shared_Hugetlb:        3 kB
Private_Hugetlb:       4 kB
Swap:                 12 kB
SwapPss:               1 kB
THPeligible:           1
VmFlags: rd wr mr mw me ac hg
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
Rss:                   4 kB
VmFlags: ex
"""


def test_a_name_may_look_like_the_end_of_the_name(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(9, comm=b"a) R (b\xff", state="T", flags=0x400140, start_time=987)
    stat = read_stat(9, fake.proc)
    assert stat.comm == b"a) R (b\xff"
    assert (stat.state, stat.flags, stat.start_time) == ("T", 0x400140, 987)
    assert not stat.is_kernel_thread
    assert not stat.is_zombie


def test_kernel_threads_and_zombies(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(2, comm=b"kthreadd", flags=PF_KTHREAD)
    fake.add_process(3, state="Z")
    assert is_kernel_thread(2, fake.proc)
    assert not is_kernel_thread(3, fake.proc)
    assert read_stat(3, fake.proc).is_zombie
    with pytest.raises(NoSuchProcess):
        read_stat(4, fake.proc)


def test_status(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(
        9,
        status=b"Name:\ta\\nb\nTgid:\t9\nUid:\t1\t2\t3\t4\nNSpid:\t9\t1\nVmSize:\t 9 kB\n"
        b"VmRSS:\t   100 kB\nVmSwap:\t 8 kB\nHugetlbPages:\t 2048 kB\nTHP_enabled:\t0\n",
    )
    status = read_status(9, fake.proc)
    assert (status.tgid, status.uid, status.nspid) == (9, 2, (9, 1))
    assert (status.rss, status.swap, status.hugetlb) == (102400, 8192, 2 << 20)
    assert status.thp_enabled is False
    assert status.has_mm
    fake.add_process(10)
    bare = read_status(10, fake.proc)
    assert (bare.rss, bare.swap, bare.thp_enabled, bare.has_mm) == (0, 0, None, False)


def test_of_a_real_process() -> None:
    with child("") as process:
        stat = read_stat(process.pid)
        status = read_status(process.pid)
        assert stat.comm.startswith(b"python")
        assert stat.threads == 1
        assert stat.start_time >= read_stat(os.getpid()).start_time
        assert status.tgid == process.pid
        assert status.uid == os.geteuid()
        assert status.nspid[-1] == process.pid
        assert status.rss > 1 << 20
        assert status.has_mm


def test_smaps_are_parsed_without_vsyscall() -> None:
    smaps = parse_smaps(SMAPS)
    assert smaps.table.tolist() == [
        (0x400000, 0x600000, 102400, 2 << 20, 8192, 16384, 7168, 12288, 4096, 1)
    ]
    assert smaps.vm_flags == ("rd wr mr mw me ac hg",)
    assert smaps.pmd_mapped.tolist() == [(2 << 20) + 8192 + 16384]
    assert len(parse_smaps(b"").table) == 0


def test_smaps_of_the_demo_are_what_it_promises() -> None:
    with Demo.spawn() as demo:
        table = read_smaps(demo.pid).table
        maps = read_maps(demo.pid)
    assert table["start"].tolist() == [m.start for m in maps]
    assert table["end"].tolist() == [m.end for m in maps]
    rows = {int(row["start"]): row for row in table}
    for region in demo.regions:
        row, expect = rows[region.start], region.expect
        huge = row["anon_huge"] + row["shmem_pmd"] + row["file_pmd"]
        hugetlb = row["hugetlb"]
        assert int(row["end"]) == region.end, region.name
        assert huge + hugetlb == expect.bytes_2m + expect.bytes_1g, region.name
        assert row["rss"] - huge == expect.bytes_4k, region.name
        assert row["swap"] == expect.bytes_swap, region.name


def test_smaps_of_none(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(2, flags=PF_KTHREAD, smaps=b"")
    with pytest.raises(NoMemoryMap):
        read_smaps(2, fake.proc)
    with pytest.raises(NoSuchProcess):
        read_smaps(3, fake.proc)
