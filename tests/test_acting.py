"""What would be collapsed, what came of it, and how both are told."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.acting import words
from hpview.acting.outcome import Outcome, huge_at, outcome
from hpview.acting.plan import CannotCollapse, Plan, Rules, inwards, plan, plans
from hpview.acting.target import BATCH, Attempt, batches
from hpview.in_force import ProcessThp
from hpview.space.address_space import AddressSpace
from hpview.wire import SLOT_SIZE, Backing, VmaFlag, VmFlag
from tests.records import MIB, Script, run
from tests.settings_in_force import DISK, SHMEM, in_force, thp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.in_force import InForce

A = 0x7F0A00000000
RW = VmFlag.READ | VmFlag.WRITE


def known(script: Script) -> AddressSpace:
    space = AddressSpace()
    space.feed(script.end().data)
    return space


def small(at: int, slots: int, present: int, swapped: int = 0) -> bytes:
    start = A + at * SLOT_SIZE
    return run(start, start + slots * SLOT_SIZE, Backing.PTE_4K, present=present, swapped=swapped)


def mixed(*more: bytes) -> AddressSpace:
    """Eleven slots and a half: 2 huge, 3 and 2 small, 1 unread, 1 all zero pages."""
    return known(
        Script(100).vma(
            A,
            A + 23 * MIB,
            run(A, A + 4 * MIB),
            small(2, 3, 500, 2),
            small(6, 2, 1),
            run(A + 16 * MIB, A + 18 * MIB, Backing.UNKNOWN),
            run(A + 18 * MIB, A + 20 * MIB, Backing.ZERO, zero=512),
        )
    )


def test_a_plan_counts_every_slot_once() -> None:
    found = plan(mixed(), 0, 0, 1 << 62)
    assert (found.pid, found.start, found.end, found.count) == (100, A, A + 22 * MIB, 11)
    assert found.slots.tolist() == [A + i * SLOT_SIZE for i in (2, 3, 4, 6, 7)]
    assert (found.huge, found.empty, found.unread) == (2, 3, 1)
    assert found.missing == (3 * 12 + 2 * 511) * 4096
    assert found.swapped == 3 * 2 * 4096
    assert found.doubt == ""
    assert found.command == f"hpview collapse 100 {A:x}-{A + 22 * MIB:x}"


def test_a_range_is_cut_inwards() -> None:
    assert inwards(1, 6 * MIB - 1) == (2 * MIB, 4 * MIB)
    found = plan(mixed(), 0, A + 5 * MIB, A + 11 * MIB)
    assert (found.start, found.end) == (A + 6 * MIB, A + 10 * MIB)
    assert found.slots.tolist() == [A + 6 * MIB, A + 8 * MIB]
    with pytest.raises(CannotCollapse, match="no whole 2 MiB slot"):
        plan(mixed(), 0, A + 22 * MIB, A + 24 * MIB)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (0, 1, "it is huge already"),
        (0, 2, "all of it is huge already"),
        (5, 6, "no memory here yet"),
        (8, 9, "could not be read"),
        (9, 10, "no memory here yet"),
    ],
)
def test_where_nothing_is_to_be_done(start: int, end: int, why: str) -> None:
    with pytest.raises(CannotCollapse, match=why):
        plan(mixed(), 0, A + start * SLOT_SIZE, A + end * SLOT_SIZE)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ({"vm_flags": RW | VmFlag.HUGETLB}, "hugetlb"),
        ({"vm_flags": RW | VmFlag.PFNMAP, "flags": VmaFlag.SKIPPED}, "devices"),
        ({"vm_flags": RW | VmFlag.IO}, "devices"),
        ({"flags": VmaFlag.SKIPPED}, "not read"),
        ({"vm_flags": RW | VmFlag.MIXEDMAP}, "special mappings"),
        ({"vm_flags": RW, "dev": DISK, "ino": 7}, "maps a file"),
    ],
)
def test_kinds_that_are_refused(kind: dict[str, int], why: str) -> None:
    space = known(Script(100).vma(A, A + 4 * MIB, small(0, 2, 9), **kind))
    settings = replace(in_force(), read_only_thp=False)
    with pytest.raises(CannotCollapse, match=why):
        plan(space, 0, A, A + 4 * MIB, Rules.of(space, settings))


SHARED = {"dev": SHMEM, "ino": 7}


@pytest.mark.parametrize(
    ("kind", "settings", "doubt"),
    [
        ({"vm_flags": RW | VmFlag.NOHUGEPAGE}, in_force(), "MADV_NOHUGEPAGE"),
        ({}, replace(in_force(), process=ProcessThp.DISABLED), "PR_SET_THP_DISABLE"),
        ({}, replace(in_force(), process=ProcessThp.ADVISED_ONLY), ""),
        ({}, in_force(thp("never", "never")), ""),
        ({}, in_force(), ""),
        (SHARED, in_force(), ""),
        (SHARED | {"pgoff": 512}, in_force(), ""),
        (SHARED | {"pgoff": 1}, in_force(), "multiple of 2 MiB"),
        (SHARED, in_force(thp(shmem_enabled="deny")), "shmem_enabled"),
        ({"dev": DISK, "ino": 7}, replace(in_force(), read_only_thp=None), "READ_ONLY_THP"),
        ({"dev": DISK, "ino": 7}, replace(in_force(), read_only_thp=True), ""),
    ],
)
def test_what_the_kernel_is_expected_to_refuse(
    kind: dict[str, int], settings: InForce, doubt: str
) -> None:
    space = known(Script(100).vma(A, A + 4 * MIB, small(0, 2, 9), **kind))
    found = plan(space, 0, A, A + 4 * MIB, Rules.of(space, settings))
    assert doubt in found.doubt
    assert bool(doubt) == bool(found.doubt)
    assert plan(space, 0, A, A + 4 * MIB).doubt == ""


def test_a_plan_for_each_vma_of_a_range() -> None:
    script = Script(100).vma(A, A + 4 * MIB, small(0, 2, 9))
    script.vma(A + 4 * MIB, A + 5 * MIB, vm_flags=0)
    space = known(script.vma(A + 8 * MIB, A + 10 * MIB, small(4, 1, 9), vm_flags=VmFlag.READ))
    made, refused = plans(space, A + 2 * MIB, A + 10 * MIB)
    assert [(found.start, found.count) for found in made] == [(A + 2 * MIB, 1), (A + 8 * MIB, 1)]
    assert refused == [
        f"{A + 4 * MIB:x}: no whole 2 MiB slot of this VMA lies here: its edge cuts it"
    ]
    assert plans(space, 0, 4096) == ([], ["nothing is mapped there"])


def after(*done: int) -> AddressSpace:
    """``mixed``, but for slots that became huge."""
    runs = [run(A, A + 4 * MIB)]
    for i in (2, 3, 4, 6, 7):
        start = A + i * SLOT_SIZE
        runs.append(
            run(start, start + SLOT_SIZE) if i in done else small(i, 1, 500 if i < 5 else 1)
        )
    return known(Script(100).vma(A, A + 23 * MIB, *runs))


def test_the_outcome_is_what_was_read() -> None:
    wanted = plan(mixed(), 0, A, A + 22 * MIB)
    codes = (0, errno.EAGAIN, 0, errno.ENOMEM)
    attempts = [
        Attempt(slot, code) for slot, code in zip(wanted.slots.tolist(), codes, strict=False)
    ]
    found = outcome(wanted, attempts, mixed(), after(2, 3))
    assert (found.count, found.was_huge, found.huge) == (11, 2, 4)
    # The second became huge all the same; the third did not, whatever was said.
    assert found.failures == ((0, 1), (errno.ENOMEM, 1))
    assert (found.tried, found.left) == (4, 1)
    assert found.grown == 2 * 12 * 4096
    assert not found.whole
    assert words.result_words(found) == "4 of 11 slots are huge now (2 before), +96 KiB resident"
    lines = [line for line, _ in words.failed_words(found)]
    assert lines[0].startswith("1 failed: the kernel says it was done")
    assert lines[1].startswith("1 failed: ENOMEM: no free 2 MiB")
    assert lines[2] == "1 not tried: it was stopped"


def test_which_slots_are_huge() -> None:
    space = after(6)
    slots = np.arange(-1, 13).astype(np.int64) * SLOT_SIZE + A
    assert np.flatnonzero(huge_at(space, slots.astype(np.uint64))).tolist() == [1, 2, 7]
    assert not huge_at(AddressSpace(), slots.astype(np.uint64)).any()


def test_words_of_a_result() -> None:
    one = Outcome(1, 0, 1, 1, 0, 0, ())
    assert words.result_words(one) == "1 of 1 slot is huge now (0 before), no change in resident"
    assert one.whole
    less = Outcome(2, 0, 2, 2, 0, -8192, ())
    assert words.result_words(less).endswith("-8.0 KiB resident")


def test_words_of_a_plan() -> None:
    wanted = plan(mixed(), 0, A, A + 22 * MIB)
    assert words.expected_words(wanted) == (
        "5 of 11 slots to be made huge (2 huge already, 3 with nothing there yet, 1 not read)"
    )
    assert words.call_words(wanted) == (
        f"process_madvise(pidfd, {{0x{A + 4 * MIB:x}, 2 MiB}}, MADV_COLLAPSE) for each of 5 slots"
    )
    costs = words.memory_words(wanted)
    assert costs[0] == "up to 4.1 MiB more memory: missing pages are filled with zeros"
    assert "24 KiB are read back from swap" in costs
    full = plan(known(Script(100).vma(A, A + 2 * MIB, small(0, 1, 512))), 0, A, A + 2 * MIB)
    assert words.memory_words(full)[0] == "no more memory: no page is missing"
    assert words.expected_words(full) == "1 of 1 slot to be made huge"
    assert words.call_words(full).endswith("MADV_COLLAPSE)")


@pytest.mark.parametrize("code", [0, *(getattr(errno, name) for name in (
    "ENOMEM", "EBUSY", "EAGAIN", "EINVAL", "EFAULT"))])  # fmt: skip
def test_every_error_is_explained(code: int) -> None:
    what, remedy = words.failure_words(code)
    assert what
    assert remedy or code == errno.EFAULT
    assert (errno.errorcode[code] in what) if code else ("E" not in what)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL, 999])
def test_every_refusal_is_explained(code: int) -> None:
    assert ("999" in words.refusal_words(code)) == (code == 999)


class Batches:
    """Notes how many slots are tried at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def refusal(self) -> str:
        return ""

    def collapse(self, slots: Sequence[int]) -> list[Attempt]:
        self.asked.append(len(slots))
        return [Attempt(slot, 0) for slot in slots]

    def close(self) -> None:
        pass


def test_batches_can_be_stopped() -> None:
    target = Batches()
    assert len(list(batches(target, range(2 * BATCH + 1)))) == 3
    assert target.asked == [BATCH, BATCH, 1]
    assert list(batches(target, range(5), lambda: True)) == []


def test_a_plan_of_much_memory_is_made_of_runs() -> None:
    slots = 1 << 15
    script = Script(100).vma(A, A + slots * SLOT_SIZE, small(0, slots, 512))
    found = plan(known(script), 0, 0, 1 << 62)
    assert len(found.slots) == slots
    assert isinstance(found, Plan)
    assert (np.diff(found.slots.astype(np.int64)) == SLOT_SIZE).all()
