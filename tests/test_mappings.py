"""VMAs by query and by text: alike, and of this moment whatever was read before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.errors import NoSuchProcess
from hpview.kernelfs import hugetlbfs, procmap_query
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import Mapping, MapsText, format_line
from hpview.kernelfs.procmap_query import MapsQuery
from hpview.stream.mappings import Lines, QueryMappings, TextMappings
from hpview.stream.task_vma import Vma
from hpview.wire import PAGE_SIZE, VmFlag
from tests.children import child
from tests.mutant import mutant
from tests.paged import area, paged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.mappings import Mappings

live = pytest.mark.skipif(not procmap_query.supported(), reason="no PROCMAP_QUERY (Linux 6.11)")


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    with paged() as process:
        yield process.pid


def one_by_one(mappings: Mappings) -> list[Vma]:
    mappings.refresh()
    found = []
    vma = mappings.find_vma(0)
    while vma is not None:
        found.append(vma)
        vma = mappings.find_vma(vma.end)
    return found


def in_bulk(mappings: Mappings, count: int) -> list[Vma]:
    """All of them, so many at a time, each time as the next read() would begin."""
    found: list[Vma] = []
    while True:
        mappings.refresh()
        vma = mappings.find_vma(found[-1].end if found else 0)
        if vma is None:
            return found
        found += [vma, *(Vma(*row) for row in mappings.behind(vma, count).tolist())]


@live
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 30, 1000])
def test_text_and_queries_tell_the_same(pid: int, count: int) -> None:
    text = TextMappings(pid, PROC, hugetlbfs.page_sizes())
    with MapsQuery(pid) as maps, MapsText(pid) as lines:
        query = QueryMappings(maps, Lines(lines), {})
        expected = one_by_one(query)
        assert len(expected) > 40
        assert one_by_one(text) == expected
        assert in_bulk(query, count) == expected
        assert in_bulk(text, count) == expected
        start, end = area("thp")
        for address in (0, start - 1, start, end - 1, end, (1 << 47) - 1, (1 << 64) - 1):
            assert text.find_vma(address) == query.find_vma(address)


class Fake:
    """An address space as numbers, and both ways to ask for it.

    Attributes:
        vmas: Ascending.
        asked: Addresses of queries.
        since: Where maps goes on: 6.17 remembers the end of the last line, before that
            it was the start of the VMA behind it.
    """

    def __init__(self, vmas: list[Vma], *, remembers_end: bool) -> None:
        self.vmas = vmas
        self.asked: list[int] = []
        self.remembers_end = remembers_end
        self.at: int | None = 0
        self.ready = b""
        self.cut = b""

    def find(self, address: int) -> Vma | None:
        return next((v for v in self.vmas if v.end > address), None)

    def query_raw(self, address: int) -> tuple[int, int, int, int, int, int, int, int] | None:
        self.asked.append(address)
        v = self.find(address)
        if v is None:
            return None
        flags = v.vm_flags & 7 | (8 if v.vm_flags & VmFlag.MAYSHARE else 0)
        return v.start, v.end, flags, v.page_size, v.pgoff << 12, v.ino, v.dev >> 20, v.dev & 0xFFF

    @property
    def inside_line(self) -> bool:
        return bool(self.cut)

    def read(self, size: int) -> bytes | None:
        """As seq_read_iter(): lines until there are ``size`` bytes, the rest of one is kept."""
        while len(self.ready) < size and self.at is not None:
            v = self.find(self.at)
            if v is None:
                self.at = None
                break
            flags = v.vm_flags & ~int(VmFlag.HUGETLB)
            line = format_line(Mapping(v.start, v.end, flags, v.pgoff << 12, v.dev, v.ino, ""))
            self.ready += line.encode() + b"\n"
            behind = self.find(v.end)
            if self.remembers_end or behind is None:
                self.at = v.end
            else:
                self.at = behind.start
        data, self.ready = self.ready[:size], self.ready[size:]
        if not data:
            return None
        data = self.cut + data
        whole = data.rfind(b"\n") + 1
        self.cut = data[whole:]
        return data[:whole]


def fake(vmas: list[Vma], *, remembers_end: bool = True) -> tuple[Fake, QueryMappings]:
    space = Fake(vmas, remembers_end=remembers_end)
    return space, QueryMappings(space, Lines(space), {})  # type: ignore[arg-type]


def many(count: int) -> list[Vma]:
    return [Vma(i << 14, (i << 14) + 8192, 1 + 2 * (i % 2), 0, 0, 0, 4096) for i in range(count)]


def test_many_vmas_cost_two_queries_a_read() -> None:
    space, mappings = fake(many(5000))
    assert in_bulk(mappings, 499) == space.vmas
    reads = 5000 // 500
    assert len(space.asked) <= 3 * reads + 10


def test_few_vmas_are_asked_for() -> None:
    space, mappings = fake(many(50))
    first = mappings.find_vma(0)
    assert first is not None
    assert len(mappings.behind(first, 5)) == 5
    assert space.at == 0


HUGE = Vma(1 << 40, (1 << 40) + (2 << 21), 0x400083, 3, 7, 9, 2 << 20)


@pytest.mark.parametrize("ino", [9, 0], ids=["file", "first SysV segment"])
def test_the_page_size_of_a_device_is_asked_for_once(ino: int) -> None:
    other = [HUGE._replace(start=HUGE.end + i * HUGE.page_size) for i in range(30)]
    vmas = [v._replace(end=v.start + HUGE.page_size, ino=ino) for v in (HUGE, *other)]
    space, mappings = fake(many(20) + vmas)
    assert in_bulk(mappings, 1000) == space.vmas
    assert len(space.asked) < 8


letters = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from((1, 3, 5))),
    min_size=1,
    max_size=60,
)


def laid_out(parts: list[tuple[int, int, int]]) -> list[Vma]:
    """From (pages free, pages, flags), upwards from 4 KiB."""
    out, at = [], 1
    for gap, pages, flags in parts:
        start = (at + gap) * PAGE_SIZE
        out.append(Vma(start, start + pages * PAGE_SIZE, flags, 0, 0, 0, PAGE_SIZE))
        at += gap + pages
    return out


@settings(max_examples=80)
@given(
    letters,
    st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), letters)), max_size=20),
    st.booleans(),
    st.integers(0, 1 << 30),
)
def test_whatever_changes_between_two_reads_the_answers_are_of_this_moment(
    parts: list[tuple[int, int, int]],
    script: list[tuple[int, list[tuple[int, int, int]] | None]],
    remembers_end: bool,
    seed: int,
) -> None:
    chance = random.Random(seed)
    space, mappings = fake(laid_out(parts), remembers_end=remembers_end)
    address = 0
    for count, change in script:
        if change is not None:
            keep = [v for v in space.vmas if chance.random() < 0.5]
            new = [
                v
                for v in laid_out(change)
                if all(v.end <= k.start or v.start >= k.end for k in keep)
            ]
            space.vmas = sorted(keep + new)
        mappings.refresh()
        vma = mappings.find_vma(address)
        if vma is None:
            return
        wanted = [v for v in space.vmas if v.end > vma.end][:count]
        assert [Vma(*row) for row in mappings.behind(vma, count).tolist()] == wanted
        address = ([vma, *wanted])[chance.randrange(len(wanted) + 1)].end - chance.choice((0, 1))


@live
def test_a_live_process_that_changes() -> None:
    chance = random.Random(5)
    with mutant() as target, MapsQuery(target.pid) as maps, MapsText(target.pid) as text:
        target.mutate(chance, 60)
        mappings = QueryMappings(maps, Lines(text), {})
        with MapsQuery(target.pid) as other:
            asker = QueryMappings(other, Lines(None), {})
            address = 0
            for _ in range(200):
                target.mutate(chance, 2)
                mappings.refresh()
                vma = mappings.find_vma(address)
                if vma is None:
                    break
                ours = mappings.behind(vma, 12)
                assert ours.tolist() == asker.behind(vma, 12).tolist()
                address = int(ours[chance.randrange(3), 1]) if len(ours) > 2 else 1 << 63


@live
def test_a_process_that_is_gone() -> None:
    with child("") as process, MapsQuery(process.pid) as maps, MapsText(process.pid) as text:
        mappings = QueryMappings(maps, Lines(text), {})
        vma = mappings.find_vma(0)
        assert vma is not None
        process.kill()
        process.wait()
        with pytest.raises(NoSuchProcess):
            mappings.behind(vma, 20)


def test_nothing_known_is_nothing_told() -> None:
    assert np.shape(TextMappings(1, PROC, {}).behind(HUGE, 5)) == (0, 7)
