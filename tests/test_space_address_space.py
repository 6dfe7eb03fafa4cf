from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hpview import wire
from hpview.errors import CorruptStream
from hpview.space.address_space import AddressSpace
from hpview.space.totals import Totals
from hpview.space.vma import Mark
from hpview.wire import RECORD_SIZE, SLOT_SIZE, Backing, Kind, RunFlag, Source, Status, VmaFlag
from tests.records import GIB, MIB, Script, end, run, sealed, task, vma

BASE = 0x7F00_0000_0000


@dataclass(frozen=True)
class Facts:
    name: str
    dev: int = 0
    ino: int = 0


def fed(*records: bytes) -> AddressSpace:
    space = AddressSpace()
    space.feed(b"".join(records))
    return space


def ranges(space: AddressSpace) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = space.vmas[["start", "end", "marks"]].tolist()
    return rows


def test_an_empty_space() -> None:
    space = AddressSpace()
    assert (space.tgid, space.comm, space.source) == (0, "", Source.NONE)
    assert space.totals == Totals()
    assert not space.complete
    assert space.index_at(0) == -1
    assert len(space.runs_of(0, 1 << 63)) == 0
    space.feed(b"")
    assert space.version == 0


def test_a_whole_stream() -> None:
    script = Script(7, mm=9, start_time=33).vma(
        BASE,
        BASE + GIB + SLOT_SIZE,
        run(BASE, BASE + GIB, Backing.PUD_1G),
        run(BASE + GIB, BASE + GIB + SLOT_SIZE, Backing.PTE_4K, present=100, swapped=5),
        pgoff=3,
        ino=8,
        dev=2,
    )
    space = fed(script.end(read_errors=4).data)
    assert (space.tgid, space.comm, space.start_time, space.source) == (7, "target", 33, Source.BPF)
    assert (space.complete, space.end_status, space.end_errors) == (True, Status.COMPLETE, 4)
    assert space.totals == Totals(100 * 4096, 0, GIB, 5 * 4096, 1)
    assert space.totals.resident == GIB + 100 * 4096
    assert space.totals.huge == GIB
    row = space.vmas[0]
    assert (row["pgoff"], row["ino"], row["dev"], row["vm_flags"]) == (3, 8, 2, 3)
    assert space.index_at(BASE) == space.index_at(BASE + GIB) == 0
    assert space.index_at(BASE - 1) == space.index_at(BASE + GIB + SLOT_SIZE) == -1
    assert space.runs_of(BASE + GIB, BASE + GIB + 1)["present"].tolist() == [100]
    for rows in (space.vmas, space.runs):
        with pytest.raises(ValueError, match="read-only"):
            rows["start"][0] = 0


def test_a_tail_of_a_split_vma_and_a_merged_vma_replace_what_they_overlap() -> None:
    first = Script().vma(BASE, BASE + 4 * MIB, run(BASE, BASE + 4 * MIB, Backing.PMD_2M))
    space = fed(first.data)
    assert space.totals.bytes_2m == 4 * MIB
    few = run(BASE + 2 * MIB, BASE + 4 * MIB, Backing.PTE_4K, present=3)
    space.feed(vma(BASE + 2 * MIB, BASE + 6 * MIB, pages_4k=3) + few)
    assert ranges(space) == [
        (BASE, BASE + 2 * MIB, Mark.CHANGED),
        (BASE + 2 * MIB, BASE + 6 * MIB, Mark.CHANGED),
    ]
    assert space.totals == Totals(bytes_4k=3 * 4096, bytes_2m=2 * MIB, vmas=2)
    space.feed(vma(BASE, BASE + 8 * MIB) + vma(BASE + 8 * MIB, BASE + 9 * MIB))
    assert ranges(space) == [
        (BASE, BASE + 8 * MIB, Mark.CHANGED),
        (BASE + 8 * MIB, BASE + 9 * MIB, 0),
    ]
    assert space.totals == Totals(vmas=2)
    assert len(space.runs) == 0
    assert space.changed == 1


