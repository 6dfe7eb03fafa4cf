"""Collapsing memory of real processes: what becomes huge, what does not and why."""

from __future__ import annotations

import errno
import subprocess
from typing import TYPE_CHECKING

import pytest

from hpview import backends, scan
from hpview.acting import madvise
from hpview.acting.outcome import huge_at, outcome
from hpview.acting.plan import CannotCollapse, Plan, Rules, plan, plans
from hpview.acting.target import AnotherProgram, Attempt, Refused, Target, batches
from hpview.errors import NoMemoryMap, NoSuchProcess
from hpview.in_force import read_in_force
from tests.cgroups import memory_group
from tests.children import child, hugetlb_pool
from tests.kernel_targets import AREA, PRELUDE
from tests.ordinary import ordinary

if TYPE_CHECKING:
    from pathlib import Path

    from hpview.space.address_space import AddressSpace

pytestmark = pytest.mark.root
M = 2 << 20
FOUR = PRELUDE + "area(4 * M)\ntouch(0)\ntouch(1)\ntouch(2, 100)\ntouch(3)\n"


def read(pid: int) -> AddressSpace:
    readers = backends.readers(*backends.choose("auto"))
    try:
        return scan.scan(readers, pid).space
    finally:
        readers.close()


def planned(space: AddressSpace, slots: int = 4) -> Plan:
    rules = Rules.of(space, read_in_force(space.tgid))
    return plan(space, space.index_at(AREA), AREA, AREA + slots * M, rules)


def collapse(pid: int, wanted: Plan) -> list[Attempt]:
    with Target(pid) as target:
        assert target.refusal() == ""
        slots = wanted.slots.tolist()
        return [attempt for batch in batches(target, slots) for attempt in batch]


def test_four_slots_become_huge_and_the_missing_pages_are_filled() -> None:
    with child(FOUR) as process:
        before = read(process.pid)
        wanted = planned(before)
        assert wanted.missing == 412 * 4096
        attempts = collapse(process.pid, wanted)
        after = read(process.pid)
    assert attempts == [Attempt(AREA + i * M, 0) for i in range(4)]
    found = outcome(wanted, attempts, before, after)
    assert (found.was_huge, found.huge, found.tried, found.left) == (0, 4, 4, 0)
    assert found.grown == wanted.missing
    assert found.failures == ()
    assert found.whole


def test_more_slots_than_one_batch_and_stopping_between() -> None:
    code = PRELUDE + "area(20 * M)\nfor i in range(20): touch(i)\n"
    asked: list[list[Attempt]] = []
    with child(code) as process, Target(process.pid) as target:
        before = read(process.pid)
        wanted = planned(before, 20)
        done = batches(target, wanted.slots.tolist(), lambda: len(asked) == 2)
        asked.extend(done)
        after = read(process.pid)
    assert [len(batch) for batch in asked] == [8, 8]
    found = outcome(wanted, [one for batch in asked for one in batch], before, after)
    assert (found.huge, found.tried, found.left, found.whole) == (16, 16, 4, False)


def test_madv_nohugepage_is_einval() -> None:
    with child(PRELUDE + "area(2 * M, NOHUGEPAGE)\ntouch(0)\ntouch(1)\n") as process:
        before = read(process.pid)
        wanted = planned(before, 2)
        assert "MADV_NOHUGEPAGE" in wanted.doubt
        attempts = collapse(process.pid, wanted)
        after = read(process.pid)
    assert [attempt.errno for attempt in attempts] == [errno.EINVAL] * 2
    found = outcome(wanted, attempts, before, after)
    assert found.failures == ((errno.EINVAL, 2),)
    assert (found.huge, found.grown) == (0, 0)


