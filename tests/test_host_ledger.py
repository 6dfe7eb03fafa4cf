"""The hugetlb ledger: what processes have mapped, each page counted once."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.errors import AccessDenied, BackendUnavailable
from hpview.host import attribution
from hpview.host.attribution import Attribution
from hpview.host.ledger import Entry, Ledger, read_ledger
from hpview.host.unread import Unread
from hpview.kernelfs.hugetlb import Pool
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.pagemap import PFN_MASK, Pagemap
from hpview.kernelfs.pagemap import Entry as Bit
from hpview.machine import Stopped
from tests import host_tree
from tests.children import child, hugetlb_pool
from tests.ordinary import ordinary
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakeproc import FakeProc

HUGE = 2 * MIB

SHARERS = f"""
import mmap, os, sys
HUGE, HUGETLB = {HUGE}, 0x40000
private = mmap.mmap(-1, 4 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | HUGETLB)
for page in range(3):
    private[page * HUGE] = 1
file = os.memfd_create("shared", 4)
os.ftruncate(file, 8 * HUGE)
shared = mmap.mmap(file, 8 * HUGE)
for page in (0, 5):
    shared[page * HUGE] = 1
lost = os.memfd_create("lost", 4)
os.ftruncate(lost, 2 * HUGE)
mmap.mmap(lost, 2 * HUGE)[0] = 1
copied = mmap.mmap(file, 4 * HUGE, flags=mmap.MAP_PRIVATE, offset=4 * HUGE)
copied[3 * HUGE]
copied[0] = 7
told, tell = os.pipe()
other = os.fork()
if other == 0:
    private[0] = 2
    shared[2 * HUGE] = 2
    shared[5 * HUGE]
    shared[0]
    os.write(tell, b".")
    sys.stdin.read()
    os._exit(0)
os.read(told, 1)
"""
"""Two processes. In use: private 3, one of which is copied: 4; of the file 0, 5, 2 and 7 (read
through the private mapping): 4; a private copy of page 4: 1; lost: 1, mapped by nobody."""
IN_USE, MAPPED = 10, 9


@pytest.fixture(scope="module")
def sharers() -> Iterator[int]:
    """The parent of the two, with a pool that has room for them."""
    with hugetlb_pool(24), child(SHARERS) as process:
        yield process.pid


def small(ledger: Ledger) -> Entry:
    return next(entry for entry in ledger.entries if entry.pool.page_size == HUGE)


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def frames(pids: list[int]) -> set[int]:
    """The frames of all hugetlb pages, by their numbers and nothing else."""
    found = set()
    for pid in pids:
        with Pagemap(pid) as pagemap:
            for mapping in read_maps(pid):
                if not mapping.name.startswith(("/anon_hugepage", "/memfd:", "/SYSV")):
                    continue
                entries = pagemap.read_entries(
                    mapping.start, (mapping.end - mapping.start) // 4096
                )[::512]
                there = entries[(entries & np.uint64(Bit.PRESENT)) != 0]
                found |= set((there & np.uint64(PFN_MASK)).tolist())
    return found


@pytest.mark.root
def test_pages_that_two_processes_share_count_once(sharers: int) -> None:
    before = Attribution()
    pids = [sharers, *children_of(sharers)]
    mapped = [before.add(pid, lambda: None) for pid in pids]
    assert before.pages(HUGE) == len(frames(pids)) == MAPPED
    assert before.exact
    assert not before.cut
    # the child got what is private with the fork, and touched three shared ones
    assert mapped[0] == {HUGE: (3 + 2 + 2) * HUGE}
    assert mapped[1] == {HUGE: (3 + 3 + 2) * HUGE}


@pytest.mark.root
def test_what_nobody_maps_is_unattributed(sharers: int) -> None:
    ledger = read_ledger()
    entry = small(ledger)
    pids = [sharers, *children_of(sharers)]
    assert {holder.pid for holder in ledger.holders} >= {*pids}
    assert entry.pool.in_use - entry.mapped == entry.unattributed
    assert entry.unattributed >= IN_USE - MAPPED
    assert ledger.whole
    assert ledger.exact
    for holder in ledger.holders:
        if holder.pid in pids:
            assert holder.comm.startswith("python")
            assert holder.mapped == {HUGE: holder.charged}


SEGMENT = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x08000000) == 0
libc.shmat.restype = ctypes.c_void_p
number = libc.shmget(0, {2 * HUGE}, 0o1600 | 0o4000)
assert number == 0
address = libc.shmat(number, None, 0)
libc.shmctl(number, 0, None)
ctypes.memset(address, 1, {2 * HUGE})
told, tell = os.pipe()
if os.fork() == 0:
    ctypes.memset(address, 2, {2 * HUGE})
    os.write(tell, b".")
    sys.stdin.read()
    os._exit(0)
os.read(told, 1)
"""


@pytest.mark.root
def test_segments_of_two_ipc_namespaces_are_two(sharers: int) -> None:
    """Both are number 0, and inode 0, of the same device."""
    with child(SEGMENT) as one, child(SEGMENT) as other:
        pids = [one.pid, other.pid, *children_of(one.pid), *children_of(other.pid)]
        attribution_ = Attribution()
        mapped = [attribution_.add(pid, lambda: None) for pid in pids]
        assert attribution_.pages(HUGE) == len(frames(pids)) == 4
    assert mapped == [{HUGE: 2 * HUGE}] * 4


