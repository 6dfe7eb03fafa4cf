"""Limits and use of hugetlb by cgroup, of both versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hpview.host.ledger import read_ledger
from hpview.host.unread import Unread
from hpview.kernelfs.cgroup import read_cgroup
from hpview.kernelfs.hugetlb_cgroup import Hierarchy, HugetlbCgroup, find_hierarchy, read_limits
from tests.children import child, hugetlb_pool
from tests.conftest import lacking
from tests.fakeproc import FakeProc
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

V1 = {
    "limit_in_bytes": 6 * MIB,
    "usage_in_bytes": 4 * MIB,
    "max_usage_in_bytes": 5 * MIB,
    "failcnt": 7,
    "rsvd.limit_in_bytes": 9223372036852678656,
    "rsvd.usage_in_bytes": 8 * MIB,
    "rsvd.max_usage_in_bytes": 10 * MIB,
    "rsvd.failcnt": 11,
}


def write(folder: Path, size: str, files: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"hugetlb.{size}.{name}").write_text(f"{content}\n")


def test_version_2(tmp_path: Path) -> None:
    for size, scale in (("2MB", MIB), ("1GB", GIB), ("64KB", 1024)):
        files = {
            "max": "max" if size == "2MB" else 5 * scale,
            "current": 3 * scale,
            "rsvd.max": 7 * scale,
            "rsvd.current": 4 * scale,
            "events": "max 13",
            "events.local": "max 12",
            "numa_stat": "total=0 N0=0",
        }
        write(tmp_path / "a" / "b", size, files)
    found = read_limits(Hierarchy(tmp_path, "/", True), "/a/b")
    assert [row.page_size for row in found] == [64 << 10, 2 * MIB, GIB]
    folder = tmp_path / "a" / "b"
    assert found[1] == HugetlbCgroup(
        "/a/b", 2 * MIB, None, 3 * MIB, 7 * MIB, 4 * MIB, 13, f"{folder}/hugetlb.2MB.max"
    )
    assert found[2].limit == 5 * GIB


def test_version_1(tmp_path: Path) -> None:
    write(tmp_path / "a", "2MB", V1)
    source = f"{tmp_path}/a/hugetlb.2MB.limit_in_bytes"
    assert read_limits(Hierarchy(tmp_path, "/", False), "/a") == [
        HugetlbCgroup("/a", 2 * MIB, 6 * MIB, 4 * MIB, None, 8 * MIB, 7, source)
    ]


def test_before_reservations_were_counted(tmp_path: Path) -> None:
    write(tmp_path / "a", "2MB", {"max": 6 * MIB, "current": 0})
    (found,) = read_limits(Hierarchy(tmp_path, "/", True), "/a")
    assert (found.reserved_limit, found.reserved_usage, found.failures) == (None, None, None)


@pytest.mark.parametrize(
    ("top", "cgroup", "below"),
    [
        ("/", "/", ""),
        ("/", "/a/b", "a/b"),
        ("/pod", "/pod", ""),
        ("/pod", "/pod/a", "a"),
        ("/pod", "/podium/a", None),
        ("/pod", "/other", None),
        ("/", "/../other", None),
    ],
)
def test_where_a_cgroup_lies_in_what_is_mounted(top: str, cgroup: str, below: str | None) -> None:
    found = Hierarchy(Path("/mnt"), top, True).path_of(cgroup)
    assert found == (None if below is None else Path("/mnt") / below)


def test_a_cgroup_out_of_sight_has_no_limits(tmp_path: Path) -> None:
    assert read_limits(Hierarchy(tmp_path, "/", True), "/../x") == []
    assert read_limits(Hierarchy(tmp_path, "/", True), "/gone") == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("1 0 0:9 / /cg rw - cgroup2 cgroup2 rw", Hierarchy(Path("/cg"), "/", True)),
        (
            "1 0 0:9 / /cg rw - cgroup2 cgroup2 rw\n"
            "2 0 0:10 /x /cg/h rw - cgroup cgroup rw,hugetlb\n"
            "3 0 0:11 / /cg/m rw - cgroup cgroup rw,memory",
            Hierarchy(Path("/cg/h"), "/x", False),
        ),
        ("3 0 0:11 / /cg/m rw - cgroup cgroup rw,memory", None),
    ],
)
def test_the_hierarchy_of_the_controller(
    tmp_path: Path, lines: str, expected: Hierarchy | None
) -> None:
    tree = FakeProc(tmp_path)
    tree.write_proc(f"{os.getpid()}/mountinfo", lines + "\n")
    assert find_hierarchy(tree.proc) == expected


def test_the_cgroup_of_a_process_in_that_hierarchy(tmp_path: Path) -> None:
    tree = FakeProc(tmp_path)
    tree.add_process(42, cgroup=b"5:memory:/m\n4:cpu,hugetlb:/h:1\n0::/v2\n")
    tree.add_process(43, cgroup=b"5:memory:/m\n0::/v2\n")
    assert read_cgroup(42, tree.proc, b"hugetlb") == "/h:1"
    assert read_cgroup(43, tree.proc, b"hugetlb") == "/v2"
    assert read_cgroup(43, tree.proc) == "/m"


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of version 2 with the controller."""
    hierarchy = find_hierarchy()
    if hierarchy is None or not hierarchy.unified:
        lacking("needs a cgroup2 file system, and no hugetlb controller of version 1")
    control = hierarchy.folder / "cgroup.subtree_control"
    if "hugetlb" not in (hierarchy.folder / "cgroup.controllers").read_text().split():
        lacking("needs the hugetlb controller")
    enabled = "hugetlb" in control.read_text().split()
    control.write_text("+hugetlb")
    folder = hierarchy.folder / f"hpview-test-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        folder.rmdir()
        if not enabled:
            control.write_text("-hugetlb")


@pytest.mark.root
def test_a_real_cgroup_at_its_limit(cgroup: Path) -> None:
    """The third page is refused; the process that wants it is gone by SIGBUS."""
    (cgroup / "hugetlb.2MB.max").write_text(str(4 * MIB))
    (cgroup / "hugetlb.2MB.rsvd.max").write_text(str(8 * MIB))
    code = f"""
import mmap, os
open({str(cgroup / "cgroup.procs")!r}, "w").write("0")
area = mmap.mmap(-1, {6 * MIB}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
if os.fork() == 0:
    for page in range(3):
        area[page * {2 * MIB}] = 1
os.wait()
area[0] = 1
"""
    with hugetlb_pool(6), child(code) as process:
        path = read_cgroup(process.pid, controller=b"hugetlb")
        cgroups = read_ledger().cgroups
    assert not isinstance(cgroups, Unread)
    found = {row.page_size: row for row in cgroups if row.path == path}
    assert path == f"/{cgroup.name}"
    assert found[2 * MIB] == HugetlbCgroup(
        path, 2 * MIB, 4 * MIB, 2 * MIB, 8 * MIB, 6 * MIB, 1, f"{cgroup}/hugetlb.2MB.max"
    )
    assert (found[GIB].limit, found[GIB].usage) == (None, 0)