def test_one_slot_that_fails_does_not_stop_the_others() -> None:
    """The slots are of three VMAs by the time they are tried."""
    then = (
        PRELUDE.partition("A, K, M")[0]
        + f"A, M = {AREA:#x}, {M}\n"
        + (
            "libc.madvise(A + 2 * M, M, 15); libc.munmap(A + 4 * M, M); print('done', flush=True)\n"
            "import time; time.sleep(1000)\n"
        )
    )
    code = PRELUDE + "area(6 * M)\nfor i in range(6): touch(i)\n"
    with child(code, then=then) as process:
        before = read(process.pid)
        wanted = planned(before, 6)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        assert process.stdout.readline() == b"done\n"
        attempts = collapse(process.pid, wanted)
        after = read(process.pid)
    expected = [0, 0, errno.EINVAL, 0, errno.ENOMEM, 0]
    assert [attempt.errno for attempt in attempts] == expected
    assert huge_at(after, wanted.slots).tolist() == [code == 0 for code in expected]
    found = outcome(wanted, attempts, before, after)
    assert dict(found.failures) == {errno.EINVAL: 1, errno.ENOMEM: 1}


def test_a_pinned_page_is_eagain() -> None:
    """A page in a pipe has a reference that the kernel cannot account for."""
    code = PRELUDE + (
        "area(3 * M)\nfor i in range(3): touch(i)\n"
        "class Vector(ctypes.Structure):\n"
        "    _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]\n"
        "ends, one = os.pipe(), Vector(A + M + 5 * K, K)\n"
        "assert libc.vmsplice(ends[1], ctypes.byref(one), ctypes.c_size_t(1), 0) == K\n"
    )
    with child(code) as process:
        attempts = collapse(process.pid, planned(read(process.pid), 3))
    assert [attempt.errno for attempt in attempts] == [0, errno.EAGAIN, 0]


