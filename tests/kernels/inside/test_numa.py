"""On which node memory lies: by hpview, and by numa_maps."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.children import child
from tests.kernel_targets import AREA, PRELUDE
from tests.kernels.inside.having import nodes, thp_mode, told

pytestmark = pytest.mark.root


def test_pages_are_told_by_the_node_they_lie_on() -> None:
    """Against numa_maps, which counts a huge page as 512."""
    online = nodes()
    if len(online) < 2:
        pytest.skip("one NUMA node")
    policy = (
        "libc.set_mempolicy = lambda node: check(libc.syscall(238, 2, "
        "ctypes.byref(ctypes.c_ulong(1 << node)), 64))\n"
    )
    filled = f"libc.set_mempolicy({online[0]}); touch(0); touch(1)\n"
    filled += f"libc.set_mempolicy({online[-1]}); touch(2)\n"
    with child(PRELUDE + policy + "area(4 * M, HUGEPAGE)\n" + filled) as process:
        found = told("numa", str(process.pid), "--small")
        lines = Path(f"/proc/{process.pid}/numa_maps").read_text().splitlines()
    by_node: Counter[int] = Counter()
    (line,) = [line for line in lines if line.startswith(f"{AREA:x} ")]
    for node, pages in re.findall(r" N(\d+)=(\d+)", line):
        by_node[int(node)] += int(pages) * 4096
    shares = {node["node"]: node for node in found["nodes"]}
    assert sorted(shares) == online
    if thp_mode() != "never":
        assert {n: shares[n]["bytes_2m"] for n in online} == {n: by_node[n] for n in online}
    everything: Counter[int] = Counter()
    for line in lines:
        for node, pages in re.findall(r" N(\d+)=(\d+)", line):
            everything[int(node)] += int(pages) * 4096
    for node in online:
        share = shares[node]
        # numa_maps counts no page of [vdso] and [vvar].
        excess = share["bytes_2m"] + share["bytes_4k"] - everything[node]
        assert 0 <= excess <= 64 << 10