def test_a_vma_within_an_older_one_leaves_both_sides_and_moves_the_file_offset() -> None:
    space = fed(Script().vma(BASE, BASE + 8 * MIB, pgoff=10, ino=5).data)
    space.feed(vma(BASE + 2 * MIB, BASE + 4 * MIB))
    assert space.vmas[["start", "pgoff"]].tolist() == [
        (BASE, 10),
        (BASE + 2 * MIB, 0),
        (BASE + 4 * MIB, 10 + 1024),
    ]


def test_a_second_full_copy_counts_once() -> None:
    script = Script()
    for i in range(600):
        at = BASE + i * 8 * MIB
        script.vma(at, at + 4 * MIB, run(at, at + 4 * MIB))
    space = AddressSpace()
    for chunk in Script(0).raw(*script.records, *script.records).end().chunks():
        space.feed(chunk)
    assert space.totals == Totals(bytes_2m=600 * 4 * MIB, vmas=600)
    assert (space.changed, space.execs, len(space.runs)) == (600, 0, 600)


def test_sums_without_runs_are_those_of_the_record() -> None:
    space = fed(
        task(), vma(BASE, BASE + GIB, flags=VmaFlag.ESTIMATE, pages_4k=9, slots_2m=2, pages_swap=1)
    )
    assert space.totals == Totals(9 * 4096, 4 * MIB, 0, 4096, 1)
    assert space.vmas["flags"][0] == VmaFlag.ESTIMATE


def test_pieces_are_added_up() -> None:
    lo, hi = BASE, BASE + 4 * MIB
    first = vma(lo, hi, flags=VmaFlag.MORE, slots_2m=1) + run(lo, lo + 2 * MIB)
    last = vma(lo, hi, flags=VmaFlag.CONT, slots_2m=1) + run(lo + 2 * MIB, hi)
    space = fed(task(), first)
    assert ranges(space) == [(lo, hi, Mark.PARTIAL)]
    space.feed(last + end(tasks=1, vmas=2, runs=2))
    assert ranges(space) == [(lo, hi, 0)]
    assert space.totals == Totals(bytes_2m=4 * MIB, vmas=1)
    assert space.vmas["flags"][0] == 0


ONE = run(BASE, BASE + 2 * MIB, Backing.PTE_4K, present=1)


@pytest.mark.parametrize(
    "after",
    [end(Status.VANISHED, tasks=1, vmas=1, runs=1), task(), vma(BASE + GIB, BASE + 2 * GIB)],
    ids=["end", "task", "vma"],
)
def test_a_missing_last_piece_is_told(after: bytes) -> None:
    records = task(), vma(BASE, BASE + GIB, flags=VmaFlag.MORE, pages_4k=1), ONE
    together, apart = fed(*records, after), fed(*records)
    apart.feed(after)
    for space in (together, apart):
        assert space.vmas["marks"][0] == Mark.PARTIAL | Mark.CHANGED
        assert not space.complete


def test_a_missing_first_piece_is_told() -> None:
    flags = VmaFlag.CONT | VmaFlag.MORE
    space = fed(task(), vma(BASE, BASE + GIB, flags=flags, pages_4k=1), ONE)
    next_one = run(BASE + 2 * MIB, BASE + 4 * MIB, Backing.PTE_4K, present=1)
    space.feed(vma(BASE, BASE + GIB, flags=VmaFlag.CONT, pages_4k=1) + next_one)
    assert ranges(space) == [(BASE, BASE + GIB, Mark.PARTIAL | Mark.CHANGED)]
    assert space.totals.bytes_4k == 2 * 4096


def test_exec_drops_everything_and_a_second_task_of_the_same_mm_nothing() -> None:
    space = fed(task(mm=1), vma(BASE, BASE + GIB, pages_4k=1), ONE, task(mm=1))
    space.set_names(np.array([BASE], dtype=np.uint64), [Facts("old")])
    assert (space.execs, len(space.vmas)) == (0, 1)
    space.feed(task(mm=2, comm=b"new\xff\0x") + vma(BASE, BASE + MIB))
    assert (space.execs, space.comm) == (1, "new\udcff")
    assert ranges(space) == [(BASE, BASE + MIB, 0)]
    assert space.totals == Totals(vmas=1)
    assert space.name_of(0) == ""
    space.feed(task(mm=2, start_time=5))
    assert (space.execs, len(space.vmas)) == (2, 0)


