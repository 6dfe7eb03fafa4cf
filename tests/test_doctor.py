"""The doctor tells the truth, here and on machines made of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hpview.acting import madvise
from hpview.doctor import Finding, access, acting, examine, render, settings, source
from hpview.errors import BackendUnavailable
from hpview.kernelfs import kpageflags, pagemap, procmap_query
from hpview.wire import Source
from tests.fakeproc import PF_KTHREAD, FakeProc

if TYPE_CHECKING:
    from pathlib import Path


def failing() -> None:
    raise BackendUnavailable(
        "bpf", "the verifier refused it", remedy="Linux 6.1", details=("R1 \x1b[31m", "insn 7")
    )


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def test_of_this_machine() -> None:
    findings = {finding.name: finding for finding in examine(load_bpf=lambda: None)}
    assert len(findings) == 19
    assert findings[access.BPF].state == "yes"
    assert (findings[access.SCAN].state != "no") == pagemap.supported()
    assert (findings[access.QUERY].state == "yes") == procmap_query.supported()
    assert findings[access.SMAPS].state == "yes"
    assert findings["kernel"].detail.startswith("Linux")
    if os.geteuid() == 0:
        assert findings["capabilities"].state != "no"
    else:
        assert findings[access.PAGE_FLAGS].state == "no"
        assert findings[access.PAGE_FLAGS].remedy


def test_collapsing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        assert acting.collapsing().state == "yes"
    monkeypatch.setattr(madvise, "_NUMBERS", {})
    found = acting.collapsing()
    assert found.state == "no"
    assert found.remedy == "Linux 5.10 or later"


@pytest.mark.root
def test_root_reads_page_flags_and_frame_numbers() -> None:
    findings = {finding.name: finding.state for finding in examine(patience=0.0)}
    assert findings[access.PAGE_FLAGS] == findings[access.PFNS] == "yes"
    assert findings[access.BPF] == "no"


def test_of_a_machine_with_nothing(fake: FakeProc) -> None:
    fake.add_process(
        os.getpid(),
        pagemap=bytes(8),
        status=b"Name:\tx\nTgid:\t1\nUid:\t0\t0\nCapEff:\t0000000000000000\nCapBnd:\t0\n",
    )
    findings = {
        finding.name: finding
        for finding in examine(
            fake.proc, fake.sys, load_bpf=failing, environ={}, encoding="ascii", patience=0.0
        )
    }
    assert {name for name, finding in findings.items() if finding.state == "yes"} <= {
        "kernel", "page sizes", access.OTHERS, acting.COLLAPSING,
    }  # fmt: skip
    assert findings[access.SCAN].remedy == "Linux 6.7 or later"
    assert findings[access.QUERY].remedy == "Linux 6.11 or later"
    assert findings[access.EVENTS].state == "no"
    assert source(list(findings.values())) == Source.NONE


def test_loading_bpf() -> None:
    assert access.bpf(None).detail == "not tried"
    assert access.bpf(lambda: None).state == "yes"
    refused = access.bpf(failing)
    assert refused.state == "no"
    assert refused.detail.splitlines() == ["the verifier refused it", "R1 \x1b[31m", "insn 7"]
    assert refused.remedy == "Linux 6.1"


def test_page_flags_follow_the_file(fake: FakeProc) -> None:
    assert access.page_flags(fake.proc).state == "no"
    (fake.proc / "kpageflags").write_bytes(bytes(8))
    assert access.page_flags(fake.proc).state == "yes"
    assert kpageflags.PageFlag.THP


@pytest.mark.parametrize(
    ("mode", "state", "remedy"),
    [
        ("[always] madvise never", "yes", False),
        ("always [madvise] never", "partly", True),
        ("always madvise [never]", "no", True),
    ],
)
def test_the_mode(fake: FakeProc, mode: str, state: str, remedy: bool) -> None:
    fake.write_sys("kernel/mm/transparent_hugepage/enabled", mode + "\n")
    finding = settings.transparent(fake.sys)
    assert finding.state == state
    assert bool(finding.remedy) == remedy


def test_pools_swap_and_sizes(fake: FakeProc) -> None:
    assert settings.hugetlb(fake.sys).state == "no"
    for name in ("nr", "free", "resv", "surplus"):
        fake.write_sys(f"kernel/mm/hugepages/hugepages-2048kB/{name}_hugepages", "3\n")
    assert settings.hugetlb(fake.sys).detail == "2.0 MiB: 3 of 3 free"
    assert settings.hugetlb(fake.sys).state == "yes"

    fake.write_proc("swaps", "Filename Type Size Used Priority\n")
    assert settings.swap(fake.proc).state == "no"
    fake.write_proc("swaps", "Filename Type Size Used Priority\n/swap file 1 0 -2\n")
    assert settings.swap(fake.proc).state == "yes"

    assert settings.folio_sizes(fake.sys).state == "no"
    for size, mode in ((64, "[always] never"), (2048, "[inherit] never"), (32, "always [never]")):
        fake.write_sys(f"kernel/mm/transparent_hugepage/hugepages-{size}kB/enabled", mode)
    assert settings.folio_sizes(fake.sys).detail == "always: 64K; inherit: 2.0M; never: 32K"


def test_large_pages_of_the_machine_are_refused(fake: FakeProc) -> None:
    fake.write_sys("kernel/mm/transparent_hugepage/hpage_pmd_size", str(32 << 20))
    assert settings.page_sizes(fake.sys).state == "no"


def test_capabilities(fake: FakeProc) -> None:
    every = sum(1 << bit for bit in (12, 19, 21, 23, 24, 38, 39))
    directory = fake.add_process(os.getpid())
    for effective, state in ((every, "yes"), (1 << 39 | 1 << 38, "partly"), (1 << 63, "no")):
        (directory / "status").write_bytes(b"Name:\tx\nCapEff:\t%016x\n" % effective)
        finding = access.capabilities(fake.proc)
        assert finding.state == state
        assert bool(finding.remedy) == (state == "no")


def test_other_processes(fake: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.add_process(7, pagemap=b"")
    fake.add_process(2, flags=PF_KTHREAD)
    fake.add_process(3, state="Z")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert access.others(fake.proc).detail == "1 of 1 on this machine may be read"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert access.others(fake.proc).detail == "1 of 1 of other users may be read"
    fake.add_process(8)
    finding = access.others(fake.proc)
    assert (finding.state, finding.detail) == ("partly", "1 of 2 of other users may be read")
    assert "CAP_SYS_PTRACE" in finding.remedy


@pytest.mark.parametrize(
    ("options", "state"),
    [("rw,relatime", "yes"), ("rw,hidepid=0", "yes"), ("rw,hidepid=invisible,gid=1", "partly")],
)
def test_hidepid(fake: FakeProc, options: str, state: str) -> None:
    mounts = f"a / ext4 rw 0 0\nproc /proc proc {options} 0 0\n".encode()
    fake.add_process(os.getpid(), mounts=mounts)
    assert access.hidepid(fake.proc).state == state


def test_events_are_waited_for_no_longer_than_told() -> None:
    finding = access.process_events(0.0)
    assert finding.state == "no"
    assert "within 0 s" in finding.detail


@pytest.mark.root
def test_events_come_for_root() -> None:
    assert access.process_events(10.0).state == "yes"


@pytest.mark.parametrize(
    ("environ", "encoding", "state"),
    [
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, "utf-8", "yes"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "UTF-8", "partly"),
        ({"TERM": "xterm", "LANG": "C"}, "ascii", "partly"),
        ({"TERM": "dumb"}, "utf-8", "partly"),
    ],
)
def test_the_terminal(environ: dict[str, str], encoding: str, state: str) -> None:
    assert settings.terminal(environ, encoding).state == state


@pytest.mark.parametrize(
    ("usable", "expected"),
    [
        ({access.BPF, access.SCAN}, Source.BPF),
        ({access.SCAN, access.SMAPS}, Source.PAGEMAP_SCAN),
        ({access.PFNS, access.PAGE_FLAGS, access.SMAPS}, Source.PAGEMAP_KPAGEFLAGS),
        ({access.PFNS, access.SMAPS}, Source.SMAPS),
        (set(), Source.NONE),
    ],
)
def test_the_source_is_the_best_there_is(usable: set[str], expected: Source) -> None:
    names = (access.BPF, access.SCAN, access.PFNS, access.PAGE_FLAGS, access.SMAPS)
    findings = [Finding(name, "yes" if name in usable else "no", "") for name in names]
    assert source(findings) == expected
    assert render(findings).endswith(f"source that will be used: {expected.label}")


def test_it_is_rendered_aligned_and_printable() -> None:
    findings = [
        Finding("short", "yes", "fine"),
        Finding("a longer name", "partly", "first\nsecond \x1b[31m", "do this"),
        access.bpf(failing),
    ]
    assert render(findings, ascii_only=True).splitlines() == [
        "+ yes     short          fine",
        "~ partly  a longer name  first",
        "                         second \\x1b[31m",
        "                         would change it: do this",
        "- no      BPF iterator   the verifier refused it",
        "                         R1 \\x1b[31m",
        "                         insn 7",
        "                         would change it: Linux 6.1",
        "source that will be used: unavailable",
    ]
    assert render(findings).startswith("✓ yes ")
