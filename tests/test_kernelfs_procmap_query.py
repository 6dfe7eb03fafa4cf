"""PROCMAP_QUERY against real processes, and what it says when they are gone."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from hpview.errors import BackendUnavailable, NoSuchProcess
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.procmap_query import MapsQuery, supported
from hpview.wire import VmFlag
from tests.children import child, hugetlb_pool
from tests.fakeproc import FakeProc

if TYPE_CHECKING:
    from pathlib import Path

needs_query = pytest.mark.skipif(not supported(), reason="no PROCMAP_QUERY (Linux 6.11)")


@needs_query
def test_covering_or_next_and_exact() -> None:
    with child("") as process, MapsQuery(process.pid) as maps:
        text = read_maps(process.pid)
        before, after = next((a, b) for a, b in pairwise(text) if a.end < b.start)
        inside = maps.query(before.end - 1)
        assert inside is not None
        assert (inside.start, inside.end, inside.name) == (before.start, before.end, before.name)
        assert inside.page_size == 4096
        following = maps.query(before.end)
        assert following is not None
        assert following.start == after.start
        assert maps.query(before.end, exact=True) is None
        exact = maps.query(after.start, exact=True)
        assert exact is not None
        assert exact.start == after.start
        assert maps.query(text[-1].end) is None
        assert maps.query_raw(text[-1].end) is None


@needs_query
def test_without_the_name_all_else_is_the_same() -> None:
    with child("") as process, MapsQuery(process.pid) as maps:
        for mapping in read_maps(process.pid):
            bare = maps.query(mapping.start, name=False)
            raw = maps.query_raw(mapping.start)
            assert bare is not None
            assert raw is not None
            assert bare.name == ""
            assert (bare.start, bare.end, bare.offset) == (
                mapping.start,
                mapping.end,
                mapping.offset,
            )
            assert (bare.vm_flags, bare.dev, bare.ino) == (
                mapping.vm_flags,
                mapping.dev,
                mapping.ino,
            )
            assert raw[:2] == (mapping.start, mapping.end)
            assert raw[6] << 20 | raw[7] == mapping.dev


@needs_query
def test_an_exec_is_told_while_the_pid_lives_on() -> None:
    new = "print('new', flush=True); import signal; signal.pause()"
    again = f"import os; os.execv({sys.executable!r}, ['x', '-c', {new!r}])"
    with child("", then=again) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with MapsQuery(process.pid) as maps:
            process.stdin.close()
            assert process.stdout.readline() == b"new\n"
            with pytest.raises(NoSuchProcess):
                maps.query_raw(0)
            with pytest.raises(NoSuchProcess):
                maps.query(0)
        with MapsQuery(process.pid) as maps:
            assert maps.query_raw(0) is not None


@needs_query
def test_an_exit_is_told() -> None:
    with child("") as process, MapsQuery(process.pid) as maps:
        process.kill()
        process.wait()
        with pytest.raises(NoSuchProcess):
            maps.query(0, name=False)
        with pytest.raises(NoSuchProcess):
            MapsQuery(process.pid)


def test_a_kernel_without_it_is_told(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(os.getpid())
    assert not supported(fake.proc)
    assert not supported(tmp_path / "nowhere")
    with MapsQuery(os.getpid(), fake.proc) as maps:
        with pytest.raises(BackendUnavailable) as caught:
            maps.query(0)
        assert "6.11" in caught.value.remedy


def test_a_closed_one_refuses() -> None:
    maps = MapsQuery(os.getpid())
    maps.close()
    maps.close()
    with pytest.raises(ValueError, match="file descriptor"):
        maps.query_raw(0)


@needs_query
@pytest.mark.root
def test_hugetlb_tells_its_page_size() -> None:
    code = "import mmap; m = mmap.mmap(-1, 4 << 20, flags=0x40022)"
    with hugetlb_pool(2), child(code) as process, MapsQuery(process.pid) as maps:
        found = [
            answer
            for mapping in read_maps(process.pid)
            if (answer := maps.query(mapping.start)) and answer.page_size == 2 << 20
        ]
        assert len(found) == 1
        assert found[0].vm_flags & VmFlag.HUGETLB
        assert found[0].end - found[0].start == 4 << 20
