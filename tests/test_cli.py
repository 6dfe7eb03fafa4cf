"""The command line: what is printed, and that no failure is a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hpview.cli import main
from hpview.kernelfs.maps import read_maps
from tests.children import child

if TYPE_CHECKING:
    from collections.abc import Iterator

NASTY = "name \x1b[31m[bold]x\nrm \x07é"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a mapped file of a name that would steer a terminal."""
    folder = tmp_path_factory.mktemp("target")
    path = os.fsencode(folder / NASTY) + b"\xff"
    Path(os.fsdecode(path)).write_bytes(b"x" * 8192)
    code = f"import mmap; f = open({path!r}, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=1)"
    with child(code) as process:
        yield process


def run(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "hpview", *arguments],
        capture_output=True,
        check=False,
        stdin=stdin,
    )


def test_scan_table_escapes_names(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", "procfs", "scan", str(target.pid)]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[31m[bold]x\\012rm \\x07é\\xff" in out
    assert "\x1b" not in out
    assert "complete" in out
    assert "pagemap_scan" in out


def test_scan_json_escapes_names(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", str(target.pid), "--format", "json", "--backend", "procfs"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    names = {vma["name"].rpartition("/")[2] for vma in json.loads(out)["vmas"]}
    assert "name \x1b[31m[bold]x\\012rm \x07é\\xff" in names


def test_scan_maps_is_raw_in_a_pipe(target: subprocess.Popen[bytes]) -> None:
    maps = Path(f"/proc/{target.pid}/maps").read_bytes()
    done = run("--backend", "procfs", "scan", str(target.pid), "--format", "maps")
    assert done.stdout == b"".join(
        line for line in maps.splitlines(keepends=True) if b"[vsyscall]" not in line
    )


def test_scan_explain_tells_of_every_read(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--backend", "procfs", "scan", str(target.pid), "--explain"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["READ", "ASKED", "BYTES", "RECORDS", "MS", "RESUME"]
    assert lines[1].split()[0::5] == ["1", "first"]
    assert "as the stream tells it" in "\n".join(lines)
    assert main([*arguments, "--format", "json"]) == 0
    reads = json.loads(capsys.readouterr().out)["reads"]
    assert reads[0]["resume"] == "first"
    assert sum(read["bytes"] for read in reads) == 64 * sum(read["records"] for read in reads)


@pytest.mark.root
def test_scan_folios_as_table_json_and_thpmaps(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    pid = str(target.pid)
    assert main(["scan", pid, "--folios"]) == 0
    assert capsys.readouterr().out.startswith("FOLIO  MAPPED BY")
    assert main(["scan", pid, "--folios", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "hpview.folios/1"
    assert main(["scan", pid, "--folios", "--format", "thpmaps"]) == 0
    assert not any(line[0].isdecimal() for line in capsys.readouterr().out.splitlines())
    done = run("scan", pid, "--format", "thpmaps")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 20
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--explain", "--format", "maps"],
        ["--explain", "--format", "thpmaps"],
        ["--folios", "--format", "maps"],
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", str(os.getpid()), *options]) == 2
    assert capsys.readouterr().err.startswith("hpview: --")


def heap(pid: int) -> str:
    """The first address of a process's heap, as maps prints it."""
    return next(f"{m.start:x}" for m in read_maps(pid) if m.name == "[heap]")


def test_slot_draws_the_pages_of_a_mapping(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    start = heap(target.pid)
    arguments = ["--backend", "procfs", "slot", str(target.pid), start]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{int(start, 16):012x}  p")
    assert "not known: dirty and accessed" in out
    assert main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "hpview.slot/1"
    assert found["present"][0] == 1
    assert found["dirty"] is None


def test_slot_where_nothing_is_mapped_is_an_error(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", "procfs", "slot", str(target.pid), "0x1000"]) == 1
    assert capsys.readouterr().err == f"hpview: process {target.pid} has nothing mapped at 1000\n"


@pytest.mark.bpf
def test_slot_tells_dirty_and_accessed_by_bpf(
    target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--backend", "bpf", "slot", str(target.pid), heap(target.pid)]
    assert main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dirty"][0] == found["present"][0] == 1


def test_ps_json(target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--format", "json", "--backend", "procfs"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["machine"]["thp"] in ("always", "madvise", "never", None)
    assert {"page_size", "free"} <= {*listed["machine"]["hugetlb"][0]}
    assert list(listed) == ["schema", "source", "machine", "processes", "notices"]
    assert listed["schema"] == "hpview.ps/1"
    (row,) = (p for p in listed["processes"] if p["pid"] == target.pid)
    assert list(row) == [
        "pid",
        "ppid",
        "user",
        "comm",
        "cmdline",
        "cgroup",
        "resident",
        "bytes_2m",
        "bytes_1g",
        "bytes_4k",
        "bytes_swap",
        "bytes_gap",
        "bytes_hugetlb",
        "coverage",
        "vmas",
        "complete",
        "estimate",
    ]
    assert row["complete"] is True
    assert row["ppid"] == os.getpid()
    assert row["cgroup"].startswith("/")
    huge = row["bytes_2m"] + row["bytes_1g"]
    assert row["resident"] == huge + row["bytes_4k"] > 0
    assert row["bytes_4k"] >= row["bytes_gap"] > 0
    assert row["coverage"] == huge / (huge + row["bytes_gap"])
    assert row["bytes_hugetlb"] == 0


def test_ps_table(target: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--backend", "procfs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = "PID USER RESIDENT 2M 1G 4K SWAP COVERAGE GAP COMMAND"
    assert " ".join(lines[0].split()) == head
    assert any(line.split()[:1] == [str(target.pid)] for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", "x"],
        ["scan", "0"],
        ["scan", "-1"],
        ["scan", "99999999"],
        ["scan", "1", "2"],
        ["scan", "1", "--format", "xml"],
        ["scan", "1", "--explain", "--folios"],
        ["--backend"],
        ["slot", "1"],
        ["slot", "1", "zz"],
        ["slot", "1", "-5"],
        ["slot", "1", "f" * 30],
        ["--backend", "magic"],
        ["nonsense"],
        ["shot", "1", "--size", "big"],
        ["shot", "1", "--size", "1x1"],
        ["shot", "1", "--screen", "none"],
        ["1", "2"],
    ],
)
def test_usage_errors_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "hpview" in capsys.readouterr().err


@pytest.mark.parametrize("backend", [pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
@pytest.mark.parametrize("command", ["scan", "shot"])
@pytest.mark.parametrize(
    ("pid", "message"),
    [
        (4194304, "hpview: no process 4194304\n"),
        (2, "hpview: process 2 is a kernel thread: it has no memory map\n"),
    ],
)
def test_targets_without_memory(
    backend: str, command: str, pid: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--backend", backend, command, str(pid)]) == 1
    assert capsys.readouterr().err == message


def test_a_zombie(capsys: pytest.CaptureFixture[str]) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert main(["--backend", "procfs", "scan", str(process.pid)]) == 1
    process.wait()
    assert "is a zombie" in capsys.readouterr().err


def test_a_closed_pipe(target: subprocess.Popen[bytes]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "hpview", "--backend", "procfs", "scan", str(target.pid)],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""


def test_a_full_device(target: subprocess.Popen[bytes]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hpview", "--backend", "procfs", "scan", str(target.pid)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"hpview: No space left on device before everything was written\n"


@pytest.mark.parametrize("arguments", [[], ["1"], ["demo"]])
def test_no_terminal(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr == b"hpview: no terminal to draw on: use hpview ps, scan or shot\n"


@pytest.mark.parametrize("command", ["view", "ps", "scan", "shot", "demo", "doctor"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([command, "--help"])
    assert raised.value.code == 0
    out = capsys.readouterr().out
    assert "example:\n  hpview" in out
    assert "--backend" in out


def test_doctor_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for word in ("BPF", "PAGEMAP_SCAN", "PROCMAP_QUERY", "kpageflags", "process events"):
        assert word in out
