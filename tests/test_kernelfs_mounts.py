"""Mounts, devices of shared memory and build options, from fake and live files."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

import pytest

from hpview.kernelfs import build_config, shmem
from hpview.kernelfs.mounts import read_mounts

if TYPE_CHECKING:
    from pathlib import Path

_MOUNTINFO = rb"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
23 22 0:25 / /dev/shm rw - tmpfs tmpfs rw,size=24684084k,huge=within_size
24 22 0:26 / /with\040blank rw master:1 propagate_from:2 - tmpfs none rw
25 22 0:27 / /cut rw
"""


def _tree(tmp_path: Path) -> Path:
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "mountinfo").write_bytes(_MOUNTINFO)
    return tmp_path


def test_mounts_by_device(tmp_path: Path) -> None:
    mounts = read_mounts(42, _tree(tmp_path))
    assert sorted(mounts) == [25, 26, 254 << 20 | 1]
    assert mounts[25].kind == "tmpfs"
    assert mounts[25].point == "/dev/shm"
    assert mounts[25].option("huge") == "within_size"
    assert mounts[26].option("huge") is None
    assert mounts[26].option("rw") is None
    assert mounts[254 << 20 | 1].options == ("rw", "discard")


@pytest.mark.parametrize(
    ("options", "kind"), [("rw,size=985396k,nr_inodes=246349", "tmpfs"), ("rw", "rootfs")]
)
def test_what_an_initramfs_is_unpacked_into(options: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "mountinfo").write_text(f"1 1 0:2 / / rw - rootfs rootfs {options}\n")
    assert read_mounts(1, tmp_path)[2].kind == kind


def test_no_mounts_where_they_may_not_be_read(tmp_path: Path) -> None:
    assert read_mounts(43, tmp_path) == {}


def test_devices_of_shared_memory(tmp_path: Path) -> None:
    assert shmem.tmpfs_devices(read_mounts(42, _tree(tmp_path))) == {25, 26}


def test_the_internal_mount_is_where_memfd_lies() -> None:
    fd = os.memfd_create("hpview-test")
    try:
        dev = os.fstat(fd).st_dev
        assert shmem.internal_device() == os.major(dev) << 20 | os.minor(dev)
    finally:
        os.close(fd)
    assert shmem.internal_device() in shmem.internal_devices()


CONFIG = b'# CONFIG_NOT is not set\nCONFIG_YES=y\nCONFIG_MOD=m\nCONFIG_WORD="a=b"\n'
RELEASE = os.uname().release


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.gz", gzip.compress(CONFIG)),
        (f"config-{RELEASE}", CONFIG),
        (f"{RELEASE}/config", CONFIG),
    ],
    ids=["config.gz", "boot", "modules"],
)
def test_build_options(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    found = build_config.read_options(tmp_path, tmp_path, tmp_path)
    assert found == (str(path), {"YES": "y", "MOD": "m", "WORD": '"a=b"'})
    assert build_config.is_set("YES", found) is True
    assert build_config.is_set("MOD", found) is False
    assert build_config.is_set("NOT", found) is False


def test_no_build_options(tmp_path: Path) -> None:
    assert build_config.read_options(tmp_path, tmp_path, tmp_path) is None
    assert build_config.is_set("YES", None) is None
