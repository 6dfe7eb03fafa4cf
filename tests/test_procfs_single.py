"""VMAs whose only run would repeat their sums: it is not written."""

from __future__ import annotations

import numpy as np
import pytest

from hpview import wire
from hpview.kernelfs.pagemap import REGION, Category
from hpview.stream.procfs_mm import ProcMm
from hpview.wire import PAGE_SIZE, Kind, Records, VmaFlag
from tests.test_procfs_mm import Ranges
from tests.test_program import Opened, check_counts

PRESENT, ZERO, SWAPPED = (
    int(Category.PRESENT),
    int(Category.PRESENT | Category.PFNZERO),
    int(Category.SWAPPED),
)
HUGE = int(Category.PRESENT | Category.HUGE)
GUARD = int(Category.SWAPPED | Category.GUARD)


class Listed:
    """``Regions`` from a list of (first page, last page, categories)."""

    widest_gap = (1 << 64) - 1

    def __init__(self, *spans: tuple[int, int, int]) -> None:
        self.spans = spans

    def scan(self, start: int, end: int) -> tuple[Records, int]:
        out = np.zeros(len(self.spans), REGION)
        out["start"], out["end"], out["categories"] = np.array(self.spans).T
        out["start"] *= PAGE_SIZE
        out["end"] *= PAGE_SIZE
        return out, end


@pytest.mark.parametrize(
    ("span", "regions", "single", "runs"),
    [
        ((10, 20), [(10, 12, PRESENT)], True, 0),
        ((10, 20), [(10, 12, SWAPPED)], True, 0),
        ((10, 20), [(10, 12, PRESENT), (14, 15, SWAPPED)], True, 0),
        ((0, 512), [(0, 512, PRESENT)], True, 0),
        ((10, 20), [(5, 25, PRESENT)], True, 0),
        ((10, 20), [], False, 0),
        ((10, 20), [(10, 12, PRESENT), (14, 15, ZERO)], False, 1),
        ((10, 20), [(10, 12, PRESENT), (14, 15, GUARD)], False, 1),
        ((10, 20), [(10, 12, ZERO)], False, 1),
        ((0, 512), [(0, 512, HUGE)], False, 1),
        ((10, 513), [(10, 12, PRESENT)], False, 1),
        ((510, 514), [(510, 514, PRESENT)], False, 1),
    ],
)
def test_the_only_run_of_a_vma_in_one_slot_is_left_out_if_its_sums_say_it_all(
    span: tuple[int, int], regions: list[tuple[int, int, int]], single: bool, runs: int
) -> None:
    maps = Ranges((span[0] * PAGE_SIZE, span[1] * PAGE_SIZE))
    listed = Listed(*regions) if regions else Listed((1000, 1001, PRESENT))
    data = Opened(ProcMm(1, maps, listed)).drain()
    check_counts(data)
    chunk = wire.decode(data)
    assert chunk.of(Kind.VMA)["flags"].tolist() == [VmaFlag.SINGLE * single]
    assert len(chunk.of(Kind.RUN)) == runs