def test_the_end_counts_what_is_not_forgotten() -> None:
    """A stream of /proc takes the place of one of BPF that failed: its END knows but its own."""
    other = Script(mm=2).vma(BASE, BASE + MIB).end().data
    assert fed(task(mm=1), VMA, other).complete
    assert fed(sealed(task(mm=1), VMA, other)).complete
    with pytest.raises(CorruptStream, match="2 2 0 tasks, VMAs and runs came, 1 1 0 were sent"):
        fed(task(mm=2), VMA, other)


def test_a_stream_that_takes_the_place_of_another_in_mid_vma_may_meet_an_exec() -> None:
    cut = task(mm=1) + vma(BASE, BASE + GIB, pages_4k=7)
    after = Script(mm=2).vma(BASE, BASE + MIB).task(mm=3).vma(BASE, BASE + MIB).end().data
    space = fed(cut, after)
    assert (space.complete, space.execs, len(space.vmas)) == (True, 2, 1)
    with pytest.raises(CorruptStream, match="not what its sums say"):
        fed(cut, task(mm=1))


def test_a_leaf_that_sticks_out_of_its_vma_counts_what_is_inside() -> None:
    lo, hi = BASE, BASE + 3 * MIB
    leaf = run(lo, hi)
    whole = fed(task(), vma(lo, hi, slots_2m=2), leaf)
    split = fed(task(), vma(lo, hi, slots_2m=2))
    split.feed(leaf)
    assert whole.totals.bytes_2m == split.totals.bytes_2m == 3 * MIB


def test_an_estimate_laid_out_across_slots_counts_what_its_record_says() -> None:
    lo = BASE + MIB
    estimate = run(lo, lo + 2 * MIB, flags=RunFlag.ESTIMATE)
    space = fed(task(), vma(lo, lo + 8 * MIB, flags=VmaFlag.ESTIMATE, slots_2m=1), estimate)
    assert space.totals.bytes_2m == 2 * MIB


def test_names_and_files_come_from_user_space() -> None:
    space = fed(task(), vma(BASE, BASE + MIB, dev=1, ino=2), vma(BASE + MIB, BASE + 2 * MIB, ino=3))
    version = space.version
    starts = np.array([BASE + 2 * MIB, BASE, BASE + 4096, 0], dtype=np.uint64)
    space.set_names(starts, [Facts("x"), Facts("/lib/libc.so", 8, 9), Facts("y"), Facts("z")])
    assert [space.name_of(0), space.name_of(1)] == ["/lib/libc.so", ""]
    assert space.vmas[["dev", "ino"]].tolist() == [(8, 9), (0, 3)]
    assert space.version == version + 1
    space.set_names(starts[:1], [Facts("gone")])
    assert space.version == version + 1
    with pytest.raises(ValueError, match="argument 2"):
        space.set_names(starts, [])


def test_read_errors_are_counted_by_vma() -> None:
    space = fed(
        task(),
        vma(BASE, BASE + MIB, flags=VmaFlag.READ_ERROR),
        vma(BASE + MIB, BASE + 2 * MIB, flags=VmaFlag.READ_ERROR | VmaFlag.MORE),
        vma(BASE + MIB, BASE + 2 * MIB, flags=VmaFlag.CONT),
    )
    assert space.read_errors == 2


VMA = vma(BASE, BASE + 4 * MIB)


