"""On which NUMA nodes pages lie: what is asked, and what becomes of the answers."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview import backends
from hpview.demo import Demo
from hpview.errors import AccessDenied, BackendUnavailable, NoSuchProcess
from hpview.host.nodes import NodeShare, by_node, memory_nodes
from hpview.kernelfs import move_pages
from hpview.kernelfs.move_pages import nodes_of
from hpview.machine import Stopped
from hpview.scan import scan
from hpview.space.runs import RUN
from hpview.wire import Backing
from tests.children import hugetlb_pool
from tests.fakeproc import FakeProc
from tests.ordinary import ordinary
from tests.records import GIB, MIB

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hpview.wire import Records

_SIZE = {Backing.PMD_2M: 2 * MIB, Backing.PUD_1G: GIB, Backing.PTE_4K: 4096}


def runs(*rows: tuple[int, int, Backing]) -> Records:
    out = np.zeros(len(rows), dtype=RUN)
    for row, (start, end, backing) in zip(out, rows, strict=True):
        row["start"], row["end"], row["backing"] = start, end, backing
    return out


class Kernel:
    """Tells nodes of addresses, and notes what it was asked."""

    def __init__(self, node: int = 0) -> None:
        self.node = node
        self.asked: list[int] = []

    def __call__(self, _pid: int, addresses: NDArray[np.uint64]) -> NDArray[np.int32]:
        self.asked += addresses.tolist()
        return np.array([self.told(address) for address in addresses.tolist()], np.int32)

    def told(self, address: int) -> int:
        """1 in the upper GiB, gone in the first 2 MiB, else ``node``."""
        if address < 2 * MIB:
            return -errno.ENOENT
        return 1 if address >= 8 * GIB else self.node


def tree(path: Path, nodes: str) -> Path:
    fake = FakeProc(path)
    fake.write_sys("devices/system/node/has_memory", nodes + "\n")
    return fake.sys


def test_huge_bytes_by_node(tmp_path: Path) -> None:
    kernel = Kernel(node=3)
    found = by_node(
        42,
        runs(
            (0, 4 * MIB, Backing.PMD_2M),
            (4 * MIB, 6 * MIB, Backing.PTE_4K),
            (6 * MIB, 8 * MIB, Backing.SWAP),
            (6 * GIB, 7 * GIB, Backing.PUD_1G),
            (8 * GIB, 8 * GIB + 6 * MIB, Backing.PMD_2M),
        ),
        asking=kernel,
        sysfs=tree(tmp_path, "0-1"),
    )
    assert found.shares == (
        NodeShare(0, 0, 0, None),
        NodeShare(1, 6 * MIB, 0, None),
        NodeShare(3, 2 * MIB, GIB, None),
    )
    assert found.unknown == 2 * MIB
    assert found.asked == 6 == len(kernel.asked)
    assert found.pid == 42


def test_small_pages_when_they_are_wanted(tmp_path: Path) -> None:
    """Those that are not there are no memory of an unknown node."""
    rows = runs((MIB, 3 * MIB, Backing.PTE_4K), (8 * GIB, 8 * GIB + 4096, Backing.PTE_4K))
    found = by_node(42, rows, True, asking=Kernel(), sysfs=tree(tmp_path, "0,1"))
    assert found.shares == (NodeShare(0, 0, 0, MIB), NodeShare(1, 0, 0, 4096))
    assert found.unknown == 0
    assert found.asked == 513


_SPANS = st.lists(
    st.tuples(st.integers(1, 3000), st.integers(0, 3000), st.sampled_from([*Backing])), max_size=12
)


@given(_SPANS, st.booleans())
def test_one_address_a_page(spans: list[tuple[int, int, Backing]], small: bool) -> None:
    """Against a list made page by page; runs begin and end anywhere."""
    rows, at, expected = [], 0, []
    for length, gap, backing in spans:
        at += gap * 4096
        end = at + length * 4096
        rows.append((at, end, backing))
        if backing in (Backing.PMD_2M, Backing.PUD_1G) or (small and backing == Backing.PTE_4K):
            size = _SIZE[backing]
            expected += sorted({max(p // size * size, at) for p in range(at, end, 4096)})
        at = end
    kernel = Kernel()
    by_node(1, runs(*rows), small, asking=kernel)
    assert sorted(kernel.asked) == expected


def test_very_many_pages_are_asked_for_piece_by_piece() -> None:
    sizes: list[int] = []

    def asking(_pid: int, addresses: NDArray[np.uint64]) -> NDArray[np.int32]:
        sizes.append(len(addresses))
        return np.zeros(len(addresses), np.int32)

    found = by_node(1, runs((0, 100 * GIB, Backing.PMD_2M)), asking=asking)
    assert found.asked == 51200 == sum(sizes)
    assert max(sizes) == 1 << 14
    assert found.shares[0].bytes_2m == 100 * GIB
    with pytest.raises(Stopped):
        by_node(1, runs((0, GIB, Backing.PMD_2M)), False, lambda: True, asking=asking)


@pytest.mark.parametrize(
    ("words", "nodes"), [("0", (0,)), ("0-2,5", (0, 1, 2, 5)), ("", ()), ("0,2", (0, 2))]
)
def test_nodes_with_memory(tmp_path: Path, words: str, nodes: tuple[int, ...]) -> None:
    assert memory_nodes(tree(tmp_path, words)) == nodes


def test_a_kernel_without_numa(tmp_path: Path) -> None:
    assert memory_nodes(tmp_path) == ()
    assert by_node(1, runs(), asking=Kernel(), sysfs=tmp_path).shares == ()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ESRCH, NoSuchProcess),
        (errno.EINVAL, NoSuchProcess),
        (errno.EPERM, AccessDenied),
        (errno.ENOSYS, BackendUnavailable),
        (errno.ENOMEM, OSError),
    ],
)
def test_why_the_kernel_does_not_tell(code: int, error: type[Exception]) -> None:
    assert isinstance(move_pages._failure(code, 42), error)


def test_where_the_number_of_the_call_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(BackendUnavailable, match="vax"):
        nodes_of(os.getpid(), np.zeros(1, np.uint64))


def test_a_process_that_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(NoSuchProcess):
        nodes_of(gone.pid, np.zeros(1, np.uint64))


def test_the_real_nodes_of_a_process_come_to_what_it_has() -> None:
    """Every page that is there lies somewhere; zero pages and swapped ones do not."""
    backend, _ = backends.choose("procfs")
    pool = hugetlb_pool(4) if os.geteuid() == 0 else nullcontext()
    with pool, Demo.spawn() as demo:
        assert os.geteuid() or demo.region("hugetlb 2 MB")
        space = scan(backends.readers(backend), demo.pid).space
        found = by_node(demo.pid, space.runs, True)
    totals = space.totals
    assert sum(share.bytes_2m for share in found.shares) == totals.bytes_2m > 0
    assert sum(share.bytes_1g for share in found.shares) == totals.bytes_1g
    assert sum(share.bytes_4k or 0 for share in found.shares) == totals.bytes_4k > 0
    assert found.unknown == 0
    assert {share.node for share in found.shares} == {*memory_nodes()}


@pytest.mark.root
def test_an_ordinary_user_may_not_ask_about_others() -> None:
    through, python = ordinary()
    code = f"""
import numpy as np
from hpview.errors import AccessDenied
from hpview.kernelfs.move_pages import nodes_of
try:
    nodes_of({os.getpid()}, np.zeros(1, np.uint64))
except AccessDenied as err:
    print(err)
"""
    done = subprocess.run(
        [*through, python, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == (f"process {os.getpid()} may not be read: run as its user or as root\n")
