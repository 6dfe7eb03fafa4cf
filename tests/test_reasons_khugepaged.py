"""What khugepaged makes huge of memory of which it is told that it would, and what it leaves."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import pytest

from hpview.reasons.reason import Reason
from tests.children import child
from tests.judging import explained, is_huge, judge, read
from tests.khugepaged import asleep
from tests.knobs import THP, USUAL, alone, turned
from tests.reason_targets import REGIONS, Region, places, program

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.space.address_space import AddressSpace

pytestmark = [
    pytest.mark.root,
    pytest.mark.bpf,
    pytest.mark.skipif(
        "HPVIEW_LONG_REASONS" not in os.environ, reason="wakes khugepaged for the whole machine"
    ),
]

LIMITS: Final = {
    "khugepaged/max_ptes_none": "300",
    "khugepaged/max_ptes_swap": "50",
    "khugepaged/max_ptes_shared": "100",
}
FORK: Final = "if os.fork() == 0:\n    libc.prctl(1, 9, 0, 0, 0)\n    signal.pause()"
ADVISE: Final = "\nadvise(HUGEPAGE)"


def _like(name: str, code: str, reason: Reason) -> Region:
    # MADV_DONTFORK: what a later region forks does not share this one.
    return Region(name, f"put(M)\n{code}\nadvise(10)", reason)


AT_THE_LIMIT: Final = (
    _like("100 shared", "write()\n" + FORK + "\nwrite(412)" + ADVISE, Reason.WAITING),
    _like("101 shared", "write()\n" + FORK + "\nwrite(411)" + ADVISE, Reason.SHARED),
    _like("212 there", "write(212)" + ADVISE, Reason.WAITING),
    _like("211 there", "write(211)" + ADVISE, Reason.SPARSE),
    _like("211 there, others zero", "write(211)\nread(512)" + ADVISE, Reason.SPARSE),
    _like("50 swapped", "write()\nadvise(PAGEOUT, 50 * K)" + ADVISE, Reason.WAITING),
    _like("51 swapped", "write()\nadvise(PAGEOUT, 51 * K)" + ADVISE, Reason.SWAPPED),
    _like("zero pages only", "read()" + ADVISE, Reason.EMPTY),
)


def three_scans() -> None:
    """Have khugepaged go through all memory three times, and pause again."""
    pause, scans = THP / "khugepaged/scan_sleep_millisecs", THP / "khugepaged/full_scans"
    wanted = int(scans.read_text()) + 3
    with turned({"khugepaged/pages_to_scan": "4000000"}):
        deadline = time.monotonic() + 60
        while int(scans.read_text()) < wanted:
            assert time.monotonic() < deadline, "khugepaged does not come"
            # Being told how long to pause wakes it; what it is told stays the same.
            pause.write_text(pause.read_text())
            os.sched_yield()


def taken(before: AddressSpace, after: AddressSpace, address: int) -> bool:
    """Whether khugepaged took hold of a slot that had pages.

    Of shared memory it drops the page table: the next access maps the leaf.
    """
    had, has = (len(space.runs_of(address, address + 1)) > 0 for space in (before, after))
    return is_huge(after, address) or (had and not has)


@pytest.mark.usefixtures("swap")
def test_it_does_what_it_is_said_to(tmp_path: Path) -> None:
    regions = (*AT_THE_LIMIT, *REGIONS)
    at = places(regions)
    with (
        alone(),
        asleep(),
        turned(USUAL | LIMITS),
        child(program(regions), cwd=tmp_path) as process,
    ):
        before = judge(read(process.pid))
        three_scans()
        after = read(process.pid)
    found = {name: explained(before, address) for name, address in at.items()}
    for region in AT_THE_LIMIT:
        assert found[region.name].findings[0].reason is region.reason, region.name
    comes = (Reason.WAITING, Reason.SPLIT)
    wrong = [
        f"{name}: {explanation.findings[0].reason.name}"
        for name, explanation in found.items()
        if not explanation.huge
        and taken(before.space, after, at[name]) != (explanation.findings[0].reason in comes)
    ]
    assert not wrong
