"""``hpview collapse``: done where the kernel can, refused in words where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from hpview.in_force import release
from hpview.kernelfs.smaps import read_smaps
from tests.children import child
from tests.kernel_targets import AREA, PRELUDE

pytestmark = pytest.mark.root

M: Final = 2 << 20
FIRST_KERNEL: Final = (6, 1)
"""MADV_COLLAPSE (7d8faaf15545), of another process as well (876b4a1896646)."""


def test_memory_of_another_process_is_collapsed() -> None:
    with child(
        PRELUDE + "area(4 * M, NOHUGEPAGE); touch(0); check(libc.madvise(A, 4 * M, HUGEPAGE))"
    ) as process:
        before = huge(process.pid)
        done = subprocess.run(
            [sys.executable, "-m", "hpview", "collapse", "--yes", str(process.pid), f"{AREA:#x}"],
            capture_output=True,
            text=True,
            check=False,
        )
        after = huge(process.pid)
    assert before == 0
    if release(os.uname().release) < FIRST_KERNEL:
        assert (done.returncode, after) == (1, 0)
        assert "Linux 6.1" in done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert after == M


def huge(pid: int) -> int:
    """AnonHugePages of the area, in bytes."""
    smaps = read_smaps(pid)
    return int(smaps.table["anon_huge"][smaps.table["start"] == AREA].sum())
