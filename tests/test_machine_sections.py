"""The machine screen: hugetlb, waits, sizes, users; and the nodes of a process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hpview import units
from hpview.host.delays import Delays, TaskDelays, Wait
from hpview.host.unread import Unread
from hpview.machine import Snapshot
from hpview.ui.machine import nodes, words
from hpview.ui.machine.sections import SECTIONS
from hpview.ui.machine.seen import Seen
from hpview.ui.machine.table import Part
from hpview.ui.widgets.machine_overview import told
from hpview.units import thousands
from hpview.wire import Source
from tests import fake_host
from tests.fake_machine import machine, process
from tests.machine_seen import (
    HUGETLB,
    INKS,
    SIZES,
    USERS,
    WAITS,
    WIDE,
    answer,
    columns,
    lines,
    rows_of,
    seen,
    text,
)
from tests.records import GIB, MIB


def test_the_ledger_stands_to_the_page() -> None:
    found = seen()
    assert columns(HUGETLB, found, f"pool {2 * MIB}") == {
        "POOL": "2M pages",
        "TOTAL": "520",
        "IN USE": "389",
        "MAPPED": ">=320",
        "UNATTRIBUTED": "<=69",
        "FREE": "131",
        "RESERVED": "17",
        "SURPLUS": "8",
        "OVERCOMMIT": "24",
    }
    node = columns(HUGETLB, found, f"pool {2 * MIB} node 1")
    assert (node["TOTAL"], node["IN USE"], node["FREE"], node["SURPLUS"]) == (
        "220", "180", "40", "3",
    )  # fmt: skip
    assert answer(HUGETLB, found) == ("2M 389 of 520 in use, 69 unattributed · 1G 2 of 3 in use")
    whole = replace(fake_host.LEDGER, unread=0)
    assert columns(HUGETLB, seen(ledger=whole), f"pool {2 * MIB}")["MAPPED"] == "320"


def test_an_old_ledger_says_nothing_of_a_pool_that_changed() -> None:
    pools = (replace(fake_host.POOLS[0], free=130), *fake_host.POOLS[1:])
    assert "unattributed" not in answer(HUGETLB, seen(fake_host.sample(pools=pools)))


def test_holders_files_cgroups_and_mounts() -> None:
    found = seen()
    java = columns(HUGETLB, found, "holder 5000")
    assert (java["IN 2M"], java["IN 1G"], java["CHARGED"]) == ("200 MiB", "2.0 GiB", "2.2 GiB")
    assert columns(HUGETLB, found, "holder 1")["IN 2M"] == "?"
    rows = rows_of(HUGETLB, found)
    assert rows["holder 5000"].pid == 5000
    left = columns(HUGETLB, found, "file /mnt/huge\x1b[31m/left None")
    assert (left["PAGES"], left["HAS"], left["MAPPED"]) == ("2M", "41", "0")
    app = columns(HUGETLB, found, f"cgroup /user.slice/app {2 * MIB}")
    assert app == {
        "CGROUP": "/user.slice/app",
        "PAGES": "2M",
        "USAGE": "200 MiB",
        "LIMIT": "512 MiB",
        "RESERVED": "222 MiB",
        "ITS LIMIT": "none",
        "FAILED": "9",
    }
    mount = columns(HUGETLB, found, "mount /mnt/huge\x1b[31m")
    assert (mount["PAGES"], mount["LIMIT"], mount["AT LEAST"]) == ("1G", "4.0 GiB", "1.0 GiB")


def test_doubts_about_the_ledger_are_told() -> None:
    ledger = replace(fake_host.LEDGER, exact=False, cut=True, unread=2, holders=(), mounts=())
    limits = Unread("cgroup hugetlb controller", "not mounted", "mount it")
    shown = "\n".join(lines(HUGETLB, seen(ledger=replace(ledger, cgroups=limits))))
    for sentence in (
        "2 processes may not be read",
        "too many private pages",
        "frame numbers are hidden",
        "no process seen is charged",
        "none is mounted here",
        "cgroup hugetlb controller: not mounted; mount it",
    ):
        assert sentence in shown


def test_who_waited_longest_for_compaction_comes_first() -> None:
    found = seen()
    table = SECTIONS[WAITS].tables(found)[0]
    assert [row.pid for row in table.rows] == [4127, 880, None]
    row = columns(WAITS, found, "task 880")
    assert row["COMPACTION"] == "5.1 ms"
    assert row["THRASHING"] == "0"
    assert row["RECLAIM"] == "900 us"
    assert row["SWAP-IN"] == "40 us"
    detail = table.rows[0].detail
    assert detail is not None
    assert detail.value == (
        "compaction 31 times, 2.5 s · thrashing 4 times, 61 ms"
        " · reclaim 0 times, 0 · swapin 0 times, 0"
    )
    assert "1 other process waited for nothing" in "\n".join(lines(WAITS, found))
    assert answer(WAITS, found) == (
        "compaction 2.5 s, most by postgres: checkpointer"
        " · thrashing 61 ms, most by postgres: checkpointer"
    )


def test_who_waits_now_is_what_was_added_between_two_readings() -> None:
    found = seen()
    later = (
        TaskDelays(880, Wait(14, 5_100_000), Wait(1, 8_000_000), Wait(2, 1), Wait(1, 1)),
        TaskDelays(4127, Wait(31, 2_540_000_000), Wait(4, 61_000_000), None, None),
        TaskDelays(5000, Wait(0, 0), Wait(0, 0), Wait(0, 0), Wait(0, 0)),
    )
    found.take_delays(Delays(True, later, 0.01), 14.0)
    assert found.waits == {880: (0, 2e6), 4127: (1e7, 0), 5000: (0, 0)}
    cells = rows_of(WAITS, found)["task 4127"].cells
    assert [part.text for cell in (cells[3], cells[5]) for part in cell.parts] == ["10 ms/s", "0"]
    assert columns(WAITS, found, "task 4127")["RECLAIM"] == "-"
    younger = (TaskDelays(880, Wait(1, 5), Wait(0, 0), None, None),)
    found.take_delays(Delays(True, younger, 0.01), 15.0)
    assert found.waits == {}


@pytest.mark.parametrize(
    ("delays", "sentence", "short"),
    [
        (
            Delays(False, fake_host.DELAYS.tasks, 0.01),
            "the kernel does not count them: kernel.task_delayacct is 0",
            "not counted: kernel.task_delayacct is 0",
        ),
        (
            Unread("taskstats", "not told to this user", "run as root"),
            "taskstats: not told to this user; run as root",
            "not told to this user · run as root",
        ),
    ],
    ids=["off", "unread"],
)
def test_why_there_are_no_delays(delays: Delays | Unread, sentence: str, short: str) -> None:
    found = seen(delays=delays)
    assert sentence in "\n".join(lines(WAITS, found))
    assert answer(WAITS, found) == short
    assert "task 4127" not in rows_of(WAITS, found)


def test_the_remedy_for_missing_delays_is_on_the_detail_line() -> None:
    detail = rows_of(WAITS, seen(delays=Delays(False, (), 0.01)))["off"].detail
    assert detail is not None
    assert detail.meaning.startswith("Run sysctl kernel.task_delayacct=1")


def test_folio_sizes_stand_with_what_is_in_force() -> None:
    found = seen()
    row = columns(SIZES, found, f"size {64 * 1024}")
    folios = fake_host.COUNTS["hugepages-64kB/stats/nr_anon"]
    assert row["ANONYMOUS"] == "madvise"
    assert row["SHARED"] == "within_size"
    assert row["IN USE"] == units.size(folios * 64 * 1024)
    partly = fake_host.COUNTS["hugepages-64kB/stats/nr_anon_partially_mapped"]
    assert row["PARTLY"] == thousands(partly)
    assert row["FAULTS/S"] == "250"
    assert row["FELL BACK"] == "0 %"
    assert columns(SIZES, found, f"size {2 * MIB}")["ANONYMOUS"] == "inherit (madvise)"
    assert columns(SIZES, found, f"size {8 * 1024}")["ANONYMOUS"] == "-"
    assert answer(SIZES, found) == (
        "64K madvise 250/s, shmem within_size · 2M madvise, shmem advise"
    )


def test_every_counter_of_a_size_stands_in_its_column() -> None:
    found = seen()
    for name, value in fake_host.COUNTS.items():
        if "/stats/" not in name:
            continue
        folder, _, stat = name.partition("/stats/")
        size = int(folder.removeprefix("hugepages-").removesuffix("kB")) * 1024
        shown = columns(SIZES, found, f"stat {stat}")[units.page(size)]
        assert shown == thousands(value + 2 * fake_host.RATES.get(name, 0))
        detail = rows_of(SIZES, found)[f"stat {stat}"].detail
        assert detail is not None
        assert detail.meaning == words.SIZES[stat]


# -- users ----------------------------------------------------------------------------------


def test_users_and_cgroups_come_to_what_their_processes_do() -> None:
    found = seen()
    java = next(p for p in machine() if p.pid == 5000)
    assert java.bytes_gap is not None
    row = columns(USERS, found, "cgroup /user.slice/app")
    assert row["PROCESSES"] == "3"
    assert row["2M"] == "6.0 GiB"
    assert row["1G"] == "1.0 GiB"
    user = columns(USERS, found, "user postgres")
    assert (user["RESIDENT"], user["2M"], user["GAP"]) == ("7.0 GiB", "5.0 GiB", "1.0 GiB")
    assert user["COVERAGE"] == "83 %"
    hidden = columns(USERS, found, "user root")
    assert (hidden["2M"], hidden["GAP"], hidden["COVERAGE"]) == ("?", "?", "?")
    assert answer(USERS, found).startswith("coverage 76 % · 3.7 GiB+ could be huge and is not")


def test_names_of_cgroups_are_made_printable() -> None:
    hostile = process(7, "x", cgroup="/a\x1b[31m\n[bold]\udcff", user="u\x07")
    found = seen(snapshot=Snapshot((hostile,), Source.BPF, 0.01, 0))
    shown = "\n".join(lines(USERS, found))
    assert "/a\\x1b[31m\\x0a[bold]\\xff" in shown
    assert "u\\x07" in shown


def test_a_process_list_that_cannot_be_read_says_why() -> None:
    found = seen(snapshot=Unread("processes", "no iterator"), delays=None)
    assert "processes: no iterator" in "\n".join(lines(USERS, found))
    assert answer(USERS, found) == "processes: no iterator"


def test_before_anything_is_read_every_section_says_so() -> None:
    found = Seen()
    for section in SECTIONS:
        assert section.tables(found) == ()
        assert text(told(section.answer(found), WIDE, INKS)) in (
            "reading…", "not asked yet", "not read yet",
        )  # fmt: skip


def test_nodes_stand_with_their_share_and_a_bar() -> None:
    table = nodes.table(fake_host.BY_NODE)
    shown = [text(table.row(y, 80, INKS)) for y in range(4)]
    assert shown[0].split()[:8] == ["node", "0", "3.0", "GiB", "1.0", "GiB", "-", "73"]
    assert shown[1].split()[:7] == ["node", "1", "1.5", "GiB", "0", "-", "27"]
    assert shown[0].count("█") + shown[0].count("▆") > 2 * shown[1].count("█") > 0
    assert "█" not in shown[2]
    assert "6.0 MiB of huge pages on a node that the kernel did not tell" in shown[3]
    small = fake_host.BY_NODE.shares[1]._replace(bytes_4k=GIB)
    row = nodes.table(replace(fake_host.BY_NODE, shares=(small,))).rows[0]
    assert row.cells[3].parts == (Part("1.0 GiB"),)
    none = nodes.table(replace(fake_host.BY_NODE, shares=(), unknown=0))
    assert "no NUMA nodes" in text(none.row(0, 80, INKS))
