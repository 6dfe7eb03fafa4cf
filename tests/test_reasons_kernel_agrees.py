"""Verdicts against the kernel: THPeligible, what a first touch gives, what MADV_COLLAPSE does."""

from __future__ import annotations

import errno
import os
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from hpview.in_force import read_in_force, release
from hpview.reasons.answers import answer
from hpview.reasons.reason import Reason
from hpview.reasons.thpeligible import Foretold, thp_eligible
from hpview.wire import SLOT_SIZE, MmFlag
from tests.children import child
from tests.judging import collapse, explained, is_huge, kernel_eligible, may_collapse, read
from tests.kernel_targets import AREA
from tests.khugepaged import asleep
from tests.knobs import PMD, SMALL, USUAL, alone, turned
from tests.reason_targets import APART, HELPERS, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hpview.reasons.answers import Answers
    from hpview.space.address_space import AddressSpace

pytestmark = [pytest.mark.root, pytest.mark.bpf]

LONG: Final = "HPVIEW_LONG_REASONS" in os.environ

ANON: Final = tuple(
    {"enabled": enabled, f"{PMD}/enabled": size}
    for enabled in ("always", "madvise", "never")
    for size in ("inherit", "always", "madvise", "never")
)
SHMEM: Final = tuple(
    # In this order: force is refused where no size inherits it.
    {"shmem_enabled": top, f"{PMD}/shmem_enabled": size}
    for top in ("never", "always", "within_size", "advise", "deny", "force")
    for size in ("inherit", "always", "within_size", "advise", "never")
)
SMALLER: Final = (
    *({"enabled": "madvise", f"{SMALL}/enabled": word} for word in ("always", "madvise")),
    {"enabled": "always", f"{PMD}/enabled": "never", f"{SMALL}/enabled": "inherit"},
    {"shmem_enabled": "advise", f"{SMALL}/shmem_enabled": "always"},
    {"shmem_enabled": "always", f"{SMALL}/shmem_enabled": "inherit"},
)
ALL: Final = (*ANON, *SHMEM, *SMALLER)
SOME: Final = ALL if LONG else ALL[::3]

KINDS: Final = {
    "anonymous": "put(S)",
    "advised": "put(S)\nadvise(HUGEPAGE, S)",
    "not wanted": "put(S)\nadvise(NOHUGEPAGE, S)",
    "stack": "put(S, flags=0x20000)",
    "/dev/zero": "put(S, flags=2, fd=os.open('/dev/zero', os.O_RDWR))",
    "memfd": "put(S, fd=memory(S))",
    "advised memfd": "put(S, fd=memory(S))\nadvise(HUGEPAGE, S)",
    "shared": "put(S, flags=0x21)",
    "advised shared": "put(S, flags=0x21)\nadvise(HUGEPAGE, S)",
    "memfd at another offset": "put(S, fd=memory(S + M), offset=16 * K)\nadvise(HUGEPAGE, S)",
    "SysV": "id = libc.shmget(0, S, 0o1600)\nassert libc.shmat(id, ctypes.c_void_p(p), 0) == p\n"
    "check(libc.shmctl(id, 0, None))",
    "advised SysV": "id = libc.shmget(0, S, 0o1600)\n"
    "assert libc.shmat(id, ctypes.c_void_p(p), 0) == p\n"
    "check(libc.shmctl(id, 0, None))\nadvise(HUGEPAGE, S)",
    "never": "put(S, fd=unfilled(mounted('tmpfs', 'huge=never'), S))",
    "always": "put(S, fd=unfilled(mounted('tmpfs', 'huge=always'), S))",
    "within": "put(S, fd=unfilled(mounted('tmpfs', 'huge=within_size'), S))",
    "advise": "put(S, fd=unfilled(mounted('tmpfs', 'huge=advise'), S))",
    "advised advise": "put(S, fd=unfilled('tmpfshuge_advise/2', S))\nadvise(HUGEPAGE, S)",
    "private": "put(S, flags=2, fd=unfilled('tmpfshuge_always/2', S))",
}
"""Memory of S bytes at p."""

PRCTL: Final = {
    "": "",
    "disabled": "check(libc.prctl(41, 1, 0, 0, 0))\n",
    "advised only": "check(libc.prctl(41, 1, 2, 0, 0))\n",
}
"""The last one since 6.18 (PR_THP_DISABLE_EXCEPT_ADVISED)."""


WAYS: Final = tuple(PRCTL) if release(os.uname().release) >= (6, 18) else tuple(PRCTL)[:2]


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with alone(), asleep(), turned(USUAL):
        yield


def regions(settings: int) -> str:
    """A child with a region for each kind, a slot in it for each setting."""
    assert settings <= APART // SLOT_SIZE
    made = [f"p = {AREA + i * APART:#x}\n{code}\n" for i, code in enumerate(KINDS.values())]
    return HELPERS + f"S = {settings} * M\n" + "".join(made)


