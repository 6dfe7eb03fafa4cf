"""The demo target stands as it says, and ends with whoever started it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hpview.demo import Demo
from hpview.demo.layout import BASE
from hpview.errors import BackendUnavailable
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.status import read_stat, read_status
from hpview.kernelfs.thp import read_thp
from tests.children import hugetlb_pool

if TYPE_CHECKING:
    from pathlib import Path

ALWAYS_THERE = {
    "not advised",
    "advised, but no aligned slot",
    "MADV_NOHUGEPAGE, full",
    "4 kB, half filled",
    "4 kB, sparse",
    "4 kB, only read: zero page",
    "shared memory, 4 kB",
    "file, 4 kB",
    "file, as the file system has it",
    "1 TiB reserved, a few pages",
}
WITH_THP = {"THP, all 2 MB", "THP with holes", "THP without access"}


def ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 10.0)[0])


def test_every_state_stands_or_is_told_missing() -> None:
    with Demo.spawn() as demo:
        names = [region.name for region in demo.regions]
        assert len(set(names)) == len(names)
        assert set(names) >= ALWAYS_THERE
        if read_thp().enabled in ("always", "madvise"):
            assert set(names) >= WITH_THP
        assert len(demo.regions) + len(demo.missing) == 19
        assert all(missing.reason for missing in demo.missing)
        assert not set(names) & {missing.name for missing in demo.missing}

        by_start = {mapping.start: mapping for mapping in read_maps(demo.pid)}
        for region in demo.regions:
            assert region.start >= BASE
            assert by_start[region.start].end == region.end, region.name
        starts = [region.start for region in demo.regions]
        assert starts == sorted(starts)
        assert read_stat(demo.pid).comm == b"hpview-demo"
        assert read_status(demo.pid).rss < 300 << 20
        assert demo.region("nothing") is None


def test_addresses_are_the_same_each_time() -> None:
    with Demo.spawn() as one:
        pass
    # Two at a time might not both find pages in the hugetlb pool.
    with Demo.spawn() as two:
        assert one.regions == two.regions


def test_it_ends_when_closed() -> None:
    with Demo.spawn() as demo:
        pidfd = os.pidfd_open(demo.pid)
        demo.close()
        demo.close()
    try:
        assert ended(pidfd)
    finally:
        os.close(pidfd)


def test_it_ends_when_its_input_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hpview.demo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    layout = json.loads(process.stdout.readline())
    assert layout["pid"] == process.pid
    assert set(layout) == {"pid", "regions", "missing"}
    assert set(layout["regions"][0]) == {"name", "start", "end", "expect"}
    process.stdin.close()
    assert process.wait(10) == 0
    assert process.stdout.read() == b""
    process.stdout.close()


def test_it_does_not_outlive_a_killed_parent() -> None:
    code = "from hpview.demo import Demo; d = Demo.spawn(); print(d.pid, flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    pidfd = os.pidfd_open(int(parent.stdout.readline()))
    try:
        parent.kill()
        parent.wait()
        assert ended(pidfd)
    finally:
        os.close(pidfd)
        parent.stdin.close()
        parent.stdout.close()


def test_one_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(BackendUnavailable, match="demo"):
        Demo.spawn()


def test_without_transparent_huge_pages_it_still_stands() -> None:
    # PR_SET_THP_DISABLE is inherited: like enabled = never, for this one only
    code = (
        "import ctypes; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)\n"
        "from hpview.demo.__main__ import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = process.communicate(timeout=20)
    layout = json.loads(out)
    missing = {missing["name"]: missing["reason"] for missing in layout["missing"]}
    assert {*WITH_THP, "THP, only read: huge zero page"} <= set(missing)
    assert "0 of 64 MiB became huge" in missing["THP, all 2 MB"]
    assert {region["name"] for region in layout["regions"]} >= ALWAYS_THERE


@pytest.mark.root
def test_hugetlb_stands_when_the_pool_has_pages() -> None:
    with hugetlb_pool(4), Demo.spawn() as demo:
        region = demo.region("hugetlb 2 MB")
        assert region is not None
        assert region.expect.bytes_2m == 6 << 20
        assert region.end - region.start == 8 << 20
        assert read_status(demo.pid).hugetlb >= 6 << 20
