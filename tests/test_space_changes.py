"""Each kind of change, told from two short readings."""

from __future__ import annotations

import pytest

from hpview.space.address_space import AddressSpace
from hpview.space.changes import ChangeKind, changes, same_memory
from hpview.wire import SLOT_SIZE, Backing, RunFlag, Source, Status, VmaFlag
from tests.records import MIB, Script, run, task, vma

A = 0x7F0000000000
K = ChangeKind
PAGE = 4096


def space(*runs: bytes, size: int = 8 * MIB, start: int = A, **changed: int) -> AddressSpace:
    """One VMA."""
    return fed(Script().vma(start, start + size, *runs, **changed).end())


def fed(script: Script) -> AddressSpace:
    out = AddressSpace()
    out.feed(script.data)
    return out


def small(present: int, swapped: int = 0, *, at: int = 0, slots: int = 1) -> bytes:
    start = A + at * SLOT_SIZE
    end = start + slots * SLOT_SIZE
    return run(start, end, Backing.PTE_4K, present=present, swapped=swapped)


def leaf(at: int = 0, slots: int = 1, backing: Backing = Backing.PMD_2M) -> bytes:
    return run(A + at * SLOT_SIZE, A + (at + slots) * SLOT_SIZE, backing)


def swap(pages: int) -> bytes:
    return run(A, A + SLOT_SIZE, Backing.SWAP, swapped=pages)


def told(old: AddressSpace, new: AddressSpace) -> list[tuple[int, int, int]]:
    return [
        (int(row["start"]) - A, int(row["end"]) - A, int(row["kind"])) for row in changes(old, new)
    ]


ZERO = run(A, A + SLOT_SIZE, Backing.ZERO, zero=512, flags=RunFlag.PMD_ZERO)
NOTHING: tuple[bytes, ...] = ()


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ((small(300),), (leaf(),), K.BECAME_HUGE),
        (NOTHING, (leaf(),), K.BECAME_HUGE),
        ((swap(512),), (leaf(),), K.BECAME_HUGE),
        ((leaf(),), (leaf(backing=Backing.PUD_1G),), K.BECAME_HUGE),
        ((leaf(),), (small(512),), K.SPLIT),
        ((leaf(),), (small(500, 12),), K.SPLIT),
        ((leaf(backing=Backing.PUD_1G),), (leaf(),), K.SPLIT),
        ((leaf(),), (swap(512),), K.SWAPPED_OUT),
        ((small(300),), (small(200, 100),), K.SWAPPED_OUT),
        ((small(10),), (small(20, 1),), K.SWAPPED_OUT),
        ((swap(10),), (small(10),), K.SWAPPED_IN),
        ((small(1, 10),), (small(2, 9),), K.SWAPPED_IN),
        ((small(1),), (small(2),), K.FILLED),
        (NOTHING, (small(1),), K.FILLED),
        ((ZERO,), (small(1),), K.FILLED),
        ((small(2),), (small(1),), K.EMPTIED),
        ((leaf(),), NOTHING, K.EMPTIED),
        ((leaf(),), (ZERO,), K.EMPTIED),
        ((swap(10),), NOTHING, K.EMPTIED),
        ((small(5, 10),), (small(5, 9),), K.EMPTIED),
        ((ZERO,), NOTHING, None),
        ((small(5, 10),), (small(5, 10),), None),
    ],
)
def test_kinds(old: tuple[bytes, ...], new: tuple[bytes, ...], kind: ChangeKind | None) -> None:
    expected = [(0, SLOT_SIZE, kind)] if kind else []
    assert told(space(*old), space(*new)) == expected


def test_neighbours_are_joined_and_their_bytes_added() -> None:
    (row,) = changes(
        space(small(10), small(20, 5, at=1, slots=2)), space(leaf(slots=3), leaf(at=3))
    )[:1]
    assert (int(row["start"]), int(row["end"])) == (A, A + 4 * SLOT_SIZE)
    assert (int(row["was_4k"]), int(row["was_huge"])) == (50 * PAGE, 0)
    assert (int(row["was_swap"]), int(row["is_swap"])) == (10 * PAGE, 0)
    assert (int(row["is_4k"]), int(row["is_huge"])) == (0, 4 * SLOT_SIZE)


def test_what_came_and_went_is_one_range_for_each_vma() -> None:
    two = Script().vma(A, A + 4 * MIB, leaf()).vma(A + 4 * MIB, A + 8 * MIB).end()
    empty = fed(Script().end())
    both = [(0, 4 * MIB, K.MAPPED), (4 * MIB, 8 * MIB, K.MAPPED)]
    assert told(empty, fed(two)) == both
    assert told(fed(two), empty) == [(lo, hi, K.UNMAPPED) for lo, hi, _ in both]
    assert changes(empty, fed(two))["is_huge"].tolist() == [SLOT_SIZE, 0]