def test_a_cgroup_at_its_limit_is_ebusy() -> None:
    with memory_group() as group:
        code = f"open('{group.folder}/cgroup.procs', 'w').write(str(__import__('os').getpid()))\n"
        with child(code + FOUR) as process:
            before = read(process.pid)
            wanted = planned(before)
            group.leave(M // 2)
            attempts = collapse(process.pid, wanted)
            after = read(process.pid)
        assert [attempt.errno for attempt in attempts] == [errno.EBUSY] * 4
        found = outcome(wanted, attempts, before, after)
    assert found.failures == ((errno.EBUSY, 4),)


def test_shared_memory_becomes_huge() -> None:
    code = PRELUDE + (
        "fd = os.memfd_create('shared')\nos.ftruncate(fd, 2 * M)\narea(2 * M, fd=fd)\n"
        "touch(0, 300)\ntouch(1)\n"
    )
    with child(code) as process:
        before = read(process.pid)
        wanted = planned(before, 2)
        attempts = collapse(process.pid, wanted)
        after = read(process.pid)
    assert outcome(wanted, attempts, before, after).huge == 2


def test_processes_that_are_gone() -> None:
    with child(FOUR) as process:
        wanted = planned(read(process.pid))
        target = Target(process.pid)
        process.kill()
        process.wait()
    assert target.refusal() == f"process {process.pid} has exited"
    with pytest.raises(NoSuchProcess):
        target.collapse(wanted.slots.tolist())
    target.close()
    target.close()
    with pytest.raises(NoSuchProcess):
        Target(process.pid)


def test_a_pid_that_was_used_again() -> None:
    with child("") as process, pytest.raises(AnotherProgram, match="used again"):
        Target(process.pid, start_time=1)


def test_a_kernel_thread_has_no_memory() -> None:
    with pytest.raises(NoMemoryMap):
        Target(2)


def test_exec_meanwhile_is_noticed() -> None:
    then = (
        "import os; os.execv(sys.executable, [sys.executable, '-c', "
        + repr(FOUR + "print('again', flush=True); import time; time.sleep(1000)")
        + "])"
    )
    with child(FOUR, then=then) as process:
        wanted = planned(read(process.pid))
        assert process.stdin is not None
        assert process.stdout is not None
        with Target(process.pid) as target:
            process.stdin.close()
            assert process.stdout.readline() == b"again\n"
            assert target.refusal() == ""
            with pytest.raises(AnotherProgram, match="runs another program"):
                target.collapse(wanted.slots.tolist())
        after = read(process.pid)
        assert not huge_at(after, wanted.slots).any()


def there(space: AddressSpace) -> list[tuple[int, ...]]:
    """Start, end, backing and pages of the runs; a page that compaction moves is there, too."""
    runs = space.runs
    pages = runs["present"] + runs["swapped"]
    columns = runs["start"], runs["end"], runs["backing"], pages
    return [row for row in zip(*map(list, columns), strict=True) if AREA <= row[0] < AREA + 4 * M]


def test_asking_for_the_right_changes_nothing() -> None:
    with child(FOUR) as process:
        before = read(process.pid)
        with Target(process.pid) as target:
            assert target.refusal() == ""
        after = read(process.pid)
        assert there(before) == there(after) != []


ASK = """
import sys
from hpview.acting.target import Target, Refused
from hpview.in_force import read_in_force
from hpview.errors import HpviewError
try:
    with Target(int(sys.argv[1])) as target:
        print(target.refusal())
        try:
            target.collapse([int(sys.argv[2])])
        except Refused as err:
            print(err)
except HpviewError as err:
    print(err)
"""


def as_nobody(code: str, *arguments: str) -> list[str]:
    through, python = ordinary()
    done = subprocess.run(
        [*through, python, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_an_ordinary_user_may_not() -> None:
    with child(FOUR) as process:
        (told,) = as_nobody(ASK, str(process.pid), str(AREA))
        assert told == f"process {process.pid} may not be read: run as its user or as root"
    own = FOUR.replace("import ctypes", "import ctypes, subprocess", 1) + (
        f"print(subprocess.run([sys.executable, '-c', {ASK!r}, str(os.getpid()), str(A)],"
        " capture_output=True, text=True).stdout)"
    )
    told, again, _ = as_nobody(own)
    assert told.startswith("to collapse memory of another process takes CAP_SYS_NICE")
    assert again.endswith(told)


def test_kernels_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with child("") as process, Target(process.pid) as target:
        monkeypatch.setattr(madvise, "MADV_COLLAPSE", 9999)
        assert "Linux 6.1" in target.refusal()
        monkeypatch.setattr(madvise, "_NUMBERS", {})
        assert "Linux 5.10" in target.refusal()
        with pytest.raises(Refused):
            target.collapse([AREA])


def test_memory_of_which_nothing_can_be_collapsed() -> None:
    code = PRELUDE + "area(M, flags=0x40000)\ntouch(0)\n"
    hugetlb = pytest.raises(CannotCollapse, match="hugetlb")
    with hugetlb_pool(1), child(code) as process, hugetlb:
        planned(read(process.pid), 1)
    with child(PRELUDE + "area(2 * M)\n") as process:
        space = read(process.pid)
        with pytest.raises(CannotCollapse, match="no memory here yet"):
            planned(space, 2)
        made, refused = plans(space, AREA - M, AREA + M)
        assert made == []
        assert len(refused) == 1
        with pytest.raises(CannotCollapse, match="nothing is mapped"):
            plan(space, space.index_at(AREA + 8 * M), AREA + 8 * M, AREA + 9 * M)
        index = next(i for i in range(len(space.vmas)) if space.name_of(i) == "[vdso]")
        start, end = (int(space.vmas[side][index]) for side in ("start", "end"))
        with pytest.raises(CannotCollapse):
            plan(space, index, start, end)


def test_a_slot_that_an_edge_cuts() -> None:
    with child(PRELUDE + "area(M + M // 2)\ntouch(0)\ntouch(1, 256)\n") as process:
        space = read(process.pid)
        assert planned(space, 2).count == 1
        with pytest.raises(CannotCollapse, match="edge"):
            plan(space, space.index_at(AREA + M), AREA + M, AREA + 2 * M)


def test_files_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(2 * M))
    code = PRELUDE + f"fd = os.open({str(file)!r}, 0)\n"
    code += "area(2 * M, flags=1, fd=fd, prot=1)\nlook(0, 9)\n"
    with child(code) as process, pytest.raises(CannotCollapse, match="maps a file"):
        planned(read(process.pid), 2)
