"""Counters, their rates, and what is kept of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.host import counters
from hpview.host.counters import GROUPS, Counters, History, is_gauge, rate, rates, source, ungrouped
from hpview.kernelfs.vmstat import read_vmstat
from tests.conftest import lacking


def of(time: float, **values: int) -> Counters:
    return Counters(time, values)


def test_rates_are_per_second() -> None:
    before, now = of(10.0, thp_fault_alloc=100, thp_swpout=7), of(12.5, thp_fault_alloc=110)
    assert rates(before, now) == {"thp_fault_alloc": 4.0}
    assert rate("thp_swpout", before, now) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (of(1.0, compact_stall=5), of(2.0, compact_stall=4)),
        (of(1.0), of(2.0, compact_stall=4)),
        (of(2.0, compact_stall=4), of(2.0, compact_stall=4)),
        (of(2.0, compact_stall=4), of(1.0, compact_stall=5)),
    ],
    ids=["went back", "was not there", "no time passed", "the clock went back"],
)
def test_a_rate_that_is_not_known(before: Counters, now: Counters) -> None:
    assert rates(before, now) == {"compact_stall": None}


@pytest.mark.parametrize(
    ("name", "gauge"),
    [
        ("nr_anon_transparent_hugepages", True),
        ("hugepages-64kB/stats/nr_anon", True),
        ("hugepages-64kB/stats/nr_anon_partially_mapped", True),
        ("hugepages-64kB/stats/anon_fault_alloc", False),
        ("thp_fault_alloc", False),
    ],
)
def test_gauges_have_no_rate(name: str, gauge: bool) -> None:
    assert is_gauge(name) is gauge
    moved = rates(Counters(0.0, {name: 1}), Counters(1.0, {name: 3}))
    assert moved == ({} if gauge else {name: 2.0})


def test_sources() -> None:
    assert source("thp_fault_alloc") == "/proc/vmstat"
    assert source("khugepaged/full_scans") == (
        "/sys/kernel/mm/transparent_hugepage/khugepaged/full_scans"
    )


def test_every_counter_is_in_one_group_or_in_none() -> None:
    grouped = [member.name for group in GROUPS for member in group.members]
    assert len(set(grouped)) == len(grouped)
    found = of(0.0, thp_fault_alloc=1, thp_new=2, nr_shmem_hugepages=3)
    assert ungrouped(found) == ("thp_new",)


def test_groups_name_what_this_kernel_counts() -> None:
    """A name that is wrong would be shown by no kernel; these have all of them since 6.14."""
    live = {name for name in read_vmstat() if name.startswith(("thp_", "compact_", "htlb_"))}
    if "thp_underused_split_page" not in live or "thp_split_pud" not in live:
        lacking("needs a kernel that has all of them")
    grouped = {member.name for group in GROUPS for member in group.members}
    assert {name for name in grouped if "/" not in name} <= live
    assert {*counters.IN_USE} <= read_vmstat().keys()


def test_a_history_keeps_so_many_rates() -> None:
    history = History(3)
    assert len(history) == 0
    assert history.latest() == {}
    for second in range(6):
        history.add(of(float(second), thp_swpout=second * second))
    assert len(history) == 3
    assert history.series("thp_swpout") == [5.0, 7.0, 9.0]
    assert history.series("thp_unknown") == [None, None, None]
    assert history.latest() == {"thp_swpout": 9.0}


def test_a_sample_that_is_not_later_starts_anew() -> None:
    history = History(3)
    for time, value in ((1.0, 1), (2.0, 2), (2.0, 3), (3.0, 5)):
        history.add(of(time, thp_swpout=value))
    assert history.series("thp_swpout") == [2.0]


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=20),
    length=st.integers(1, 8),
)
def test_series_are_the_rates_of_neighbours(values: list[int | None], length: int) -> None:
    history = History(length)
    samples = [
        Counters(float(i), {} if value is None else {"thp_swpout": value})
        for i, value in enumerate(values)
    ]
    for sample in samples:
        history.add(sample)
    pairs = [*pairwise(samples)][-length:]
    expected = [rates(*pair).get("thp_swpout") for pair in pairs]
    assert history.series("thp_swpout") == expected
    assert all(found is None or found >= 0 for found in expected)