def test_another_vma_over_the_same_memory_is_no_change() -> None:
    whole = space(leaf(slots=4), size=8 * MIB)
    halves = Script().vma(A, A + 4 * MIB, leaf(slots=2)).vma(A + 4 * MIB, A + 8 * MIB, leaf(2, 2))
    assert told(whole, fed(halves.end())) == []


def test_a_border_inside_a_slot_leaves_only_what_is_certain() -> None:
    def half(present: int) -> AddressSpace:
        piece = run(A, A + MIB, Backing.PTE_4K, present=present)
        return space(piece, size=MIB)

    def whole(present: int) -> AddressSpace:
        return space(small(present), size=2 * MIB)

    grown = (MIB, 2 * MIB, K.MAPPED)
    assert told(half(100), whole(356)) == [grown]  # 256 of them may be in the new half
    assert told(half(100), whole(357)) == [(0, MIB, K.FILLED), grown]
    assert told(half(100), whole(99)) == [(0, MIB, K.EMPTIED), grown]
    gone = (MIB, 2 * MIB, K.UNMAPPED)
    assert told(whole(300), half(44)) == [gone]
    assert told(whole(300), half(43)) == [(0, MIB, K.EMPTIED), gone]
    assert told(space(leaf(), size=2 * MIB), half(9)) == [(0, MIB, K.SPLIT), gone]


@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize(
    "unread",
    [
        space(run(A, A + 2 * MIB, Backing.UNKNOWN)),
        space(flags=VmaFlag.SKIPPED),
        space(small(7), flags=VmaFlag.ESTIMATE),
        space(run(A, A + 2 * MIB, Backing.PTE_4K, present=7, flags=RunFlag.ESTIMATE)),
        space(small(7), flags=VmaFlag.MORE),
        fed(Script().vma(A, A + 8 * MIB, small(7))),
        fed(Script().vma(A, A + 8 * MIB, small(7)).end(Status.VANISHED)),
    ],
)
def test_nothing_is_concluded_from_what_was_not_read(unread: AddressSpace, side: str) -> None:
    read = space(leaf())
    assert told(*((unread, read) if side == "old" else (read, unread))) == []


def test_what_lies_behind_the_end_of_reading_is_not_gone() -> None:
    far = A + 64 * MIB
    old = fed(Script().vma(A, A + 2 * MIB, leaf()).vma(far, far + 2 * MIB).end())
    cut = fed(Script().vma(A + 4 * MIB, A + 6 * MIB).vma(A + 8 * MIB, A + 10 * MIB))
    assert told(old, cut) == [(0, 2 * MIB, K.UNMAPPED), (4 * MIB, 6 * MIB, K.MAPPED)]


def test_a_vma_that_came_while_its_content_was_not_read_is_told() -> None:
    skipped = space(flags=VmaFlag.SKIPPED)
    assert told(fed(Script().end()), skipped) == [(0, 8 * MIB, K.MAPPED)]


def test_slots_cut_while_reading_hold_any_number_of_pages() -> None:
    old = space(small(300), size=3 * MIB)
    # A newer VMA has taken all but the first half of it.
    late = vma(A + MIB, A + 3 * MIB)
    cut = fed(Script().vma(A, A + 3 * MIB, small(10)).raw(late).end())
    assert (0, MIB, K.EMPTIED) not in told(old, cut)


def test_an_exec_is_another_memory() -> None:
    def of(
        tgid: int = 100,
        *,
        at: int = A,
        source: Source = Source.BPF,
        mm: int = 1,
        start_time: int = 0,
    ) -> AddressSpace:
        head = task(tgid, source=source, mm=mm, start_time=start_time)
        return fed(Script(0).raw(head).vma(at, at + 2 * MIB).end())

    scan = Source.PAGEMAP_SCAN
    assert same_memory(of(), of())
    assert not same_memory(of(), of(mm=2))
    assert not same_memory(of(), of(tgid=7))
    assert not same_memory(of(), of(start_time=9))
    assert not same_memory(of(), AddressSpace())
    assert same_memory(of(source=scan), of(source=scan, mm=2))
    assert not same_memory(of(source=scan), of(source=scan, at=A + MIB))
    assert same_memory(of(source=scan), fed(Script().end()))


def test_a_name_is_that_of_the_vma_concerned() -> None:
    old = space(leaf(), ino=5)
    (gone,) = changes(old, fed(Script().end()))
    (came,) = changes(fed(Script().end()), space(leaf()))
    assert (bool(gone["file"]), bool(came["file"])) == (True, False)
