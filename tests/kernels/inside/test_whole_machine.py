"""The sums of every process, by each source, and what smaps_rollup adds up itself."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hpview.kernelfs.maps import read_maps
from hpview.machine import Machine
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.features import Features
from hpview.stream.kernel import KernelBackend
from hpview.wire import Source
from tests.children import child
from tests.kernel_targets import PRELUDE
from tests.kernels.inside.test_accounting import EXACT, SOURCES, WAYS
from tests.khugepaged import asleep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Backend

pytestmark = pytest.mark.root

TARGETS: Final = (
    "area(6 * M, NOHUGEPAGE); touch(0); touch(2, 7); touch(5, 500)",
    "area(6 * M, HUGEPAGE); touch(0); touch(1); touch(2)",
    "fd = os.memfd_create('x'); os.ftruncate(fd, 4 * M); area(4 * M, None, 0, fd); touch(1, 9)",
    "area(1 << 34, NOHUGEPAGE, 0x4000); touch(0, 3); touch(8000, 2)",
)

_PMD: Final = ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped")


@pytest.fixture(scope="module")
def targets() -> Iterator[list[int]]:
    """Processes that stand still; no heap of theirs is collapsed meanwhile."""
    with asleep(), ExitStack() as stack:
        yield [stack.enter_context(child(PRELUDE + code)).pid for code in TARGETS]


def rolled_up(pid: int) -> dict[str, int]:
    """smaps_rollup in bytes, by field."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {
        key: int(value.split()[0]) * 1024 for key, _, value in (x.partition(":") for x in lines)
    }


@pytest.mark.parametrize("source", SOURCES)
def test_sums_equal_smaps_rollup(source: Source, targets: list[int]) -> None:
    features = WAYS[source]
    if source is Source.PAGEMAP_SCAN and not Features.probe().scan:
        pytest.skip("no PAGEMAP_SCAN")
    backend: Backend = KernelBackend() if features is None else ProcfsBackend(features)
    with closing(backend):
        snapshot = Machine(backend).snapshot()
    assert snapshot.source is source
    listed = {process.pid: process for process in snapshot.processes}
    for pid in targets:
        found, truth = listed[pid], rolled_up(pid)
        huge = sum(truth[name] for name in _PMD)
        assert found.source is source
        assert not found.partial
        assert found.vmas == len(read_maps(pid))
        assert (found.bytes_swap, found.bytes_1g) == (truth["Swap"], 0)
        assert found.bytes_2m is not None
        assert found.bytes_4k is not None
        assert found.bytes_2m == huge or source not in EXACT
        excess = found.bytes_2m + found.bytes_4k - truth["Rss"]
        # Without frame numbers, zero pages are told as others are: Python reads some.
        assert excess == 0 or (source is Source.SMAPS and 0 < excess < 1 << 20)
