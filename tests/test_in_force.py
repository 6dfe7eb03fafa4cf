"""The settings in force, from a fake kernel tree and from this one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.errors import BackendUnavailable, NoSuchProcess
from hpview.in_force import ProcessThp, process_thp, read_in_force, release
from hpview.kernelfs.thp import read_thp

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        ("6.18.44-generic", (6, 18)),
        ("5.17.0", (5, 17)),
        ("6.12-rc3+", (6, 12)),
        ("10.0.1", (10, 0)),
        ("next", (0, 0)),
    ],
)
def test_releases(text: str, kernel: tuple[int, int]) -> None:
    assert release(text) == kernel


@pytest.mark.parametrize(
    ("enabled", "kernel", "process"),
    [
        (False, (6, 17), ProcessThp.DISABLED),
        (False, (6, 18), ProcessThp.DISABLED),
        (True, (6, 17), ProcessThp.ALLOWED),
        (True, (6, 18), ProcessThp.NOT_DISABLED),
        (None, (4, 19), ProcessThp.UNKNOWN),
    ],
)
def test_prctl(*, enabled: bool | None, kernel: tuple[int, int], process: ProcessThp) -> None:
    assert process_thp(enabled, kernel) is process


def _tree(tmp_path: Path) -> tuple[Path, Path]:
    proc, sysfs = tmp_path / "proc", tmp_path / "sys"
    own = proc / "42"
    own.mkdir(parents=True)
    (own / "status").write_text("Tgid:\t42\nUid:\t0\t0\t0\t0\nVmSize: 1 kB\nTHP_enabled:\t0\n")
    (own / "mountinfo").write_text("23 22 0:25 / /cache rw - tmpfs none rw,huge=advise\n")
    (proc / "vmstat").write_text("thp_fault_alloc 31\nthp_fault_fallback 17\nthp_split_page 5\n")
    counts = " ".join(str(n) for n in range(11))
    (proc / "buddyinfo").write_text(f"Node 0, zone   Normal {counts}\n")
    thp = sysfs / "kernel/mm/transparent_hugepage"
    (thp / "khugepaged").mkdir(parents=True)
    (thp / "hugepages-2048kB").mkdir()
    (thp / "enabled").write_text("always madvise [never]\n")
    (thp / "khugepaged/max_ptes_none").write_text("63\n")
    (thp / "hugepages-2048kB/enabled").write_text("always [inherit] madvise never\n")
    self_maps = proc / str(os.getpid())
    (proc / "self").symlink_to(self_maps.name)
    self_maps.mkdir()
    (self_maps / "maps").write_text("")
    return proc, sysfs


def test_everything_is_read(tmp_path: Path) -> None:
    found = read_in_force(42, *_tree(tmp_path))
    assert found.pid == 42
    assert found.thp.enabled == "never"
    assert found.process is ProcessThp.DISABLED
    assert found.tmpfs == {25}
    assert found.internal_shmem == frozenset()
    assert (found.fault_alloc, found.fault_fallback) == (31, 17)
    assert found.free_huge == 9 + 2 * 10
    assert found.khugepaged("max_ptes_none", 511) == 63
    assert found.khugepaged("max_ptes_swap", 64) == 64
    assert found.pmd_size is not None
    assert found.pmd_size.enabled == "inherit"


def test_what_is_missing_is_not_known(tmp_path: Path) -> None:
    proc, _sysfs = _tree(tmp_path)
    for path in (proc / "vmstat", proc / "buddyinfo", proc / "42/mountinfo"):
        path.unlink()
    (tmp_path / "bare/kernel").mkdir(parents=True)
    found = read_in_force(42, proc, tmp_path / "bare")
    assert found.fault_alloc is None
    assert found.free_huge is None
    assert found.mounts == {}
    assert found.thp.enabled is None
    assert found.pmd_size is None


def test_no_setting_is_guessed_without_sysfs(tmp_path: Path) -> None:
    proc, sysfs = _tree(tmp_path)
    with pytest.raises(BackendUnavailable, match="not mounted"):
        read_in_force(42, proc, sysfs / "nowhere")


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(NoSuchProcess):
        read_in_force(43, *_tree(tmp_path))


def test_this_machine() -> None:
    found = read_in_force(os.getpid())
    assert found.kernel == release(os.uname().release)
    assert found.thp == read_thp()
    assert found.internal_shmem
    assert found.process is not ProcessThp.UNKNOWN


@pytest.mark.parametrize(
    ("namespace", "root", "others"),
    [("mnt:[1]", "/", False), ("mnt:[2]", "/", True), ("mnt:[1]", "/srv/jail", True)],
)
def test_whether_the_reader_sees_the_same_mounts(
    tmp_path: Path, namespace: str, root: str, *, others: bool
) -> None:
    proc, sysfs = _tree(tmp_path)
    for pid, view in ((42, (namespace, root)), (os.getpid(), ("mnt:[1]", "/"))):
        for name, seen in zip(("ns/mnt", "root"), view, strict=True):
            link = proc / str(pid) / name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(seen)
    assert read_in_force(42, proc, sysfs).other_mounts is others
