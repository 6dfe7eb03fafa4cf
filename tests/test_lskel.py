"""The committed BPF program: its file, its source, its layout."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import NoReturn

import pytest

from hpview.errors import BackendUnavailable
from hpview.stream import loaded, lskel, state
from hpview.stream.lskel import LightSkeleton, LoadFailed
from tests.conftest import lacking

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "bpfprog"
BUILT_WITH = "14"
"""The clang that made the committed file."""


@pytest.fixture(scope="module")
def committed() -> LightSkeleton:
    path = resources.files("hpview.stream").joinpath("task_vma.lskel")
    return LightSkeleton.parse(path.read_bytes())


def test_file_survives_a_round_trip(committed: LightSkeleton) -> None:
    assert LightSkeleton.parse(committed.pack()) == committed
    assert len(committed.insns) % 8 == 0
    assert committed.state_size > state.OUT_OFFSET + 1024 * 64


@pytest.mark.parametrize("content", [b"", b"HPVLSKEL", b"x" * 100])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an \.lskel file"):
        LightSkeleton.parse(content)


def test_damaged_files_are_refused(committed: LightSkeleton) -> None:
    content = committed.pack()
    with pytest.raises(ValueError, match="damaged"):
        LightSkeleton.parse(content[:-100])
    other_sizes = lskel._HEADER.pack(lskel.MAGIC, lskel.FORMAT, 1, 2, 3)
    with pytest.raises(ValueError, match="damaged"):
        LightSkeleton.parse(other_sizes + content[lskel._HEADER.size :])


def test_committed_program_is_built_from_this_source(
    committed: LightSkeleton, tmp_path: Path
) -> None:
    for tool in ("make", "clang", "bpftool"):
        if shutil.which(tool) is None:
            lacking(f"needs {tool}")
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True)
    major = re.search(r"version (\d+)\.", version.stdout)
    assert major is not None
    out = tmp_path / "task_vma.lskel"
    settings = [f"OUT={tmp_path / 'out'}", f"LSKEL={out}", f"PYTHON={sys.executable}"]
    subprocess.run(["make", "-s", "-C", str(SOURCE), *settings], check=True)
    fresh = LightSkeleton.parse(out.read_bytes())
    assert fresh.state_size == committed.state_size
    if major[1] != BUILT_WITH:
        lacking(f"clang {major[1]} makes other instructions than clang {BUILT_WITH}")
    assert fresh == committed


def test_state_mirrors_the_header(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        lacking("needs a C compiler")
        return
    structs = {
        "hpv_params": state.Params,
        "hpv_calibration": state.Calibration,
        "hpv_cursor": state.Cursor,
        "hpv_progress": state.Progress,
        "hpv_state": state.State,
    }
    lines = [
        f'printf("{name}.{field[0]} %zu\\n", offsetof(struct {name}, {field[0]}));'
        for name, mirror in structs.items()
        for field in mirror._fields_
    ]
    lines.append('printf("hpv_state.out %zu\\n", offsetof(struct hpv_state, out));')
    program = tmp_path / "offsets.c"
    program.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <linux/types.h>\n"
        '#include "state.h"\nint main(void) {\n' + "\n".join(lines) + "\nreturn 0; }\n"
    )
    binary = tmp_path / "offsets"
    subprocess.run([compiler, f"-I{SOURCE}", str(program), "-o", str(binary)], check=True)
    done = subprocess.run([binary], capture_output=True, text=True, check=True)
    expected = [
        f"{name}.{field[0]} {getattr(mirror, field[0]).offset}"
        for name, mirror in structs.items()
        for field in mirror._fields_
    ]
    expected.append(f"hpv_state.out {state.OUT_OFFSET}")
    assert done.stdout.splitlines() == expected


@pytest.mark.bpf
def test_refusal_comes_with_the_verifiers_words(committed: LightSkeleton) -> None:
    # exit without a value in r0, wherever the program ends
    code = bytes([0x95]) + bytes(7)
    at = committed.data.index(code)
    before = committed.data[at - 8 : at]
    broken = committed.data.replace(before + code, bytes([0xBF, 0xA0]) + bytes(6) + code)
    skeleton = LightSkeleton(broken, committed.insns, committed.state_size)
    with pytest.raises(LoadFailed) as quiet:
        skeleton.load()
    assert quiet.value.log == ""
    with pytest.raises(LoadFailed) as told:
        skeleton.load(log_size=1 << 16)
    assert "R0" in told.value.log


@pytest.mark.bpf
def test_load_returns_two_descriptors(committed: LightSkeleton) -> None:
    loaded = committed.load()
    try:
        links = [
            str(Path(f"/proc/self/fd/{fd}").readlink()) for fd in (loaded.prog_fd, loaded.state_fd)
        ]
        assert links == ["anon_inode:bpf-prog", "anon_inode:bpf-map"]
        assert ctypes.sizeof(state.State) < committed.state_size
    finally:
        os.close(loaded.prog_fd)
        os.close(loaded.state_fd)


@pytest.mark.parametrize(
    ("release", "remedy"),
    [
        ("5.10.0-46-cloud-amd64", "Linux 5.17 or later"),
        ("6.1.0-50-amd64", "a seccomp filter or a security module may be why"),
    ],
)
@pytest.mark.root
def test_a_kernel_that_is_too_old_says_so_whatever_it_answers(
    release: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5.10 says EPERM: the state is more memory than RLIMIT_MEMLOCK lets root lock."""
    machine = os.uname()
    named = os.uname_result((machine.sysname, machine.nodename, release, *machine[3:]))
    monkeypatch.setattr(os, "uname", lambda: named)
    monkeypatch.setattr(LightSkeleton, "load", refuse)
    with pytest.raises(BackendUnavailable) as failed:
        loaded.LoadedProgram()
    assert failed.value.remedy == remedy


@pytest.mark.root
@pytest.mark.parametrize(
    "words",
    [
        "unknown func bpf_probe_read_kernel#113",
        "program of this type cannot use helper bpf_probe_read_kernel#113",
    ],
)
def test_lockdown_is_told_by_the_helper_it_takes_away(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux 6.1 and 6.12, booted with lockdown=confidentiality, refuse the loader with EINVAL."""

    def refused(*_: object, log_size: int = 0) -> NoReturn:
        raise LoadFailed(errno.EINVAL, f"17: (85) call {words}\n" if log_size else "")

    monkeypatch.setattr(LightSkeleton, "load", refused)
    with pytest.raises(BackendUnavailable, match="lockdown") as failed:
        loaded.LoadedProgram()
    assert failed.value.remedy == "boot without lockdown=confidentiality"


@pytest.mark.bpf
def test_a_refused_loader_comes_with_the_verifiers_words(committed: LightSkeleton) -> None:
    # exit without a value in r0
    broken = LightSkeleton(committed.data, bytes([0x95]) + bytes(7), committed.state_size)
    with pytest.raises(LoadFailed) as told:
        broken.load(log_size=1 << 16)
    assert "R0" in told.value.log


def refuse(*_: object, **__: object) -> NoReturn:
    raise LoadFailed(errno.EPERM)
