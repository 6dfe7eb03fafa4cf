"""Containers, hidden processes, missing file systems and rights: what hpview tells there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from hpview.kernelfs.maps import read_maps
from hpview.wire import SLOT_SIZE
from tests.contained import PID, Place, Rights, run, run_each
from tests.ordinary import NOBODY, ordinary

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.root, pytest.mark.bpf]

PS: Final = "ps --format json"
SCAN: Final = f"scan {PID} --format json"
WHY: Final = f"why {PID} --format json"
MACHINE: Final = "machine --format json"
SHOT: Final = f"shot {PID} -o shot.txt"
NUMA: Final = f"numa {PID}"
FOLIOS: Final = f"scan {PID} --folios"

_NO_BPF: Final = "it needs CAP_BPF and CAP_PERFMON"
_NAMESPACE: Final = ("unshare", "--pid", "--mount-proc", "--fork")


def mounting(script: str) -> tuple[str, ...]:
    """Runs what follows where a shell has mounted something."""
    return ("unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh")


def check(place: Place, source: str, notices: Sequence[str]) -> None:
    """The target was read from ``source``, whole, and the doctor had foretold it."""
    found = place.json(SCAN)
    assert (found["source"], found["complete"]) == (source, True)
    totals = found["totals"]
    assert totals["bytes_2m"] + totals["bytes_4k"] >= 4 * SLOT_SIZE
    assert len(found["notices"]) == len(notices), found["notices"]
    for told, words in zip(found["notices"], notices, strict=True):
        assert words in told
    assert place.doctor.endswith(f"source that will be used: {source}")


def finding(place: Place, name: str) -> str:
    """The doctor's line about something."""
    return next(line for line in place.doctor.splitlines() if f" {name}  " in line)


def listed(place: Place) -> dict[int, int | None]:
    """Huge bytes of each process of the list."""
    return {p["pid"]: p["bytes_2m"] for p in place.json(PS)["processes"]}


def test_a_pid_namespace_with_its_own_proc() -> None:
    """The program of BPF is shown the numbers of the first namespace."""
    place = run(PS, SCAN, WHY, NUMA, through=_NAMESPACE)
    check(place, "bpf", [])
    assert place.json(SCAN)["pid"] == int(place.pid)
    assert place.json(WHY)["pid"] == int(place.pid)
    assert {1, int(place.pid)} <= listed(place).keys()
    huge = listed(place)[int(place.pid)]
    assert huge == place.json(SCAN)["totals"]["bytes_2m"]
    assert place.ran[NUMA].status == 0


def test_a_pid_namespace_that_is_shown_another_proc() -> None:
    """Pids of /proc are other processes to the kernel: 1 here is 1 of all."""
    collapse = f"collapse {PID} 1000-400000 --yes"
    place = run(PS, SCAN, MACHINE, NUMA, collapse, through=("unshare", "--pid", "--fork"))
    check(place, "pagemap_scan", ["bpf is not available: /proc is of another pid namespace"])
    found = listed(place)
    assert os.getpid() in found
    assert found[int(place.pid)] == place.json(SCAN)["totals"]["bytes_2m"]
    for command, what in ((NUMA, "move_pages"), (collapse, "MADV_COLLAPSE")):
        ran = place.ran[command]
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.startswith(f"hpview: {what} is not available: /proc is of another pid")
    assert place.json(MACHINE)["delays"] is None
    assert "another pid namespace" in finding(place, "process list")


def test_a_proc_that_does_not_show_this_process() -> None:
    """As of nsenter(1) into nothing but a mount namespace."""
    inside = "mount -t proc proc /proc; echo; read _"
    script = f"""mkfifo /mnt/in /mnt/out
unshare --pid --fork sh -c '{inside}' < /mnt/in > /mnt/out &
exec 8> /mnt/in
read _ < /mnt/out"""
    through = ("unshare", "--mount", "sh", "-c")
    program = f'mount -t tmpfs none /mnt\n{script}\nexec "$@"'
    place = run(PS, "scan 1 --format json", through=(*through, program, "sh"))
    found = place.json("scan 1 --format json")
    assert (found["source"], found["complete"]) == ("pagemap_scan", True)
    assert ["/proc: it does not show this process" in told for told in found["notices"]] == [True]
    assert listed(place).keys() == {1}
    assert place.doctor.endswith("source that will be used: pagemap_scan")


def test_root_of_a_user_namespace() -> None:
    """It may open kpageflags, and is shown no frames: nothing is concluded from frame 0."""
    through = ("unshare", "--user", "--map-root-user", *_NAMESPACE[1:])
    place = run(PS, SCAN, WHY, MACHINE, SHOT, FOLIOS, through=through)
    check(place, "pagemap_scan", ["CAP_BPF and CAP_PERFMON in the first user namespace"])
    assert "good in its own user namespace alone" in finding(place, "capabilities")
    assert "hides frame numbers" in place.ran[FOLIOS].err
    assert place.ran[FOLIOS].status == 1
    assert [place.ran[c].status for c in (WHY, MACHINE, SHOT)] == [0, 0, 0]


@pytest.mark.parametrize("mode", [1, 2])
def test_hidden_processes(mode: int) -> None:
    """1 shows that they exist, and nothing of them."""
    through, python = ordinary(before=f"mount -t proc -o hidepid={mode} proc /proc")
    mine, none = f"scan {os.getpid()}", "scan 4194303"
    place = run(PS, SCAN, MACHINE, mine, none, through=through, python=python)
    assert place.ran[MACHINE].status == 0
    check(place, "pagemap_scan", ["bpf is not available: it needs CAP_BPF and CAP_PERFMON"])
    assert os.getpid() not in listed(place)
    assert int(place.pid) in listed(place)
    assert "not all processes are shown" in place.json(PS)["notices"][1]
    assert "hidepid hides it" in place.ran[mine].err
    assert place.ran[none].err == "hpview: no process 4194303\n"
    assert "hidepid=" in finding(place, "process list")


