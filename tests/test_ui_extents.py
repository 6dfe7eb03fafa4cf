"""Folding against the plain way to do it: one VMA and one run at a time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.space.address_space import AddressSpace
from hpview.ui.widgets.extents import extents
from hpview.wire import VmaFlag
from tests.space_model import UNIT, scripts

EXAMPLES = settings(max_examples=60)


def by_hand(space: AddressSpace, fold: int, cell: int) -> list[tuple[int, int]]:
    out = []
    for vma in space.vmas:
        start, end = int(vma["start"]), int(vma["end"])
        unread = int(vma["flags"]) & (VmaFlag.SKIPPED | VmaFlag.READ_ERROR)
        kept = [(start, end if unread else min(start + cell, end))]
        kept += [(int(r["start"]), int(r["end"])) for r in space.runs_of(start, end)]
        kept.append((max(end - cell, start), end))
        here = [start, start]
        for low, high in sorted(kept):
            if low - here[1] >= fold:
                out.append((here[0], here[1]))
                here = [low, high]
            here[1] = max(here[1], high)
        out.append((here[0], here[1]))
    return out


@EXAMPLES
@given(scripts(), st.sampled_from([1, 2, 8, 40]), st.sampled_from([1, 2, 8]))
def test_stretches_without_runs_are_left_out(records: list[bytes], fold: int, cell: int) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    got = extents(space, fold * UNIT, cell * UNIT)
    found = list(zip(got["start"].tolist(), got["end"].tolist(), strict=True))
    assert found == by_hand(space, fold * UNIT, cell * UNIT)
    assert all(low < high for low, high in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
