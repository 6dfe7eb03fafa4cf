"""A VMA that takes several reads and changes between them: never twice, never for ever."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hpview.kernelfs.smaps import read_smaps
from hpview.machine import aggregate
from hpview.space.address_space import AddressSpace
from hpview.space.vma import Mark
from hpview.stream import backing, loaded
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend, KernelStream
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, Backing, Kind, RollupFlag, VmaFlag, decode
from tests.compare import drain, read
from tests.mutant import Mutant, mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Backend, Stream
    from hpview.wire import Records

ARENA = 0x1000_0000_0000 + ((os.getpid() & 0xFFFF) << 28)
"""An address of our own: walks over all processes meet other tests' targets, too."""

SLOTS = 24
END = ARENA + SLOTS * SLOT_SIZE


@pytest.fixture(params=[pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A backend that walks about one slot a call."""
    monkeypatch.setattr(loaded, "TABLES_PER_CALL", 1)
    monkeypatch.setattr(backing, "SCAN_PAGES", SLOT_PAGES)
    monkeypatch.setattr(backing, "PIECE_PAGES", SLOT_PAGES)
    backend: Backend = KernelBackend() if request.param == "bpf" else ProcfsBackend()
    yield backend
    backend.close()


@pytest.fixture
def target() -> Iterator[Mutant]:
    """A process with a VMA of 4 kB pages in the arena, all present."""
    with mutant() as process:
        process.do("map", ARENA, SLOTS * SLOT_SIZE, 3)
        process.do("advise", ARENA, SLOTS * SLOT_SIZE, 15)
        process.do("advise", ARENA, SLOTS * SLOT_SIZE, 23)
        yield process


def until_inside(stream: Stream) -> bytes:
    """Read until some pieces of the arena's VMA were handed over, and not the last one."""
    data = b""
    while True:
        data += read(stream) or b""
        vmas = decode(data).of(Kind.VMA)
        pieces = vmas[vmas["start"] == ARENA]
        if len(pieces) >= 3:
            assert pieces["flags"][-1] & VmaFlag.MORE
            assert vmas["start"][-1] == ARENA
            return data


def space_after(
    source: Backend, target: Mutant, *changes: tuple[str, *tuple[int, ...]]
) -> AddressSpace:
    with source.open(target.pid) as stream:
        data = until_inside(stream)
        target.do_all(list(changes))
        data += drain(stream)
    space = AddressSpace()
    space.feed(data)
    assert space.complete
    assert space.totals.bytes_4k == int(space.vmas["bytes_4k"].sum())
    return space


def test_it_grew(source: Backend, target: Mutant) -> None:
    more = 3 * SLOT_SIZE
    space = space_after(
        source,
        target,
        ("remap", ARENA, SLOTS * SLOT_SIZE, SLOTS * SLOT_SIZE + more, 0, 0),
        ("touch", END, PAGE_SIZE),
    )
    vma = space.vmas[space.index_at(ARENA)]
    assert (vma["start"], vma["end"]) == (ARENA, END + more)
    assert vma["bytes_4k"] == SLOTS * SLOT_SIZE + PAGE_SIZE
    assert vma["marks"] == Mark.CHANGED
    assert space.partial == 0


def test_it_shrank_and_is_not_met_again(source: Backend, target: Mutant) -> None:
    """The iterator looks for what covers the old end: the rest is lost, and that is told."""
    space = space_after(source, target, ("unmap", END - 4 * SLOT_SIZE, 4 * SLOT_SIZE))
    vma = space.vmas[space.index_at(ARENA)]
    assert vma["marks"] == Mark.CHANGED | Mark.PARTIAL
    assert 3 * SLOT_SIZE <= vma["bytes_4k"] < (SLOTS - 4) * SLOT_SIZE
    assert space.partial == 1


def test_its_permissions_changed(source: Backend, target: Mutant) -> None:
    space = space_after(source, target, ("protect", ARENA, SLOTS * SLOT_SIZE, 1))
    vma = space.vmas[space.index_at(ARENA)]
    assert vma["vm_flags"] & 7 == 1
    assert vma["bytes_4k"] == SLOTS * SLOT_SIZE
    assert vma["marks"] == Mark.CHANGED


def test_its_head_was_unmapped_and_it_is_read_again(source: Backend, target: Mutant) -> None:
    space = space_after(source, target, ("unmap", ARENA, PAGE_SIZE))
    vma = space.vmas[space.index_at(ARENA + PAGE_SIZE)]
    assert (vma["start"], vma["end"]) == (ARENA + PAGE_SIZE, END)
    assert vma["bytes_4k"] == SLOTS * SLOT_SIZE - PAGE_SIZE
    assert vma["marks"] == Mark.CHANGED


def test_one_that_never_holds_still_is_not_read_for_ever(source: Backend, target: Mutant) -> None:
    """Its start moves after every piece: some of it stays unknown, and the stream ends."""
    parts = []
    with source.open(target.pid) as stream:
        parts.append(until_inside(stream))
        for page in range(4 * SLOTS):
            target.do("unmap", ARENA + page * PAGE_SIZE, PAGE_SIZE)
            parts.append(read(stream) or b"")
            if page > SLOTS and parts[-1] == b"":
                break
        parts.append(drain(stream))
    space = AddressSpace()
    space.feed(b"".join(parts))
    vma = space.vmas[space.index_at(END - 1)]
    assert vma["flags"] & VmaFlag.READ_ERROR
    runs = space.runs_of(ARENA, END)
    assert runs["backing"].tolist().count(Backing.UNKNOWN) == 1
    assert runs["end"][-1] == END
    assert space.read_errors == 1


def seen_below(stream: Stream) -> int:
    """How far the address space in hand was counted."""
    if isinstance(stream, KernelStream):
        return stream._program.state.progress.seen
    tally: Any = stream._program._tally  # type: ignore[attr-defined]
    return tally.seen if tally is not None else 0


def rollup_after(source: Backend, target: Mutant, change: tuple[str, *tuple[int, ...]]) -> Records:
    """The ROLLUP of the target, changed while its VMA in the arena was half read, shape (1,)."""
    parts = []
    with source.open_all() as stream:
        while not ARENA + 3 * SLOT_SIZE <= seen_below(stream) < END:
            part = read(stream)
            assert part != b"", "the target was not met"
            parts.append(part or b"")
        target.do(*change)
        parts.append(drain(stream))
    tasks, rollups = aggregate(b"".join(parts))
    mine: Records = rollups[tasks["tgid"] == target.pid]
    return mine


def small_pages(target: Mutant) -> int:
    """Bytes of the target by 4 kB pages, as smaps has them."""
    table = read_smaps(target.pid).table
    return int(table["rss"].sum())


def test_rollup_of_one_that_grew(source: Backend, target: Mutant) -> None:
    size = SLOTS * SLOT_SIZE
    rollup = rollup_after(source, target, ("remap", ARENA, size, size + SLOT_SIZE, 0, 0))
    assert rollup["flags"] == RollupFlag.GAP
    assert rollup["bytes_4k"] == small_pages(target)


def test_rollup_of_one_that_lost_its_head_keeps_what_was_counted(
    source: Backend, target: Mutant
) -> None:
    rollup = rollup_after(source, target, ("unmap", ARENA, PAGE_SIZE))
    assert rollup["flags"] == RollupFlag.GAP
    assert rollup["bytes_4k"] == small_pages(target) + PAGE_SIZE


def test_rollup_of_one_that_shrank_says_that_it_is_not_all(source: Backend, target: Mutant) -> None:
    rollup = rollup_after(source, target, ("unmap", END - 4 * SLOT_SIZE, 4 * SLOT_SIZE))
    assert rollup["flags"] == RollupFlag.GAP | RollupFlag.PARTIAL
    missing = small_pages(target) - int(rollup["bytes_4k"][0])
    assert 0 < missing < (SLOTS - 4) * SLOT_SIZE


def test_rollup_of_one_that_went_away_meanwhile(source: Backend, target: Mutant) -> None:
    rollup = rollup_after(source, target, ("exit",))
    assert rollup["flags"] == RollupFlag.GAP | RollupFlag.PARTIAL
    assert rollup["bytes_4k"] >= 3 * SLOT_SIZE
