"""``hpview machine`` and ``hpview numa``: text and objects, each number beside its own label."""

from __future__ import annotations

import json as std_json
from typing import TYPE_CHECKING

import pytest

from hpview.export import json, machine, machine_json, machine_tasks, numa
from hpview.host.counters import is_gauge
from hpview.host.delays import Delays, TaskDelays, Wait
from hpview.host.unread import Unread
from hpview.machine import Snapshot
from hpview.wire import Source
from tests import fake_host, host_tree
from tests.fake_machine import process
from tests.golden import check
from tests.machine_report import SNAPSHOT, cells, faked, report_of, section
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakeproc import FakeProc


@pytest.fixture
def tree(tmp_path: Path) -> FakeProc:
    return host_tree.build(tmp_path)


def test_the_whole_of_it() -> None:
    check("machine", list(machine.lines(faked())))


def test_every_counter_is_printed_beside_its_own_name(tree: FakeProc) -> None:
    """No two numbers of the tree are equal: a swapped label is seen."""
    lines = list(machine.lines(report_of(tree, seconds=10)))
    printed = {}
    for line in section(lines, "COUNTED SINCE BOOT, AND PER SECOND OF 10.0")[1:]:
        words = cells(line)
        at = next((i for i, word in enumerate(words) if word in _COUNTS), None)
        if at is not None:
            printed[words[at]] = int(words[at - 2].replace(" ", "")), words[at - 1]
    expected = {
        name: (value + 10 * n, str(n) if n else "0")
        for n, (name, value) in enumerate(_COUNTS.items())
        if ("/" not in name or name.startswith("khugepaged")) and not is_gauge(name)
    }
    del expected["nr_free_pages"]
    assert printed == {
        name: (total, rate if int(rate) >= 10 or rate == "0" else f"{rate}.0")
        for name, (total, rate) in expected.items()
    }


_COUNTS = host_tree.counts()


def test_every_counter_of_a_folio_size_is_in_its_column(tree: FakeProc) -> None:
    lines = section(list(machine.lines(report_of(tree))), "FOLIO SIZES")
    assert cells(lines[0]) == ["8K", "64K", "2M"]
    for line in lines[3:]:
        if not line.strip():
            continue
        name, *numbers = cells(line)
        for size, number in zip(("8kB", "64kB", "2048kB"), numbers, strict=True):
            expected = _COUNTS.get(f"hugepages-{size}/stats/{name}")
            assert number.replace(" ", "") == ("-" if expected is None else str(expected))
    assert cells(lines[1]) == ["enabled", "-", "madvise", "always"]
    assert cells(lines[2]) == ["shmem_enabled", "advise", "within_size", "inherit"]


def test_huge_pages_in_use_are_bytes_of_gauges(tree: FakeProc) -> None:
    lines = section(list(machine.lines(report_of(tree))), "HUGE PAGES IN USE")
    printed = {cells(line)[-1]: cells(line)[1:3] for line in lines[1:] if line.strip()}
    for name, (size, pages) in printed.items():
        assert pages.replace(" ", "") == str(_COUNTS[name])
        assert size == f"{_COUNTS[name] * 2 / 1024:.1f} GiB"
    assert len(printed) == 5


def test_pools_of_every_node(tree: FakeProc) -> None:
    lines = section(list(machine.lines(report_of(tree))), "HUGETLB")
    assert [cells(line) for line in lines[:7]] == [
        [
            *("SIZE", "NODE", "TOTAL", "FREE", "RESERVED", "SURPLUS", "OVERCOMMIT", "IN USE"),
            *("MAPPED", "UNATTRIBUTED"),
        ],
        ["2M", "all", "520", "131", "17", "8", "24", "389", "0", "389"],
        ["0", "301", "91", "6", "210"],
        ["1", "219", "40", "2", "179"],
        ["1G", "all", "3", "2", "1", "0", "5", "1", "0", "1"],
        ["0", "2", "1", "0", "1"],
        ["1", "1", "1", "0", "0"],
    ]
    assert "/mnt/huge one" in "\n".join(lines)


def test_free_memory_by_order(tree: FakeProc) -> None:
    lines = section(list(machine.lines(report_of(tree))), "FREE MEMORY")
    orders = "4K 8K 16K 32K 64K 128K 256K 512K 1M 2M 4M"
    assert cells(lines[0])[2:13] == orders.split(" ")
    assert cells(lines[2])[:13] == ["0", "Normal", *BUDDY[1]]
    assert cells(lines[3])[:2] == ["1", "Normal"]
    assert [cells(line)[-1] for line in lines[1:4]] == ["7", "423", "68"]
    assert lines[4].strip() == "498 blocks of 2 MB could be had now at most, larger ones cut"
    assert lines[5].strip() == (
        "491 of them may serve a process: Unmovable 11, Movable 480; not HighAtomic 7"
    )


