"""What ``hpview scan`` says of the demo process, against the kernel's own accounting."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hpview import assembly
from hpview.demo import Demo
from hpview.export import json as export_json
from hpview.export import maps
from hpview.kernelfs.smaps import read_smaps
from hpview.scan import scan
from hpview.text import encode
from tests.children import hugetlb_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.scan import Scan

BACKENDS = [pytest.param("bpf", marks=pytest.mark.bpf), "procfs"]
GIB = 1 << 30


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo process, with hugetlb where a pool can be had, and stopped."""
    if os.geteuid() == 0:
        with hugetlb_pool(8), Demo.spawn() as target:
            yield _stopped(target)
    else:
        with Demo.spawn() as target:
            yield _stopped(target)


def _stopped(target: Demo) -> Demo:
    os.kill(target.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
    return target


def _scan(backend: str, pid: int) -> Scan:
    with closing(assembly.services(backend)) as services:
        return scan(services, pid)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_vma_equals_smaps(backend: str, demo: Demo) -> None:
    result = _scan(backend, demo.pid)
    vmas = result.space.vmas
    smaps = read_smaps(demo.pid)
    table = smaps.table
    assert result.complete
    assert vmas["start"].tolist() == table["start"].tolist()
    hugetlb_2m = table["hugetlb"] * (table["page_size"] < GIB)
    hugetlb_1g = table["hugetlb"] * (table["page_size"] == GIB)
    assert vmas["bytes_2m"].tolist() == (smaps.pmd_mapped + hugetlb_2m).tolist()
    assert vmas["bytes_1g"].tolist() == hugetlb_1g.tolist()
    assert (vmas["bytes_2m"] + vmas["bytes_4k"] - hugetlb_2m).tolist() == table["rss"].tolist()
    assert vmas["bytes_swap"].tolist() == table["swap"].tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_region_is_as_the_demo_built_it(backend: str, demo: Demo) -> None:
    scanned = export_json.scan_object(_scan(backend, demo.pid))
    names = {r.name for r in demo.regions}
    assert {"THP, all 2 MB", "THP with holes", "THP without access"} <= names
    for region in demo.regions:
        inside = [v for v in scanned["vmas"] if region.start <= int(v["start"], 16) < region.end]
        for key in ("bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap"):
            assert sum(v[key] for v in inside) == getattr(region.expect, key), (region.name, key)
            _check_runs(inside)


def _check_runs(vmas: list[dict[str, Any]]) -> None:
    """A VMA's runs add up to its sums."""
    for vma in vmas:
        sums = {"2M": 0, "1G": 0, "4k": 0, "swap": 0}
        for run in vma["runs"]:
            start, end = int(run["start"], 16), int(run["end"], 16)
            slots = ((end - 1) >> 21) - (start >> 21) + 1
            sums[run["backing"]] += slots * run["present"] * 4096
            sums["swap"] += slots * run["swapped"] * 4096
        assert sums == {
            "2M": vma["bytes_2m"],
            "1G": vma["bytes_1g"],
            "4k": vma["bytes_4k"],
            "swap": vma["bytes_swap"],
        }


@pytest.mark.root
def test_the_demo_has_hugetlb_when_the_pool_has(demo: Demo) -> None:
    region = demo.region("hugetlb 2 MB")
    assert region is not None
    assert region.expect.bytes_2m > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_untouched_reservation_is_free_of_charge(backend: str, demo: Demo) -> None:
    region = demo.region("1 TiB reserved, a few pages")
    assert region is not None
    result = _scan(backend, demo.pid)
    vma = result.space.vmas[result.space.index_at(region.start)]
    assert int(vma["end"]) - int(vma["start"]) == 1 << 40
    assert 0 < vma["bytes_4k"] == region.expect.bytes_4k < 1 << 20


@pytest.mark.parametrize("backend", BACKENDS)
def test_maps_format_is_maps_byte_for_byte(backend: str, demo: Demo) -> None:
    ours = b"".join(encode(line) + b"\n" for line in maps.lines(_scan(backend, demo.pid).space))
    theirs = Path(f"/proc/{demo.pid}/maps").read_bytes()
    assert ours == b"".join(
        line for line in theirs.splitlines(keepends=True) if b"[vsyscall]" not in line
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_json_has_the_documented_shape(backend: str, demo: Demo) -> None:
    scanned = json.loads(export_json.dumps(export_json.scan_object(_scan(backend, demo.pid))))
    assert list(scanned) == [
        "schema",
        "pid",
        "comm",
        "source",
        "complete",
        "page_size",
        "slot_size",
        "chunks",
        "totals",
        "vmas",
    ]
    assert scanned["schema"] == "hpview.scan/1"
    assert scanned["pid"] == demo.pid
    assert scanned["source"] == {"bpf": "bpf", "procfs": "pagemap_scan"}[backend]
    assert list(scanned["totals"]) == ["bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap", "vmas"]
    assert list(scanned["vmas"][0]) == [
        "start",
        "end",
        "perms",
        "offset",
        "dev",
        "inode",
        "name",
        "bytes_2m",
        "bytes_1g",
        "bytes_4k",
        "bytes_swap",
        "runs",
    ]
    runs = [run for vma in scanned["vmas"] for run in vma["runs"]]
    assert set(runs[0]) == {"start", "end", "backing", "present", "swapped"}
    assert {run["backing"] for run in runs} <= {"1G", "2M", "4k", "swap"}
    for key in ("bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap"):
        assert scanned["totals"][key] == sum(vma[key] for vma in scanned["vmas"])