@pytest.mark.root
def test_a_sparse_file_takes_no_memory_for_its_size(sharers: int) -> None:
    code = f"""
import mmap, os
file = os.memfd_create("sparse", 4)
os.ftruncate(file, 1 << 60)
areas = [mmap.mmap(file, {HUGE}, offset=at) for at in (0, {HUGE}, 1 << 40, (1 << 60) - {HUGE})]
for area in areas:
    area[0] = 1
"""
    with child(code) as process:
        found = Attribution()
        assert found.add(process.pid, lambda: None) == {HUGE: 4 * HUGE}
    assert found.pages(HUGE) == 4


@pytest.mark.root
def test_private_pages_beyond_the_limit_are_told(
    sharers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "LIMIT", 2)
    ledger = read_ledger()
    assert ledger.cut
    assert not ledger.whole
    assert ledger.pages <= 2
    assert small(ledger).mapped < small(ledger).pool.in_use


@pytest.mark.root
def test_before_scans_each_page_is_asked_for(sharers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = small(read_ledger()).mapped

    def missing(*_args: object) -> tuple[object, int]:
        raise BackendUnavailable("PAGEMAP_SCAN", "this kernel has no such ioctl")

    monkeypatch.setattr(Pagemap, "scan", missing)
    assert small(read_ledger()).mapped == expected


@pytest.mark.root
def test_an_ordinary_user_counts_the_same_pages() -> None:
    """Its own: without frame numbers, by file and offset and by what is mapped once."""
    through, python = ordinary()
    code = f"""
import json, signal
{SHARERS.replace("sys.stdin.read()", "signal.pause()")}
from hpview.host.ledger import read_ledger
ledger = read_ledger()
os.kill(other, signal.SIGKILL)
entry = next(entry for entry in ledger.entries if entry.pool.page_size == HUGE)
own = [holder.pid for holder in ledger.holders if holder.mapped is not None]
print(json.dumps([entry.mapped, ledger.exact, len(own), len(ledger.holders) - ledger.unread]))
"""
    with hugetlb_pool(24):
        done = subprocess.run([*through, python, "-c", code], capture_output=True, check=True)
    mapped, exact, own, read = json.loads(done.stdout)
    assert mapped == MAPPED
    assert not exact, "two private pages are shared with the child, and frames are hidden"
    assert own == read == 2


def test_reading_is_given_up_when_nobody_waits() -> None:
    with pytest.raises(Stopped):
        read_ledger(lambda: True)


def test_what_is_mapped_and_then_freed_is_not_owed() -> None:
    entry = Entry(Pool(HUGE, 10, 8, 0, 0), (), mapped=3)
    assert entry.unattributed == 0


@pytest.fixture
def tree(tmp_path: Path) -> FakeProc:
    return host_tree.build(tmp_path)


def test_holders_that_may_not_be_read(tree: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    def status(kilobytes: int, pid: int) -> bytes:
        return f"Name:\tx\nTgid:\t{pid}\nUid:\t0 0 0 0\nHugetlbPages:\t{kilobytes} kB\n".encode()

    for pid, kilobytes in ((41, 4096), (42, 0), (43, 6144)):
        tree.add_process(pid, comm=b"x\x1b", status=status(kilobytes, pid), cgroup=b"0::/pod/a\n")

    def add(_self: Attribution, pid: int, _stop: object) -> dict[int, int]:
        raise AccessDenied(pid)

    monkeypatch.setattr(Attribution, "add", add)
    ledger = read_ledger(root=tree.proc, sysfs=tree.sys)
    assert [(h.pid, h.charged, h.mapped) for h in ledger.holders] == [
        (43, 6 * MIB, None),
        (41, 4 * MIB, None),
    ]
    assert ledger.unread == 2
    assert not ledger.whole
    assert small(ledger).unattributed == 389
    assert [entry.pool.page_size for entry in ledger.entries] == [HUGE, GIB]
    assert [node.node for node in small(ledger).nodes] == [0, 1]


def test_cgroups_of_processes_and_those_above(tree: FakeProc, tmp_path: Path) -> None:
    """The second process is outside of what is mounted here."""
    tree.add_process(41, cgroup=b"0::/pod/a/b\n")
    tree.add_process(42, cgroup=b"0::/elsewhere\n")
    for folder, limit in (("a", "7340032"), ("a/b", "max")):
        path = tmp_path / "cgroups" / folder
        path.mkdir(parents=True)
        (path / "hugetlb.2MB.max").write_text(limit)
        (path / "hugetlb.2MB.current").write_text("2097152")
    ledger = read_ledger(root=tree.proc, sysfs=tree.sys)
    assert not isinstance(ledger.cgroups, Unread)
    assert [(row.path, row.limit, row.usage) for row in ledger.cgroups] == [
        ("/pod/a", 7 * MIB, 2 * MIB),
        ("/pod/a/b", None, 2 * MIB),
    ]


def test_no_cgroup_has_the_controller(tree: FakeProc) -> None:
    ledger = read_ledger(root=tree.proc, sysfs=tree.sys)
    assert isinstance(ledger.cgroups, Unread)
    (tree.proc / str(os.getpid()) / "mountinfo").unlink()
    ledger = read_ledger(root=tree.proc, sysfs=tree.sys)
    assert isinstance(ledger.cgroups, Unread)
    assert ledger.cgroups.reason == "not mounted"
