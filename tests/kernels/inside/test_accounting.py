"""What each source says of the demo process, and what the kernel's own accounting does."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview.demo import Demo
from hpview.kernelfs.smaps import read_smaps
from hpview.space.address_space import AddressSpace
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from hpview.stream.kernel import KernelBackend
from hpview.wire import Source, VmaFlag
from tests.compare import drain
from tests.kernel_targets import SMAPS_LEAVES_OUT
from tests.khugepaged import asleep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Backend

GIB: Final = 1 << 30

WAYS: Final = {
    Source.BPF: None,
    Source.PAGEMAP_SCAN: Features(query=True, scan=True, kpageflags=True),
    Source.PAGEMAP_KPAGEFLAGS: Features(query=False, scan=False, kpageflags=True),
    Source.SMAPS: Features(query=False, scan=False, kpageflags=False),
}
"""The interfaces that make a source; lower ones are there on every kernel."""

EXACT: Final = (Source.BPF, Source.PAGEMAP_SCAN)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Stopped, so that nothing changes; reserving what an emulated processor can look through."""
    with asleep(), Demo.spawn(reserved=4 * GIB) as target:
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        yield target


def space_of(source: Source, pid: int) -> AddressSpace:
    """The process by a source, which is the one that its records name."""
    features = WAYS[source]
    probed = Features.probe()
    if features is not None and source == probed.source:
        features = probed
    elif source is Source.PAGEMAP_SCAN:
        pytest.skip("no PAGEMAP_SCAN")
    backend: Backend = KernelBackend() if features is None else ProcfsBackend(features)
    space = AddressSpace()
    with closing(backend), backend.open(pid) as stream:
        assert stream.source is source
        space.feed(drain(stream))
    assert space.complete
    assert space.source is source
    return space


SOURCES: Final = [
    pytest.param(source, marks=pytest.mark.bpf if source is Source.BPF else (), id=source.label)
    for source in WAYS
]


@pytest.mark.parametrize("source", SOURCES)
def test_every_vma_of_the_demo_equals_smaps(source: Source, demo: Demo) -> None:
    vmas = space_of(source, demo.pid).vmas
    smaps = read_smaps(demo.pid)
    table = smaps.table
    assert vmas["start"].tolist() == table["start"].tolist()
    assert vmas["bytes_swap"].tolist() == table["swap"].tolist()
    rss, huge = table["rss"].copy(), smaps.pmd_mapped
    if SMAPS_LEAVES_OUT and (region := demo.region("THP without access")):
        at = int(np.searchsorted(table["start"], region.start))
        assert rss[at] == 0
        rss[at] += region.expect.bytes_2m
        huge = huge.copy()
        huge[at] += region.expect.bytes_2m
    hugetlb = table["hugetlb"]
    excess = vmas["bytes_2m"] + vmas["bytes_1g"] + vmas["bytes_4k"] - rss - hugetlb
    found = vmas["bytes_2m"] + vmas["bytes_1g"]
    marked = (vmas["flags"] & VmaFlag.ESTIMATE) != 0
    wrong = found != huge + hugetlb
    # Without frame numbers the zero page looks like any other.
    assert excess.min() == 0
    assert not excess[~marked].any()
    if source in EXACT:
        assert not marked.any()
        assert not wrong.any()
    assert not (wrong & ~marked).any()


@pytest.mark.parametrize("source", SOURCES)
def test_every_region_is_as_the_demo_built_it(source: Source, demo: Demo) -> None:
    space = space_of(source, demo.pid)
    assert len(demo.regions) > 10
    for region in demo.regions:
        vmas = space.vmas
        inside = vmas[(vmas["start"] >= region.start) & (vmas["end"] <= region.end)]
        marked = bool((inside["flags"] & VmaFlag.ESTIMATE).any())
        expect = region.expect
        assert inside["bytes_swap"].sum() == expect.bytes_swap, region.name
        populated = sum(int(inside[name].sum()) for name in ("bytes_2m", "bytes_1g", "bytes_4k"))
        excess = populated - expect.bytes_2m - expect.bytes_1g - expect.bytes_4k
        assert 0 <= excess <= expect.bytes_zero * marked, region.name
        if not marked:
            assert inside["bytes_2m"].sum() == expect.bytes_2m, region.name
            assert inside["bytes_1g"].sum() == expect.bytes_1g, region.name
