"""Coverage of the demo process, computed by hand from what it says of its regions."""

from __future__ import annotations

from typing import Final

import pytest

from hpview import backends
from hpview.demo import Demo
from hpview.in_force import read_in_force
from hpview.kernelfs.thp import read_thp
from hpview.pages.slot_facts import read_slot_facts
from hpview.reasons.answers import answer
from hpview.reasons.reason import Reason
from hpview.scan import scan
from hpview.wire import SLOT_SIZE

pytestmark = [
    pytest.mark.bpf,
    pytest.mark.skipif(read_thp().enabled != "madvise", reason="the reasons below are of madvise"),
]

REASONS: Final = {
    "THP with holes": Reason.SPLIT,
    "advised, but no aligned slot": Reason.EDGE,
    "not advised": Reason.NOT_ADVISED,
    "MADV_NOHUGEPAGE, full": Reason.NOHUGEPAGE,
    "4 kB, half filled": Reason.NOHUGEPAGE,
    "4 kB, sparse": Reason.NOHUGEPAGE,
    "guard pages": Reason.NOHUGEPAGE,
    "swapped out": Reason.NOHUGEPAGE,
    "shared memory, 4 kB": Reason.NOHUGEPAGE,
    "file, 4 kB": Reason.NOHUGEPAGE,
    "1 TiB reserved, a few pages": Reason.NOHUGEPAGE,
}
"""Why the 4 kB pages of each region are no huge ones."""

FILES: Final = {"file, 4 kB", "file, as the file system has it"}


def test_coverage_of_the_demo_is_what_it_mapped() -> None:
    readers = backends.readers(*backends.choose("bpf"))
    with Demo.spawn() as demo:
        space = scan(readers, demo.pid).space
        answers = answer(space, read_in_force(demo.pid))
        answers = answer(
            space, answers.in_force, facts=read_slot_facts(demo.pid, answers.open_slots)
        )
        regions = demo.regions
    readers.close()

    huge = gap = 0
    by_reason: dict[Reason, int] = {}
    for region in regions:
        found = answers.of_range(region.start, region.end)
        expect = region.expect
        assert found.huge == expect.bytes_2m + expect.bytes_1g, region.name
        small = found.beside if region.name in FILES else found.gap
        assert small == expect.bytes_4k, region.name
        huge += found.huge
        if region.name in FILES:
            continue
        gap += found.gap
        assert {s.reason for s in found.shares} <= {REASONS.get(region.name)}, region.name
        if found.gap:
            by_reason[REASONS[region.name]] = by_reason.get(REASONS[region.name], 0) + found.gap

    # Outside the regions lies what Python itself has mapped: its heap and its files.
    own = answers.breakdown.gap - gap
    heaps = space.vmas[answers.eligibility.huge_able]
    outside = heaps[(heaps["start"] < regions[0].start) | (heaps["start"] >= regions[-1].end)]
    assert own == int(outside["bytes_4k"].sum())
    assert answers.breakdown.huge == huge == space.totals.huge
    assert answers.breakdown.coverage == huge / (huge + gap + own)
    for share in answers.breakdown.shares:
        assert share.bytes >= by_reason.get(share.reason, 0)
    assert answers.breakdown.shares[0].reason is Reason.NOHUGEPAGE


def test_where_holes_are_in_the_demo() -> None:
    """Slots 1, 3, 5 and 6 of "THP with holes" lost a page each, the last one half of them."""
    readers = backends.readers(*backends.choose("bpf"))
    with Demo.spawn() as demo:
        region = demo.region("THP with holes")
        assert region is not None
        space = scan(readers, demo.pid).space
        in_force = read_in_force(demo.pid)
        facts = read_slot_facts(demo.pid, answer(space, in_force).open_slots)
    readers.close()
    answers = answer(space, in_force, facts=facts)
    split = []
    for slot in range(8):
        found = answers.explain(region.start + slot * SLOT_SIZE)
        assert found is not None
        if not found.huge:
            assert found.findings[0].reason is Reason.SPLIT
            split.append(slot)
    assert split == [1, 3, 5, 6]
