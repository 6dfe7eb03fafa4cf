"""Pools of huge pages, those made at boot too, and who holds pages of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.children import child, hugetlb_pool
from tests.kernel_targets import PRELUDE
from tests.kernels.inside.having import told

pytestmark = pytest.mark.root

M: Final = 2 << 20


def test_pools_are_told() -> None:
    """Those that hugepages= made at boot are there and free; else there are none."""
    words = Path("/proc/cmdline").read_text("ascii").split()
    asked = [int(word.partition("=")[2]) for word in words if word.startswith("hugepages=")]
    pools = {pool["page_size"]: pool for pool in told("machine")["hugetlb"]["pools"]}
    for folder in Path("/sys/kernel/mm/hugepages").glob("hugepages-*kB"):
        size = int(folder.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        for name, file in (("total", "nr_hugepages"), ("free", "free_hugepages")):
            assert pools[size][name] == int((folder / file).read_text())
    if asked:
        assert pools[M]["total"] == asked[-1]


def test_pages_of_the_pool_are_found_with_their_holder() -> None:
    with (
        hugetlb_pool(3),
        child(PRELUDE + "area(3 * M, None, 0x40000); touch(0, 1); touch(2, 1)") as process,
    ):
        ledger = told("machine")["hugetlb"]
        scanned = told("scan", str(process.pid))
    (pool,) = [pool for pool in ledger["pools"] if pool["page_size"] == M]
    assert (pool["in_use"], pool["mapped"], pool["unattributed"]) == (2, 2, 0)
    assert process.pid in [holder["pid"] for holder in ledger["holders"]]
    assert scanned["totals"]["bytes_2m"] >= 2 * M