@pytest.mark.parametrize(
    ("before", "bad"),
    [
        ([], VMA),
        ([], run(BASE, BASE + MIB)),
        ([task()], run(BASE, BASE + MIB)),
        ([task(), VMA, task()], run(BASE, BASE + MIB)),
        ([task()], task(101)),
        ([task()], vma(BASE, BASE)),
        ([task()], vma(BASE + MIB, BASE)),
        ([task()], vma(BASE + 1, BASE + MIB)),
        ([task()], vma(BASE, (1 << 63) + 4096)),
        ([task(), VMA], run(BASE, BASE)),
        ([task(), VMA], run(BASE, BASE + 4095)),
        ([task(), VMA], run(BASE - 4096, BASE + MIB)),
        ([task(), VMA], run(BASE, BASE + 5 * MIB)),
        ([task(), VMA, run(BASE + 2 * MIB, BASE + 4 * MIB)], run(BASE, BASE + 2 * MIB)),
        ([task(), VMA, run(BASE, BASE + 2 * MIB)], run(BASE + MIB, BASE + 4 * MIB)),
        ([task(), VMA], run(BASE, BASE + MIB, 7)),
        ([task(), VMA], run(BASE, BASE + 2 * MIB, Backing.PTE_4K, present=513)),
        ([task(), VMA], run(BASE, BASE + MIB, Backing.PTE_4K, present=200, swapped=57)),
        ([task(), VMA], run(BASE, BASE + MIB, Backing.NONE, guard=257)),
        ([task(), VMA, end(tasks=1, vmas=1)], VMA),
        ([task(), VMA, end(tasks=1, vmas=1)], end(tasks=1, vmas=1)),
        ([task(), VMA], end(9, tasks=1, vmas=1)),
        ([task(), VMA], end(tasks=1, vmas=2)),
        ([task(), VMA], end(tasks=2, vmas=1)),
        ([task(), VMA, run(BASE, BASE + 4 * MIB, Backing.ZERO)], end(tasks=1, vmas=1)),
        ([task(), vma(BASE, BASE + 4 * MIB, slots_2m=1)], VMA),
        ([task(), vma(BASE, BASE + 4 * MIB, pages_4k=1)], task()),
        ([task(), vma(BASE, BASE + 4 * MIB, pages_swap=1)], end(tasks=1, vmas=1)),
        ([task(), VMA, run(BASE, BASE + 4 * MIB)], VMA),
        ([task(), VMA], run(BASE + 4096, BASE + 4 * MIB)),
        ([task(), VMA], run(BASE, BASE + 2 * MIB + 4096)),
        ([], task(source=9)),
        ([task()], b"\0" * RECORD_SIZE),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_cannot_be_is_refused_with_its_place(
    before: list[bytes], bad: bytes, chunked: bool
) -> None:
    space = AddressSpace()
    if chunked:
        for data in before:
            space.feed(data)
    with pytest.raises(CorruptStream) as caught:
        space.feed(bad if chunked else b"".join([*before, bad]))
    assert caught.value.offset == len(before) * RECORD_SIZE


def test_runs_continue_in_order_over_pieces() -> None:
    pieces = (
        vma(BASE, BASE + 4 * MIB, flags=VmaFlag.MORE, slots_2m=1),
        run(BASE + 2 * MIB, BASE + 4 * MIB),
        vma(BASE, BASE + 4 * MIB, flags=VmaFlag.CONT, slots_2m=1),
        run(BASE, BASE + 2 * MIB),
    )
    for split in range(4):
        space = fed(task(), *pieces[:split])
        with pytest.raises(CorruptStream) as caught:
            space.feed(b"".join(pieces[split:]))
        assert caught.value.offset == 4 * RECORD_SIZE


def test_memory_is_bounded() -> None:
    count = 60_000
    rows = wire.blank(Kind.VMA, count)
    rows["start"] = BASE + np.arange(count, dtype=np.uint64) * 2 * SLOT_SIZE
    rows["end"] = rows["start"] + SLOT_SIZE
    rows["pages_4k"] = 1
    rows["flags"] = VmaFlag.SINGLE
    space = AddressSpace()
    space.feed(sealed(task(), rows.tobytes()))
    assert space.totals.vmas == len(space.runs) == count
    assert space.vmas.nbytes <= count * 150
    assert space.runs.nbytes <= count * 32
