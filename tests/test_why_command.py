"""hpview why: the demo process by hand, and everything that may be typed."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hpview.cli import main
from hpview.demo import Demo
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.smaps import read_smaps
from hpview.units import percent, size
from tests.children import child
from tests.ordinary import ordinary
from tests.test_cli import run
from tests.test_cli import target as target

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOT = 2 << 20
FILES = {"file, 4 kB", "file, as the file system has it"}


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with Demo.spawn() as running:
        yield running


def told(pid: int, *arguments: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["why", str(pid), *arguments, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def own_memory(demo: Demo) -> int:
    """What smaps says is resident in anonymous VMAs of 2 MiB and more besides the regions."""
    smaps = read_smaps(demo.pid)
    sizes = dict(zip(smaps.table["start"].tolist(), smaps.table["rss"].tolist(), strict=True))
    regions = {region.start for region in demo.regions}
    return sum(
        sizes[mapping.start]
        for mapping in read_maps(demo.pid)
        if not mapping.ino and mapping.end - mapping.start >= SLOT and mapping.start not in regions
    )


def test_coverage_of_the_demo_process_by_hand(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    able = [region for region in demo.regions if region.name not in FILES]
    huge = sum(region.expect.bytes_2m + region.expect.bytes_1g for region in demo.regions)
    gap = sum(region.expect.bytes_4k for region in able) + own_memory(demo)
    beside = sum(region.expect.bytes_4k for region in demo.regions if region.name in FILES)
    found = told(demo.pid, capsys=capsys)
    assert found["huge"] == huge
    assert found["gap"] == gap
    assert found["beside"] >= beside
    assert found["coverage"] == huge / (huge + gap)
    headline = f"{size(gap)} of {size(huge + gap)} could be huge and are not: "
    assert found["headline"].startswith(headline)
    counted = [one for one in found["reasons"] if one["counted"]]
    assert sum(one["bytes"] for one in counted) == gap == sum(v["gap"] for v in found["vmas"])
    assert sum(one["share"] for one in counted) == pytest.approx(1)
    assert [one["bytes"] for one in counted] == sorted((o["bytes"] for o in counted), reverse=True)
    assert all(sum(vma["reasons"].values()) == vma["gap"] for vma in found["vmas"])
    assert all(one["evidence"] for one in found["reasons"])
    main(["why", str(demo.pid)])
    out = capsys.readouterr().out
    assert out.startswith(f"{demo.pid} hpview-demo: {headline}")
    assert f"coverage {percent(huge, huge + gap)}: {size(huge)} huge of {size(huge + gap)}" in out
    assert "in force\n  Linux " in out


@pytest.mark.root
def test_every_region_of_the_demo_has_the_reason_it_was_made_with(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    by_name = {region.name: region for region in demo.regions}
    wanted = {
        "MADV_NOHUGEPAGE, full": "nohugepage",
        "4 kB, sparse": "nohugepage",
        "advised, but no aligned slot": "edge",
        "THP with holes": "split",
        "shared memory, 4 kB": "nohugepage",
    }
    found = told(demo.pid, capsys=capsys)
    if by_name["not advised"].expect.bytes_4k and found["in_force"]["enabled"] == "madvise":
        wanted["not advised"] = "not_advised"
    mainly = {int(vma["start"], 16): vma["reason"] for vma in found["vmas"]}
    for name, reason in wanted.items():
        assert mainly[by_name[name].start] == reason, name


@pytest.mark.root
def test_one_slot_is_explained(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    by_name = {region.name: region for region in demo.regions}
    holes = by_name["THP with holes"].start
    first, second = (
        told(demo.pid, f"{address:x}", capsys=capsys) for address in (holes, holes + SLOT + 4096)
    )
    assert first["huge"]
    assert first["reasons"] == []
    assert second["start"] == hex(holes + SLOT)
    assert second["vma"]["start"] == hex(holes)
    (reason,) = second["reasons"]
    assert (reason["reason"], reason["primary"], reason["certain"]) == ("split", True, True)
    assert reason["remedies"][0]["text"] == (
        f"hpview collapse {demo.pid} {holes + SLOT:x}-{holes + 2 * SLOT:x}"
    )
    assert main(["why", str(demo.pid), f"{holes:x}"]) == 0
    assert "it is huge" in capsys.readouterr().out
    sparse = by_name["4 kB, sparse"].start
    assert main(["why", str(demo.pid), f"0x{sparse:x}"]) == 0
    out = capsys.readouterr().out
    assert "not huge: the program forbade it: MADV_NOHUGEPAGE" in out
    assert "vm_flags: VM_NOHUGEPAGE (nh)" in out
    assert "[mm/khugepaged.c, hugepage_madvise()]" in out
    empty = by_name["1 TiB reserved, a few pages"].start + 10 * SLOT
    assert [r["reason"] for r in told(demo.pid, f"{empty:x}", capsys=capsys)["reasons"]] == [
        "empty",
        "nohugepage",
    ]


@pytest.mark.parametrize("backend", ["auto", "procfs"])
def test_smaps_tells_advice_and_checks_the_rules(
    backend: str, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--backend", backend, "why", str(demo.pid)]
    assert main([*arguments, "--smaps"]) == 0
    with_smaps = capsys.readouterr()
    before, after = with_smaps.err.splitlines()
    assert before == (
        f"hpview: reading smaps of {demo.pid}: whatever in it maps memory waits meanwhile"
    )
    assert after.startswith("hpview: that took ")
    assert "VMAs compared with the rules, none differ" in with_smaps.out
    assert main([*arguments, "--smaps", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cross_check"]["vmas"] > 20
    assert found["cross_check"]["differ"] == []
    assert not any("madvise" in unknown["what"] for unknown in found["not_known"])


def test_without_bpf_advice_is_not_known(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "procfs", "why", str(demo.pid)]) == 0
    out = capsys.readouterr().out
    if "THP madvise" not in out:
        pytest.skip("advice does not decide here")
    assert "cannot tell: advice not known" in out
    assert "not known: what madvise() said of " in out
    assert "(to know it: run as root, or with CAP_BPF and CAP_PERFMON; or read smaps once)" in out
    assert "THPeligible" not in out


def test_hostile_names_are_escaped(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    start = next(m.start for m in read_maps(target.pid) if "name " in m.name)
    for arguments in ([], [f"{start:x}"], [f"{start:x}", "--format", "json"]):
        assert main(["why", str(target.pid), *arguments]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "[bold]x" in out or not arguments
        assert out.isascii() or "--format" not in arguments


def test_a_process_without_any_gap(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            found = told(process.pid, capsys=capsys)
            assert found["coverage"] is None
            assert found["gap"] == 0
            assert found["vmas"] == []
            assert not any(one["counted"] for one in found["reasons"])
            assert main(["why", str(process.pid)]) == 0
            out = capsys.readouterr().out
            assert "sleep: nothing here can be huge" in out
            assert "coverage" not in out
            assert "VMAs with the most" not in out
        finally:
            process.kill()


def test_an_address_where_nothing_is(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(demo.pid), "1000"]) == 1
    assert "has nothing mapped at 1000" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["4194303"], ["2"], ["2", "1000", "--smaps"]])
def test_processes_of_which_there_is_no_memory(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", *arguments]) == 1
    assert capsys.readouterr().err.startswith("hpview: ")


@pytest.mark.parametrize(
    "arguments", [[], ["x"], ["0"], ["1", "zz"], ["1", "\x1b[31m"], ["1", "--format", "xml"]]
)
def test_what_is_no_process_or_address(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["why", *arguments])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert "hpview why: error:" in err
    assert "\x1b" not in err


def test_without_any_right_it_tells_what_it_can() -> None:
    """Of one's own process: what madvise() said is missing, and named."""
    through, python = ordinary()
    code = (
        "import mmap, os, subprocess, sys\n"
        f"m = mmap.mmap(-1, {8 * SLOT}, flags=mmap.MAP_PRIVATE)\n"
        f"m.write(b'x' * {8 * SLOT})\n"
        "command = [sys.executable, '-m', 'hpview', 'why', str(os.getpid()), *sys.argv[1:]]\n"
        "sys.exit(subprocess.call(command))"
    )
    done = subprocess.run(
        [*through, python, "-c", code], capture_output=True, text=True, check=True
    )
    assert "not known: which pages were huge and are split (/proc/kpageflags)" in done.stdout
    if "THP madvise" in done.stdout:
        assert "not known: what madvise() said of " in done.stdout
    done = subprocess.run(
        [*through, python, "-c", code, "--smaps"], capture_output=True, text=True, check=True
    )
    assert "what madvise() said" not in done.stdout
    assert "none differ" in done.stdout


def test_a_process_that_called_prctl(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import ctypes, mmap\n"
        "assert not ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)\n"
        f"m = mmap.mmap(-1, {4 * SLOT}, flags=mmap.MAP_PRIVATE)\n"
        f"m.write(b'x' * {4 * SLOT})\n"
    )
    with child(code) as process:
        found = told(process.pid, capsys=capsys)
    first = found["reasons"][0]
    assert first["reason"] in ("process_off", "edge")
    off = next(one for one in found["reasons"] if one["reason"] == "process_off")
    assert off["evidence"][0]["what"] == f"/proc/{process.pid}/status THP_enabled"
    assert off["evidence"][0]["value"] == "0"
    assert found["in_force"]["process"] == "disabled"


def test_a_process_that_is_gone_is_told() -> None:
    done = run("why", "4194303")
    assert done.returncode == 1
    assert done.stderr == b"hpview: no process 4194303\n"
    assert done.stdout == b""