BUDDY = [line.split()[4:] for line in host_tree.BUDDYINFO.splitlines()]


def test_the_object_has_the_numbers_of_the_tree(tree: FakeProc) -> None:
    found = std_json.loads(json.dumps(machine_json.machine_object(report_of(tree, seconds=10))))
    ticked = {name: value + 10 * n for n, (name, value) in enumerate(_COUNTS.items())}
    del ticked["nr_free_pages"]
    told = dict(found["counters"]["values"])
    told |= {f"khugepaged/{name}": n for name, n in found["khugepaged"]["values"].items()}
    for size in found["folio_sizes"]:
        folder = f"hugepages-{size['size'] // 1024}kB/stats"
        told |= {f"{folder}/{name}": n for name, n in size["stats"].items()}
    assert told == ticked
    assert found["rates"] == {
        name: n for n, name in enumerate(_COUNTS) if name in ticked and not is_gauge(name)
    }
    assert found["settings"]["values"]["khugepaged/pages_to_scan"] == "4095"
    assert found["settings"]["choices"]["enabled"] == ["always", "madvise", "never"]
    assert found["in_use"]["bytes"] == {
        name: ticked[name] * 2 * MIB for name in found["in_use"]["bytes"]
    }
    assert [zone["blocks_by_order"] for zone in found["free"]["zones"]] == [
        [int(word) for word in line] for line in BUDDY
    ]
    assert (found["free"]["blocks_2m"], found["free"]["serving_2m"]) == (498, 491)
    assert found["hugetlb"]["pools"][0] == {
        "page_size": 2 * MIB,
        "total": 520,
        "free": 131,
        "reserved": 17,
        "surplus": 8,
        "overcommit": 24,
        "in_use": 389,
        "mapped": 0,
        "unattributed": 389,
        "nodes": [
            {"node": 0, "total": 301, "free": 91, "surplus": 6, "in_use": 210},
            {"node": 1, "total": 219, "free": 40, "surplus": 2, "in_use": 179},
        ],
    }
    assert found["unread"].keys() == {"hugetlb_cgroups"}


def test_the_object_of_what_only_root_reads() -> None:
    found = machine_json.machine_object(faked())
    assert found["hugetlb"]["holders"][0] == {
        "pid": 5000,
        "comm": "java",
        "charged": 2 * GIB + 200 * MIB,
        "mapped": {str(2 * MIB): 200 * MIB, str(GIB): 2 * GIB},
    }
    assert found["hugetlb"]["holders"][2]["mapped"] is None
    assert not found["hugetlb"]["whole"]
    assert found["hugetlb"]["unmapped_files"][1] == {
        "name": "/memfd:pool (deleted)",
        "page_size": 2 * MIB,
        "pages": 12,
        "mapped": 3,
        "open_in": 880,
    }
    assert found["hugetlb"]["cgroups"][0]["limit_met"] == 9
    assert found["delays"]["processes"][1]["compaction"] == {
        "times": 31,
        "total_ns": 2_500_000_000,
    }
    users = {group["user"]: group for group in found["by_user"]}
    assert users["redis"]["resident"] == 2 * GIB
    assert users["redis"]["bytes_gap"] == 2 * GIB - 40 * MIB
    assert users["redis"]["coverage"] == 0
    assert users["postgres"]["coverage"] == 5 / 6
    assert users["app"]["processes"] == 3
    assert found["unread"] == {}
    assert std_json.loads(json.dumps(found)) == found


def test_what_cannot_be_read_is_told_and_null() -> None:
    gone = Unread("/proc/x", "permission denied", "run as root")
    sample = fake_host.sample(counters=gone, zones=gone, types=gone)
    report = faked(sample=sample, delays=gone, snapshot=gone)
    found = machine_json.machine_object(report)
    assert found["unread"].keys() == {
        "counters", "free", "free_types", "delays", "processes",
    }  # fmt: skip
    assert found["unread"]["delays"]["remedy"] == "run as root"
    assert found["counters"]["values"] is None
    assert found["rates"] is None
    assert found["free"]["zones"] is None
    assert found["by_user"] is None
    lines = list(machine.lines(report))
    for title in ("HUGE PAGES IN USE", "COUNTED", "FREE", "WAITS", "BY USER", "BY CGROUP"):
        assert section(lines, title)[0].strip() == "/proc/x: permission denied; run as root", title


