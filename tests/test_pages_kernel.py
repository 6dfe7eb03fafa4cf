"""Whole processes: the same as page by page, and as thpmaps where it is at hand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from hpview.errors import NoSuchProcess, NotAProcess
from hpview.export import thpmaps
from hpview.kernelfs.pagemap import Pagemap, supported
from hpview.pages import populated, process
from hpview.pages.folios import Kind, Place
from hpview.wire import SLOT_PAGES, SLOT_SIZE
from tests import naive_folios
from tests.children import child, hugetlb_pool
from tests.folio_targets import (
    ANON,
    FILES,
    HUGETLB,
    RESERVATION,
    SMALL_FOLIOS,
    THP,
    folio_sizes,
)
from tests.kernel_targets import AREA, PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.pages.process import ProcessFolios

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not (THP / "enabled").exists(), reason="a kernel without THP"),
]

REFERENCE: Final = os.environ.get("HPVIEW_THPMAPS", "")
TARGETS: Final = {"anon": ANON, "files": FILES, "hugetlb": HUGETLB}
if (THP / "hugepages-64kB").exists():
    TARGETS["small folios"] = SMALL_FOLIOS

WAYS: Final = [False, *([True] if supported() else [])]
CHECKS: Final = ["page by page", *(["thpmaps"] if REFERENCE else [])]


@pytest.fixture(scope="module", params=TARGETS)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """A stopped process; as much as it takes of hugetlb is there for all of them."""
    cwd = tmp_path_factory.mktemp("a folder")
    with folio_sizes(), hugetlb_pool(4), child(TARGETS[request.param], cwd=cwd) as started:
        os.kill(started.pid, signal.SIGSTOP)
        yield started.pid


def per_vma(folios: ProcessFolios) -> list[dict[str, int]]:
    """Labelled kB of the VMAs that thpmaps counts."""
    out = []
    for i in np.flatnonzero(folios.counted).tolist():
        pages = np.zeros((2, len(folios.totals()[0])), np.int64)
        rows = folios.table[folios.table["vma"] == i]
        pages.ravel()[rows["column"]] = rows["pages"]
        labelled = {label: kb for label, (_, kb) in thpmaps.stats(pages).items() if kb}
        out.append(labelled)
    return out


def while_still(target: int, scan: bool) -> tuple[ProcessFolios, list[naive_folios.Vma]]:
    """Both readings of a stopped process between two equal ones: compaction moves its pages."""
    for _ in range(20):
        before = process.read(target, scan=scan)
        expected = naive_folios.process(target)
        if process.read(target, scan=scan).table.tolist() == before.table.tolist():
            break
    return before, expected


@pytest.mark.parametrize("scan", WAYS)
def test_like_page_by_page(target: int, scan: bool) -> None:
    folios, expected = while_still(target, scan)
    assert folios.complete
    assert folios.layout.first.tolist() == [vma.start // 4096 for vma in expected]
    assert (folios.rss * 4).tolist() == [vma.rss for vma in expected]
    assert (folios.anon * 4).tolist() == [vma.anon for vma in expected]
    assert per_vma(folios) == [
        naive_folios.labelled(vma.found)
        for vma, is_counted in zip(expected, folios.counted.tolist(), strict=True)
        if is_counted
    ]
    assert any(per_vma(folios))


if REFERENCE:

    @pytest.mark.parametrize("rollup", [False, True])
    @pytest.mark.parametrize("scan", WAYS)
    def test_like_thpmaps(target: int, scan: bool, rollup: bool) -> None:
        command = [sys.executable, REFERENCE, "--pid", str(target), *["--rollup"][:rollup]]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        mine = list(thpmaps.lines(process.read(target, scan=scan), rollup=rollup))
        expected = printed.splitlines()
        assert [without_lost_name(line) for line in mine] == [
            without_lost_name(line) for line in expected
        ]


def without_lost_name(line: str) -> str:
    """A line as thpmaps prints it: names with spaces are lost."""
    head = re.match(r"\d{10}: (\S+ ){5}", line)
    return head[0] if head and " " in line[head.end() :] else line


@pytest.mark.parametrize("scan", WAYS)
def test_batches_do_not_show(target: int, scan: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = process.read(target, scan=scan)
    for pages in (1, 300):
        monkeypatch.setattr(populated, "BATCH_PAGES", pages)
        monkeypatch.setattr(populated, "WINDOW", 512)
        monkeypatch.setattr(populated, "SCAN_PAGES", 700)
        again = process.read(target, scan=scan)
        assert again.table.tolist() == whole.table.tolist()
        assert again.rss.tolist() == whole.rss.tolist()


@pytest.mark.skipif(not supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")
def test_a_reservation_costs_nothing() -> None:
    with child(RESERVATION) as started:
        process.read(started.pid)
        tracemalloc.start()
        try:
            folios = process.read(started.pid)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    totals = folios.totals()
    assert totals[Kind.ANON, Place.PARTIAL] == SLOT_PAGES - 1
    assert totals[Kind.ANON, Place.PMD] == SLOT_PAGES
    assert (1 << 28) in (folios.layout.last - folios.layout.first).tolist()
    assert peak < 8 << 20


@pytest.mark.skipif(not supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")
def test_a_scan_cut_within_a_leaf_goes_on_at_its_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    code = PRELUDE + "area(4 * M, HUGEPAGE)\ntouch(0)\ntouch(1)\ntouch(3)\n"
    monkeypatch.setattr(populated, "SCAN_PAGES", 700)
    with child(code) as started, Pagemap(started.pid) as pagemap:
        batches = list(populated.scanned(pagemap, AREA, AREA + 4 * SLOT_SIZE))
    leaves = np.concatenate([batch.leaf_vfns for batch in batches])
    assert (leaves - AREA // 4096).tolist() == [0, 512, 1536]
    assert sum(len(batch.vfns) for batch in batches) == 0


def test_windows_bridge_small_gaps_and_no_leaf() -> None:
    starts = np.array([0, 10, 600, 100_000])
    ends = np.array([5, 90, 700, 300_000])
    assert list(populated.windows(starts, ends)) == [
        (0, 90),
        (600, 100),
        (100_000, 65536),
        (165_536, 65536),
        (231_072, 65536),
        (296_608, 3392),
    ]
    assert populated.BRIDGE < SLOT_PAGES


def test_a_dead_leader_is_read_through_another_thread() -> None:
    code = PRELUDE + (
        "area(2 * M, HUGEPAGE)\ntouch(0)\n"
        "def live():\n"
        "    while open('/proc/self/stat').read().rpartition(')')[2].split()[0] != 'Z': pass\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.read()\n"
        "threading.Thread(target=live).start()\n"
        "libc.pthread_exit(None)\n"
    )
    with child(code) as started:
        folios = process.read(started.pid)
    assert folios.totals()[Kind.ANON, Place.PMD] == SLOT_PAGES
    assert folios.pid == started.pid


@pytest.mark.skipif(not supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")
def test_exec_meanwhile_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    then = "os.execv(sys.executable, [sys.executable, '-c', 'import signal; signal.pause()'])"
    with child(PRELUDE + "area(2 * M, HUGEPAGE)\ntouch(0)\n", then=then) as started:

        def scanned(pagemap: Pagemap, start: int, end: int) -> Iterator[populated.Batch]:
            reads.append(pagemap)
            if len(reads) == 1:
                assert started.stdin is not None
                started.stdin.close()
                while process._alive(pagemap):
                    pass
                return iter(())
            return populated.scanned(pagemap, start, end)

        monkeypatch.setattr(process, "scanned", scanned)
        folios = process.read(started.pid)
        assert len(reads) == 2
        assert folios.complete
        assert AREA // 4096 not in folios.layout.first.tolist()
        monkeypatch.setattr(process, "_alive", lambda _: False)
        assert not process.read(started.pid).complete


def test_what_cannot_be_read_is_told() -> None:
    with child(PRELUDE + "threading.Thread(target=sys.stdin.read).start()") as started:
        tid = max(int(name) for name in os.listdir(f"/proc/{started.pid}/task"))
        with pytest.raises(NotAProcess):
            process.read(tid)
    with pytest.raises(NoSuchProcess):
        process.read(started.pid)


def test_an_ordinary_user_is_told_what_it_takes() -> None:
    code = (
        "import os\nfrom hpview.errors import BackendUnavailable\n"
        "from hpview.pages import process\n"
        "os.setgroups([])\nos.setuid(65534)\n"
        "try:\n    process.read(os.getpid())\n"
        "except BackendUnavailable as err:\n    print(err)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "/proc/kpageflags is not available: Permission denied; folio sizes need root\n"
    )
