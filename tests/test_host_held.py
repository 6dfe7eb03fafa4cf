"""Files of hugetlb that nobody maps: who has them open, and where they lie."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from hpview.host import held
from hpview.host.held import HeldFile, held_files
from hpview.host.ledger import read_ledger
from hpview.kernelfs.hugetlbfs import HugetlbMount
from hpview.kernelfs.maps import MINOR_BITS
from tests.children import child, hugetlb_pool
from tests.conftest import lacking
from tests.records import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HUGE = 2 * MIB


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    if os.geteuid() != 0:
        lacking("needs root")
    with hugetlb_pool(12):
        yield


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A hugetlb file system with a blank in its path."""
    folder = tmp_path / "huge pages"
    folder.mkdir()
    command = [
        "mount",
        "-t",
        "hugetlbfs",
        "-o",
        f"size={16 * MIB},pagesize=2M",
        "none",
        str(folder),
    ]
    subprocess.run(command, check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
def test_files_that_are_open_but_not_mapped() -> None:
    code = f"""
import mmap, os
HUGE = {HUGE}
def file(name, pages, touched, keep):
    number = os.memfd_create(name, 4)
    os.ftruncate(number, pages * HUGE)
    area = mmap.mmap(number, pages * HUGE)
    for page in range(touched):
        area[page * HUGE] = 1
    if not keep:
        area.close()
    return area
kept = file("kept", 2, 1, True)
file("left", 4, 3, False)
half = file("half", 4, 3, False)
import ctypes
half = mmap.mmap(max(map(int, os.listdir("/proc/self/fd")[:-1])), HUGE)
half[0]
"""
    with child(code) as process:
        files = {f.name: f for f in read_ledger().files if f.pid == process.pid}
    assert files == {
        "/memfd:left (deleted)": HeldFile("/memfd:left (deleted)", HUGE, 3, 0, process.pid),
        "/memfd:half (deleted)": HeldFile("/memfd:half (deleted)", HUGE, 3, 1, process.pid),
    }


@pytest.mark.root
def test_files_that_lie_in_a_mount(mount: Path) -> None:
    nasty = mount / "sub" / "left\x1b[31m"
    nasty.parent.mkdir()
    code = f"""
import mmap, os
number = os.open({str(nasty)!r}, os.O_RDWR | os.O_CREAT)
os.ftruncate(number, {2 * HUGE})
mmap.mmap(number, {2 * HUGE})[0] = 1
"""
    subprocess.run(["python3", "-c", code], check=True)
    (mount / "empty").touch()
    ledger = read_ledger()
    assert [file for file in ledger.files if file.name.startswith(str(mount))] == [
        HeldFile(str(nasty), HUGE, 1, 0, None)
    ]
    (found,) = (row for row in ledger.mounts if row.path == str(mount))
    assert found.limit == 16 * MIB
    assert found.page_size == HUGE


def test_no_more_files_of_a_mount_than_may_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "file").touch()
    monkeypatch.setattr(held, "MOST", 12)
    dev = _device(tmp_path)
    asked: list[int] = []

    def mapped(_size: int, _dev: int, ino: int) -> int:
        asked.append(ino)
        return 0

    mounts = [HugetlbMount(str(tmp_path), dev, HUGE, None, None)]
    assert held_files([], mounts, {dev: HUGE}, mapped, lambda: None) == ()
    assert 3 <= len(asked) < 9


def test_only_what_may_be_hugetlb_is_asked_for(tmp_path: Path) -> None:
    """A file system over a network may never answer: what a link says comes first."""
    dev = _device(tmp_path)
    asked: list[int] = []

    def mapped(_size: int, _dev: int, ino: int) -> int:
        asked.append(ino)
        return 0

    with (tmp_path / "elsewhere").open("w") as file:
        held_files([os.getpid()], [], {dev: HUGE}, mapped, lambda: None)
        assert asked == []
        mounts = [HugetlbMount(str(tmp_path), dev, HUGE, None, None)]
        held_files([os.getpid()], mounts, {dev: HUGE}, mapped, lambda: None)
        assert asked == [os.fstat(file.fileno()).st_ino]


def _device(path: Path) -> int:
    status = path.stat()
    return os.major(status.st_dev) << MINOR_BITS | os.minor(status.st_dev)