def test_hidden_processes_for_whom_bpf_shows() -> None:
    """The list is of what /proc shows, whatever the iterator tells."""
    through, python = ordinary("bpf", "perfmon", before="mount -t proc -o hidepid=2 proc /proc")
    place = run(PS, SCAN, through=through, python=python)
    check(place, "bpf", [])
    assert os.getpid() not in listed(place)
    assert "not all processes are shown" in place.json(PS)["notices"][0]


def test_without_sys_no_reason_is_told() -> None:
    place = run(PS, SCAN, WHY, MACHINE, through=mounting("mount -t tmpfs none /sys"))
    check(place, "bpf", [])
    assert place.ran[WHY].status == 1
    assert "/sys is not mounted" in place.ran[WHY].err
    assert ["/sys is not mounted" in told for told in place.json(PS)["notices"]] == [True]
    assert place.json(MACHINE)["settings"]["values"] == {}
    assert "not known: /sys is not mounted" in finding(place, "transparent huge pages")


def test_a_sys_that_cannot_be_written() -> None:
    place = run(SCAN, WHY, through=mounting("mount -o remount,bind,ro /sys"))
    check(place, "bpf", [])
    assert place.ran[WHY].status == 0


def test_without_proc_there_is_nothing_to_tell() -> None:
    commands = ("ps", "scan 1", "why 1", "machine", "shot", "slot 1 1000", "numa 1", "shot 1")
    place = run(*commands, through=mounting("mount -t tmpfs none /proc"))
    told = "hpview: /proc is not available: it is not mounted; mount -t proc proc /proc\n"
    assert {(r.status, r.out, r.err) for r in place.ran.values()} == {(1, "", told)}
    assert place.doctor.endswith("source that will be used: unavailable")


def test_a_proc_of_processes_alone() -> None:
    through = mounting("mount -t proc -o subset=pid proc /proc")
    place = run(PS, SCAN, WHY, MACHINE, through=through)
    check(place, "pagemap_scan", ["where memory ends is not known: /proc/zoneinfo"])
    assert [place.ran[command].status for command in (PS, WHY, MACHINE)] == [0, 0, 0]


LACKING: Final = {
    ("bpf",): ("bpf", [], set()),
    ("perfmon",): ("bpf", [], set()),
    ("bpf", "perfmon", "sys_admin"): ("pagemap_scan", [_NO_BPF], {FOLIOS}),
    ("sys_admin",): ("bpf", [], {FOLIOS}),
    ("sys_ptrace",): ("bpf", [], set()),
    ("net_admin",): ("bpf", [], set()),
}
"""Capabilities that root has not: the source, notices, commands that fail."""


@pytest.fixture(scope="module")
def lacking() -> dict[tuple[str, ...], Place]:
    rights = [Rights(names=names) for names in LACKING]
    return dict(zip(LACKING, run_each((PS, SCAN, MACHINE, FOLIOS), rights), strict=True))


@pytest.mark.parametrize("names", LACKING, ids=" ".join)
def test_root_without_a_capability(
    names: tuple[str, ...], lacking: dict[tuple[str, ...], Place]
) -> None:
    """CAP_SYS_ADMIN is as good as CAP_BPF and CAP_PERFMON, and shows frames."""
    source, notices, fails = LACKING[names]
    place = lacking[names]
    check(place, source, notices)
    assert {command for command, ran in place.ran.items() if ran.status} == fails
    assert (place.json(MACHINE)["delays"] is None) == ("net_admin" in names)
    assert "lacks" in finding(place, "capabilities")


HAVING: Final = {
    (): ("pagemap_scan", [_NO_BPF], False),
    ("bpf",): ("pagemap_scan", ["it needs CAP_PERFMON"], False),
    ("perfmon",): ("pagemap_scan", ["it needs CAP_BPF"], False),
    ("bpf", "perfmon"): ("bpf", [], True),
    ("sys_admin",): ("bpf", [], True),
    ("sys_ptrace",): ("pagemap_scan", [_NO_BPF], False),
    ("sys_ptrace", "dac_read_search"): ("pagemap_scan", [_NO_BPF], True),
    ("net_admin",): ("pagemap_scan", [_NO_BPF], False),
}
"""Capabilities of an ordinary user: the source, notices, whether others' processes are read."""


@pytest.fixture(scope="module")
def having() -> dict[tuple[str, ...], Place]:
    through, python = ordinary(uid=0)
    rights = [Rights(uid=NOBODY, names=names) for names in HAVING]
    commands = (PS, SCAN, f"scan {os.getpid()} --format json")
    return dict(zip(HAVING, run_each(commands, rights, through, python), strict=True))


@pytest.mark.parametrize("names", HAVING, ids=" ".join)
def test_another_user_with_a_capability(
    names: tuple[str, ...], having: dict[tuple[str, ...], Place]
) -> None:
    source, notices, others = HAVING[names]
    place = having[names]
    check(place, source, notices)
    assert (listed(place)[os.getpid()] is not None) == others
    theirs = f"scan {os.getpid()} --format json"
    if not others:
        told = "may not be read: run as its user or as root"
        assert place.ran[theirs] == (1, "", f"hpview: process {os.getpid()} {told}\n")
        return
    found = place.json(theirs)
    named = any(vma["name"] for vma in found["vmas"])
    assert named == (not any("names of mappings are missing" in n for n in found["notices"]))
    assert len(found["vmas"]) >= len(read_maps(os.getpid())) / 2