def test_only_the_types_of_blocks_are_not_known() -> None:
    gone = Unread("/proc/pagetypeinfo", "permission denied", "run as root")
    lines = section(list(machine.lines(faked(sample=fake_host.sample(types=gone)))), "FREE MEMORY")
    assert lines[-2].strip() == (
        "which of them may serve a process is not known: "
        "/proc/pagetypeinfo: permission denied; run as root"
    )


def test_types_of_blocks_that_were_read_before() -> None:
    lines = section(list(machine.lines(faked(sample=fake_host.sample(types_age=12.4)))), "FREE")
    assert lines[-2].strip().endswith("not HighAtomic 7 (12 s before)")


def test_a_counter_that_went_back_has_no_rate() -> None:
    lines = section(list(machine.lines(faked())), "COUNTED")
    line = next(line for line in lines if "thp_swpout " in line)
    assert cells(line)[2] == "?"


def test_an_old_kernel() -> None:
    sample = fake_host.sample(knobs=(), sizes=(), pools=(), pmd_size=None)
    empty = fake_host.LEDGER.__class__((), (), True, 0, False, (), (), Unread("c", "no"), 0, 0.0)
    lines = list(machine.lines(faked(sample=sample, before=None, ledger=empty)))
    assert "the kernel was built without transparent huge pages" in section(lines, "SETTINGS")[0]
    assert "older than Linux 6.8" in section(lines, "FOLIO")[0]
    assert "built without hugetlb" in section(lines, "HUGETLB")[0]


@pytest.mark.parametrize(
    ("delays", "line"),
    [
        (Delays(False, (TaskDelays(1, Wait(0, 0), None, None, None),), 0.0), "not counted: "),
        (Delays(True, (TaskDelays(1, Wait(0, 0), None, None, None),), 0.0), "no process has"),
        (Unread("taskstats", "not told to this user", "run as root"), "taskstats: not told"),
    ],
)
def test_waits_that_are_none_or_not_counted(delays: Delays | Unread, line: str) -> None:
    assert next(machine_tasks.delays(delays, SNAPSHOT)).startswith(line)


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (0, "0"),
        (1, "<1 us"),
        (1000, "1.0 us"),
        (52_400, "52 us"),
        (5_100_000, "5.1 ms"),
        (999_999_999, "1 000 ms"),
        (2_500_000_000, "2.5 s"),
        (1_210_000_000_000, "1 210 s"),
    ],
)
def test_durations(nanoseconds: int, words: str) -> None:
    assert machine_tasks.duration(nanoseconds) == words


@pytest.mark.parametrize(
    ("per_second", "words"),
    [(None, "?"), (0.0, "0"), (0.01, "<0.1"), (0.05, "0.1"), (9.94, "9.9"), (9.96, "10"),
     (1234.4, "1 234")],
)  # fmt: skip
def test_rates(per_second: float | None, words: str) -> None:
    assert machine.rate(per_second) == words


def test_names_cannot_steer_the_terminal() -> None:
    evil = process(66, "x", user="u\x1b[31m", cgroup="/c\n\x1b[0m")
    snapshot = Snapshot((evil,), Source.BPF, 0.0, 0)
    whole = "\n".join(machine.lines(faked(snapshot=snapshot)))
    assert "\x1b" not in whole
    assert "u\\x1b[31m" in whole
    assert "/c\\x0a\\x1b[0m" in whole


def test_nodes_of_a_process() -> None:
    lines = list(numa.lines(fake_host.BY_NODE, "evil\x1b"))
    assert cells(lines[0]) == ["NODE", "2M", "1G", "4K", "OF ALL HUGE"]
    assert cells(lines[1]) == ["0", "3.0 GiB", "1.0 GiB", "-", "73 %"]
    assert cells(lines[2]) == ["1", "1.5 GiB", "0 B", "-", "27 %"]
    assert cells(lines[3]) == ["2", "0 B", "0 B", "-", "0 %"]
    assert lines[5] == "6.0 MiB of huge pages on a node that the kernel did not tell"
    assert lines[6] == (
        "4127 evil\\x1b: 5.5 GiB in huge pages · move_pages, 2 308 addresses · 4.0 ms"
    )


def test_the_object_of_nodes() -> None:
    found = numa.numa_object(fake_host.BY_NODE, "c")
    assert found["nodes"][0] == {
        "node": 0,
        "bytes_2m": 3 * GIB,
        "bytes_1g": GIB,
        "bytes_4k": None,
    }
    assert (found["unknown"], found["asked"], found["ms"]) == (6 * MIB, 2308, 4.0)
