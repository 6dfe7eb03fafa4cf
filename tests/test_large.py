"""A large stopped process: hpview equals smaps, and thpmaps where it is given.

256 MiB in the short set; ``make test-long`` takes 8 GiB and 40,000 mappings.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview import assembly
from hpview.export import thpmaps
from hpview.kernelfs.smaps import read_smaps
from hpview.pages import process as folios
from hpview.pages.folios import Kind
from hpview.scan import scan
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests import khugepaged
from tests.children import child
from tests.kernel_targets import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.kernelfs.smaps import Smaps

MIB: Final = int(os.environ.get("HPVIEW_LARGE_MIB", "256"))
REFERENCE: Final = os.environ.get("HPVIEW_THPMAPS", "")
SMALL: Final = 5 * MIB
"""Small mappings: 40,000 beside 8 GiB."""

CODE: Final = f"""
half = {MIB >> 1} << 20
area(2 * half, HUGEPAGE)
check(libc.madvise(A + half, half, NOHUGEPAGE))
ctypes.memset(A, 1, 2 * half)
check(libc.madvise(A, half, NOHUGEPAGE))
for slot in range(0, half // M, 7):
    check(libc.madvise(A + slot * M + 3 * K, 5 * K, 4))
m = mmap.mmap(-1, {SMALL} * 8192, flags=0x4022)
at = ctypes.addressof(ctypes.c_char.from_buffer(m))
check(libc.madvise(at, len(m), NOHUGEPAGE))
for i in range({SMALL}):
    m[i * 8192] = 1
    if i % 2:
        check(libc.mprotect(at + i * 8192, 8192, 1))
"""


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    """The process, stopped."""
    with khugepaged.asleep(), child(PRELUDE + CODE) as target:
        target.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        yield target.pid


@pytest.fixture(scope="module")
def smaps(pid: int) -> Smaps:
    return read_smaps(pid)


@pytest.mark.parametrize("backend", [pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def test_every_vma_equals_smaps(backend: str, pid: int, smaps: Smaps) -> None:
    with closing(assembly.services(backend)) as services:
        result = scan(services, pid)
    vmas, table = result.space.vmas, smaps.table
    assert result.complete
    assert vmas["start"].tolist() == table["start"].tolist()
    assert vmas["bytes_2m"].tolist() == smaps.pmd_mapped.tolist()
    resident = vmas["bytes_4k"] + vmas["bytes_2m"]
    # smaps does not count the pages of special mappings such as [vdso]
    counted = table["rss"] > 0
    assert resident[counted].tolist() == table["rss"][counted].tolist()
    assert not (resident[~counted] > 4 * PAGE_SIZE).any()
    assert vmas["bytes_swap"].tolist() == table["swap"].tolist()
    assert len(vmas) > SMALL
    assert int(vmas["bytes_4k"].sum()) > MIB << 19
    # not every huge page can be had on a fragmented machine, but all are asked for
    assert int(vmas["bytes_2m"].sum()) > SLOT_SIZE


@pytest.mark.root
def test_folios_equal_smaps(pid: int, smaps: Smaps) -> None:
    result = folios.read(pid)
    assert result.complete
    huge = sum(
        size << 10
        for pages in [result.totals()]
        for name, (kind, size) in thpmaps.stats(pages).items()
        if "pmd-aligned" in name and kind is Kind.ANON
    )
    assert huge == int(np.sum(smaps.table["anon_huge"]))


if REFERENCE:

    @pytest.mark.root
    @pytest.mark.parametrize("rollup", [True, False])
    def test_folios_equal_thpmaps(rollup: bool, pid: int) -> None:
        ours = list(thpmaps.lines(folios.read(pid), rollup=rollup))
        command = [sys.executable, REFERENCE, "--pid", str(pid), *["--rollup"] * rollup]
        theirs = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        assert [line.rstrip() for line in ours] == [line.rstrip() for line in theirs.splitlines()]
