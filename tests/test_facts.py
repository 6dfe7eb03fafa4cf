"""Names read along with the stream: those of this moment, whatever happened meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.errors import NoSuchProcess
from hpview.facts import FactsReader, StreamedFacts, TextFacts
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.task import is_zombie, threads
from tests.children import child
from tests.kernel_targets import PRELUDE
from tests.mutant import ARENA, mutant
from tests.test_kernel_processes import ZOMBIE_LEADER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PAGE = 4096
READERS = [StreamedFacts, TextFacts]
NASTY = b"with\rreturn \x1b[31m\xff and\nnewline"


def starts_of(pid: int) -> NDArray[np.uint64]:
    return np.array([m.start for m in read_maps(pid)], np.uint64)


def names(reader: FactsReader, starts: NDArray[np.uint64]) -> dict[int, str]:
    return {m.start: m.name for m in reader.lookup(starts) if m.name}


@pytest.mark.parametrize("open_reader", READERS)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_every_name_is_found_whatever_the_portions(
    open_reader: Callable[[int], FactsReader], step: int, tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/" + NASTY
    code = f"import mmap, os; p = {path!r}; f = open(p, 'w+b'); f.truncate(4096)\n"
    code += "m = mmap.mmap(f.fileno(), 4096); os.unlink(p)"
    with child(code) as target:
        expected = {m.start: m.name for m in read_maps(target.pid) if m.name}
        starts = starts_of(target.pid)
        reader = open_reader(target.pid)
        found: dict[int, str] = {}
        for at in range(0, len(starts), step):
            found |= names(reader, starts[at : at + step])
        reader.close()
    assert found == expected
    assert any("\r" in name and name.endswith(" (deleted)") for name in found.values())


def test_what_is_asked_for_again_is_looked_up_anew() -> None:
    with mutant() as target:
        target.do("map", ARENA, 4 * PAGE, 3)
        reader = StreamedFacts(target.pid)
        starts = starts_of(target.pid)
        assert ARENA not in names(reader, starts)
        target.do("file", ARENA, 4 * PAGE, 3, 0)
        assert "memfd:target" in names(reader, np.array([ARENA], np.uint64))[ARENA]
        target.do("unmap", ARENA, 4 * PAGE)
        assert reader.lookup(np.array([ARENA], np.uint64)) == []
        reader.close()


def test_after_an_exec_the_names_are_those_of_the_new_image() -> None:
    with mutant() as target:
        reader = StreamedFacts(target.pid)
        reader.lookup(starts_of(target.pid)[:3])
        target.do("exec")
        starts = starts_of(target.pid)
        expected = {m.start: m.name for m in read_maps(target.pid) if m.name}
        assert names(reader, starts) == expected
        reader.close()


@pytest.mark.parametrize("open_reader", READERS)
def test_a_process_that_exits_has_no_names(open_reader: Callable[[int], FactsReader]) -> None:
    with child("") as target:
        reader = open_reader(target.pid)
        starts = starts_of(target.pid)
        target.kill()
        target.wait()
        assert reader.lookup(starts[:1] + np.uint64(1)) == []
        reader.close()
        with pytest.raises(NoSuchProcess):
            open_reader(target.pid)


@pytest.mark.parametrize("open_reader", READERS)
def test_a_leader_that_has_exited_has_the_names_of_its_threads(
    open_reader: Callable[[int], FactsReader],
) -> None:
    with child(PRELUDE + ZOMBIE_LEADER) as target:
        tid = next(t for t in threads(target.pid) if not is_zombie(target.pid, t))
        maps = read_maps(tid, PROC / str(target.pid) / "task")
        reader = open_reader(target.pid)
        found = names(reader, np.array([m.start for m in maps], np.uint64))
        reader.close()
    assert found == {m.start: m.name for m in maps if m.name}
    assert "[stack]" in found.values()
