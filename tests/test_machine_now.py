"""The machine screen: counters, settings, free memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hpview import units
from hpview.host import counters
from hpview.host.counters import GROUPS, IN_USE
from hpview.host.unread import Unread
from hpview.ui.machine import numbers, words
from hpview.ui.machine.sections import SECTIONS
from hpview.units import thousands
from tests import fake_host
from tests.machine_seen import (
    HUGETLB,
    INKS,
    KHUGEPAGED,
    NOW,
    SIZES,
    answer,
    columns,
    lines,
    rows_of,
    seen,
    text,
)
from tests.records import MIB

SHOWN_IN = {
    **dict.fromkeys(("fault", "shmem", "zero", "compaction"), NOW),
    **dict.fromkeys(("khugepaged", "collapse", "split", "swap", "migration"), KHUGEPAGED),
    "hugetlb": HUGETLB,
}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.key)
def test_every_counter_stands_in_its_section_with_its_own_number(group: counters.Group) -> None:
    found = seen()
    for member in group.members:
        row = columns(SHOWN_IN[group.key], found, member.name)
        now = fake_host.COUNTS[member.name] + 2 * fake_host.RATES.get(member.name, 0)
        backwards = member.name == "thp_swpout"
        assert row["SO FAR"] == thousands(now - 2 * backwards)
        assert row["PER S"] == (
            "-" if backwards else numbers.rate(fake_host.RATES.get(member.name, 0))
        )
        detail = rows_of(SHOWN_IN[group.key], found)[member.name].detail
        assert detail is not None
        assert detail.field == member.name.rpartition("/")[2]
        assert detail.source == counters.source(member.name)
        assert detail.meaning == words.COUNTERS[member.name]
        assert detail.value.startswith(thousands(now - 2 * backwards))


def test_a_counter_that_went_back_has_no_rate_but_a_gap_in_its_line() -> None:
    found = seen()
    detail = rows_of(KHUGEPAGED, found)["thp_swpout"].detail
    assert detail is not None
    assert detail.value.endswith("it went back: no rate")
    line = rows_of(KHUGEPAGED, found)["thp_swpout"].cells[3].draw
    assert line is not None
    assert text(line(10, INKS)) == " " * 10


def test_before_the_second_sample_there_is_no_rate() -> None:
    found = seen(fake_host.SAMPLES[0])
    assert columns(NOW, found, "thp_fault_alloc")["PER S"] == "-"
    detail = rows_of(NOW, found)["thp_fault_alloc"].detail
    assert detail is not None
    assert detail.value == "1 009 so far · no rate before the second reading"
    assert "faults: no rate yet" in answer(NOW, found)


def test_what_the_kernel_does_not_count_is_not_zero() -> None:
    counts = {k: v for k, v in fake_host.COUNTS.items() if k != "thp_split_pud"}
    found = seen(fake_host.sample(0, counts), fake_host.sample(1, counts))
    row = rows_of(KHUGEPAGED, found)["thp_split_pud"]
    assert columns(KHUGEPAGED, found, "thp_split_pud")["SO FAR"] == "-"
    assert row.detail is not None
    assert row.detail.value == "this kernel does not count it"


def test_counters_of_later_kernels_are_shown_too() -> None:
    row = rows_of(KHUGEPAGED, seen())["thp_new_in_this_kernel"]
    assert row.detail is not None
    assert row.detail.meaning == words.UNKNOWN
    assert row.detail.value.startswith(thousands(fake_host.COUNTS["thp_new_in_this_kernel"]))


def test_the_highest_rate_lately_is_told() -> None:
    counts = dict(fake_host.COUNTS)
    samples = [fake_host.sample(0, counts)]
    for second, more in ((1, 50), (2, 10)):
        counts["thp_split_page"] += more
        samples.append(fake_host.sample(second, counts))
    detail = rows_of(KHUGEPAGED, seen(*samples))["thp_split_page"].detail
    assert detail is not None
    assert "· 10 a second · at most 50 lately" in detail.value


def test_settings_stand_with_their_choices_and_files() -> None:
    found = seen()
    assert columns(NOW, found, "knob defrag") == {
        "SETTING": "defrag",
        "VALUE": "defer+madvise",
        "ONE OF": "always defer [defer+madvise] madvise never",
    }
    assert columns(KHUGEPAGED, found, "knob khugepaged/max_ptes_swap")["VALUE"] == "64"
    for section in (NOW, KHUGEPAGED):
        for key, row in rows_of(section, found).items():
            if key.startswith("knob "):
                assert row.detail is not None
                assert row.detail.source.endswith(key.removeprefix("knob "))
                assert row.detail.meaning != words.UNKNOWN
    shown = {key for n in (NOW, KHUGEPAGED) for key in rows_of(n, found) if key[:5] == "knob "}
    assert shown == {f"knob {knob.name}" for knob in fake_host.KNOBS}


def test_free_memory_stands_by_zone_and_order() -> None:
    found = seen()
    zone = fake_host.ZONES[1]
    row = columns(NOW, found, "zone 0 Normal")
    assert row["2M BLOCKS"] == "422"
    assert row["IN ALL"] == units.size(zone.bytes_free)
    sizes = [units.page(4096 << order) for order in range(11)]
    assert [row[size] for size in sizes] == [thousands(count) for count in zone.free]
    assert columns(NOW, found, "zone all")["2M BLOCKS"] == "491"
    detail = rows_of(NOW, found)["zone all"].detail
    assert detail is not None
    assert f"{fake_host.SAMPLES[0].serving} may serve a process" in detail.value


def test_where_room_is_short_the_smallest_blocks_are_left_out() -> None:
    found = seen()
    table = next(t for t in SECTIONS[NOW].tables(found) if t.columns[0].title == "FREE MEMORY")
    titles = text(table.titles(60, INKS)).split()
    assert titles[-2:] == ["2M", "4M"]
    assert "4K" not in titles


def test_blocks_stand_by_what_they_are_for() -> None:
    found = seen()
    assert columns(NOW, found, "type Movable")["2M BLOCKS"] == "474"
    assert columns(NOW, found, "type Unmovable")["2M BLOCKS"] == "10"
    assert columns(NOW, found, "type HighAtomic")[""] == "kept from processes"
    detail = rows_of(NOW, found)["type Movable"].detail
    assert detail is not None
    assert "node 1 Normal 62" in detail.value


@pytest.mark.parametrize("name", IN_USE)
def test_pages_in_use_are_told_in_bytes(name: str) -> None:
    row = columns(NOW, seen(), name)
    assert row["PAGES"] == thousands(fake_host.COUNTS[name])
    assert row["BYTES"] == units.size(fake_host.COUNTS[name] * 2 * MIB)


def test_the_answer_to_now() -> None:
    assert answer(NOW, seen()) == (
        "THP madvise · 491 2M blocks free · 15 faults/s, 20 % fell back"
        " · 982 MiB in them · defrag defer+madvise"
    )


def test_what_cannot_be_read_says_why_and_what_would_help() -> None:
    denied = Unread("/proc/pagetypeinfo", "permission denied", "run as root")
    gone = Unread("/proc/vmstat", "this kernel has no such file")
    sample = fake_host.sample(types=denied, counters=gone, zones=gone)
    found = seen(sample)
    shown = "\n".join(lines(NOW, found))
    assert "/proc/pagetypeinfo: permission denied; run as root" in shown
    detail = rows_of(NOW, found)["unread /proc/pagetypeinfo"].detail
    assert detail is not None
    assert detail.meaning == "To see it: run as root."
    assert "free blocks not readable" in answer(NOW, found)
    assert answer(KHUGEPAGED, found) == "not told by this kernel"
    assert "/proc/vmstat: this kernel has no such file" in "\n".join(lines(SIZES, found))
    assert lines(KHUGEPAGED, found)


def test_a_machine_without_huge_pages_at_all() -> None:
    sample = fake_host.sample(knobs=(), sizes=(), pools=(), node_pools=(), pmd_size=None)
    found = seen(sample, ledger=replace(fake_host.LEDGER, entries=()))
    assert "this kernel has no THP" in answer(NOW, found)
    assert answer(HUGETLB, found) == "this kernel has no hugetlb"
    assert "this kernel has no hugetlb" in "\n".join(lines(HUGETLB, found))
    assert answer(SIZES, found).startswith("2M only")
    assert "before Linux 6.8" in "\n".join(lines(SIZES, found))
    assert "? pages every ?" in answer(KHUGEPAGED, found)
