"""Limits and use of hugetlb by cgroup, of both versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hpview.kernelfs.cgroup import read_cgroup
from hpview.kernelfs.hugetlb_cgroup import Hierarchy, HugetlbCgroup, find_hierarchy, read_limits
from tests.fakeproc import FakeProc
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

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