@pytest.mark.parametrize("prctl", WAYS)
def test_thp_eligible_of_every_vma(prctl: str, tmp_path: Path) -> None:
    """Of the regions of every reason, of small ones, and of all that Python has mapped."""
    small = "".join(
        f"p = A + (1 << 38) + {i} * 32 * M\nput({size}, {where})\nadvise({word}, {size})\n"
        for i, (size, where, word) in enumerate(
            (size, where, word)
            for size in (65536, 32768, 4096)
            for where in ("", "fd=memory(), offset=4096", "fd=memory()", "flags=0x21")
            for word in ("HUGEPAGE", "NOHUGEPAGE")
        )
    )
    code = program(before=PRCTL[prctl]) + small
    settings = SOME if not prctl or LONG else SOME[::5]
    wrong: Counter[str] = Counter()
    compared = unknown = 0
    with child(code, cwd=tmp_path) as process:
        space = read(process.pid)
        for knobs in settings:
            with turned(knobs):
                in_force = read_in_force(process.pid)
                truth = kernel_eligible(process.pid)
            for index, foretold in enumerate(foretold_of(answer(space, in_force))):
                start = int(space.vmas["start"][index])
                compared += 1
                unknown += foretold == Foretold.UNKNOWN
                if foretold not in (Foretold.UNKNOWN, truth[start]):
                    wrong[f"{start:x} {space.name_of(index)!r} {knobs}"] += 1
    assert not wrong
    assert compared == len(settings) * len(space.vmas)
    assert unknown < compared / 20


def foretold_of(answers: Answers) -> list[int]:
    told = thp_eligible(answers.space, answers.in_force, answers.eligibility)
    return [int(value) for value in told]


@pytest.mark.skipif("advised only" not in WAYS, reason="PR_THP_DISABLE_EXCEPT_ADVISED")
def test_what_proc_does_not_tell_of_prctl_is_not_foretold(tmp_path: Path) -> None:
    with child(program(before=PRCTL["advised only"]), cwd=tmp_path) as process:
        space = read(process.pid)
        with turned({"enabled": "always", "shmem_enabled": "always"}):
            in_force = read_in_force(process.pid)
            truth = kernel_eligible(process.pid)
        space.mm_flags = MmFlag(0)
        told = foretold_of(answer(space, in_force))
    assert Foretold.UNKNOWN in told
    for start, foretold in zip(space.vmas["start"].tolist(), told, strict=True):
        assert foretold in (Foretold.UNKNOWN, truth[start])


def would_be_huge(space: AddressSpace, address: int) -> bool:
    """Whether the first touch of an empty slot gives a huge page, by what is told of it."""
    findings = explained(answer(space, read_in_force(space.tgid)), address).findings
    assert findings[0].reason is Reason.EMPTY
    return len(findings) == 1


@pytest.mark.parametrize("prctl", WAYS)
def test_what_a_first_touch_gives(prctl: str, tmp_path: Path) -> None:
    settings = (ANON + SHMEM[::2] if LONG else ANON[::3] + SHMEM[::7])[: APART // SLOT_SIZE]
    code = regions(len(settings)).replace("S = ", PRCTL[prctl] + "S = ", 1)
    foretold: dict[tuple[int, int], bool] = {}
    wrong = []
    with child(code, cwd=tmp_path) as process:
        before = read(process.pid)
        with open(f"/proc/{process.pid}/mem", "wb", buffering=0) as memory:
            for slot, knobs in enumerate(settings):
                with turned(knobs):
                    for kind in range(len(KINDS)):
                        address = AREA + kind * APART + slot * SLOT_SIZE
                        foretold[kind, slot] = would_be_huge(before, address)
                        os.pwrite(memory.fileno(), b"x", address)
                    # Other settings would start khugepaged anew, and let it have some of this.
                    after = read(process.pid)
                wrong += [
                    f"{name}: {knobs}: told {foretold[kind, slot]}"
                    for kind, name in enumerate(KINDS)
                    if foretold[kind, slot]
                    != is_huge(after, AREA + kind * APART + slot * SLOT_SIZE)
                ]
    assert not wrong
    assert any(foretold.values()) != (prctl == "disabled")


@pytest.mark.parametrize("prctl", WAYS)
def test_what_madv_collapse_does(prctl: str, tmp_path: Path) -> None:
    settings = (ANON[::4] + SHMEM if LONG else ANON[::5] + SHMEM[::3])[: APART // SLOT_SIZE]
    count = len(settings)
    code = regions(count).replace("S = ", PRCTL[prctl] + "S = ", 1)
    touched = f"for i in range({len(KINDS)}):\n    for s in range({count}):\n" + (
        "        ctypes.memset(A + i * 32 * M + s * M, 1, 1)\n"
    )
    off = {"enabled": "never", "shmem_enabled": "deny"}
    wrong = []
    with turned(off), child(code + touched, cwd=tmp_path) as process:
        space = read(process.pid)
        with turned(USUAL):
            for slot, knobs in enumerate(settings):
                with turned(knobs):
                    told = answer(space, read_in_force(process.pid))
                    for kind, name in enumerate(KINDS):
                        address = AREA + kind * APART + slot * SLOT_SIZE
                        may = may_collapse(explained(told, address))
                        error = collapse(process.pid, address)
                        if error not in ((0,) if may else (errno.EINVAL,)):
                            wrong.append(f"{name}: {knobs}: told {may}, error {error}")
        after = read(process.pid)
    assert not wrong
    assert bool(after.totals.huge) != (prctl == "disabled")


def test_own_process_and_its_parent() -> None:
    """Real programs, whatever they have mapped."""
    for pid in (os.getpid(), os.getppid()):
        space = read(pid)
        for knobs in ({}, {"enabled": "always"}, {"enabled": "never"}):
            with turned(knobs):
                in_force = read_in_force(pid)
                truth = kernel_eligible(pid)
            for index, foretold in enumerate(foretold_of(answer(space, in_force))):
                start = int(space.vmas["start"][index])
                if foretold != Foretold.UNKNOWN and start in truth:
                    assert foretold == truth[start], f"{pid} {start:x} {space.name_of(index)}"
