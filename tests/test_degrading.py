"""Every combination of what a kernel and a user may lack has one behaviour: that of the docs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import pytest

from hpview.demo.memory import setting
from hpview.kernelfs import kpageflags, pagemap, procmap_query
from hpview.kernelfs.smaps import read_smaps
from hpview.wire import SLOT_SIZE
from tests import degrading
from tests.children import child
from tests.conftest import lacking
from tests.degraded import SELF, Told, Wish, read
from tests.degrading import CASES, Behaviour, Case, behaviour
from tests.ordinary import NOBODY, ordinary
from tests.paged import BASE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.bpf]

# One VMA of four slots: huge, 4 kB pages, a folio mapped by 4 kB entries, huge. One of zero pages.
_TARGET: Final = f"""
import ctypes, os
from hpview.demo.memory import *
m = Memory()
m.map({BASE}, 4 * SLOT)
m.make_huge({BASE}, 4 * SLOT)
m.madvise({BASE}, 4 * SLOT, MADV_NOHUGEPAGE)
m.madvise({BASE} + SLOT, PAGE, MADV_DONTNEED)
ctypes.memset({BASE} + SLOT, 1, 1)
m.protect({BASE} + 2 * SLOT, PAGE, PROT_NONE)
m.protect({BASE} + 2 * SLOT, PAGE, READ_WRITE)
m.map_small({BASE} + 8 * SLOT, SLOT)
read_pages({BASE} + 8 * SLOT, SLOT, PAGE)
"""

_MASKED: Final = ("unshare", "--mount", "sh", "-c")
_AS_CONTAINERS_DO: Final = 'mount --bind /dev/null /proc/kpageflags && exec "$@"'


@pytest.fixture(scope="module")
def targets() -> Iterator[dict[bool, int]]:
    """Root's process, and by False that of another user."""
    if not (pagemap.supported() and procmap_query.supported() and kpageflags.readable()):
        lacking("needs PAGEMAP_SCAN, PROCMAP_QUERY and kpageflags, to take them away")
    if "[never]" in setting("enabled"):
        lacking("needs transparent huge pages")
    other = f"{_TARGET}os.setuid({NOBODY})\n"
    with child(_TARGET, cwd=ROOT) as mine, child(other, cwd=ROOT) as theirs:
        yield {True: mine.pid, False: theirs.pid}


def reader(case: Case) -> tuple[tuple[str, ...], str]:
    """What to run Python through for a case, apart from what a filter refuses; and that Python."""
    if case.kpageflags:
        return (), sys.executable
    if case.own:
        return (*_MASKED, _AS_CONTAINERS_DO, "sh"), sys.executable
    return ordinary("bpf", "perfmon") if case.bpf else ordinary()


@pytest.fixture(scope="module")
def told(targets: dict[bool, int]) -> dict[Case, tuple[int, Told]]:
    """Of every case the process, and what was told of it."""
    wishes = {}
    by_reader: dict[tuple[tuple[str, ...], str], list[Case]] = {}
    for case in CASES:
        # Root reads what is another user's; that user, what is root's.
        pid = targets[case.own or not case.kpageflags]
        refused = {"bpf": case.bpf, "scan": case.scan, "query": case.query}
        words = [f"{name}=EPERM" for name, has in refused.items() if not has]
        wishes[case] = Wish(pid, first=words)
        by_reader.setdefault(reader(case), []).append(case)
    found = {}
    for (through, python), cases in by_reader.items():
        answers = read(*map(wishes.__getitem__, cases), through=through, python=python)
        for case, answer in zip(cases, answers, strict=True):
            found[case] = wishes[case].pid, answer
    return found


def check(found: Told, expected: Behaviour, pid: int) -> None:
    """What was told is what the table says, and what is called exact is what smaps says."""
    said = [words.replace("PID", str(pid)) for words in expected.said]
    if expected.huge is degrading.DENIED:
        assert [found.error] == said
        return
    assert found.error == ""
    assert len(found.notices) == len(said), found.notices
    for notice, words in zip(found.notices, said, strict=True):
        assert notice.startswith(words)
    assert found.complete
    assert found.source == expected.source
    smaps = read_smaps(pid)
    huge = int(smaps.pmd_mapped.sum())
    assert huge >= 2 * SLOT_SIZE
    wrong = SLOT_SIZE if expected.huge is degrading.BY_FOLIO else 0
    assert found.huge == huge + wrong
    assert found.small == int(smaps.table["rss"].sum()) - huge - wrong
    assert bool(found.estimates) == (expected.huge is not degrading.EXACT)
    assert found.names > 5


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_does_what_the_table_says(case: Case, told: dict[Case, tuple[int, Told]]) -> None:
    pid, found = told[case]
    check(found, behaviour(case), pid)


def test_the_docs_have_this_table() -> None:
    assert degrading.rendered() in (ROOT / "docs/degrading.md").read_text()


LATER: Final = [
    (call, code, chunks)
    for call in ("scan", "query")
    for code in ("EPERM", "EACCES", "ENOSYS", "ENOTTY", "EINVAL")
    for chunks in (0, 1, 2)
]


@pytest.fixture(scope="module")
def told_later(targets: dict[bool, int]) -> dict[tuple[str, str, int], Told]:
    """What was told where a call failed after so many chunks."""
    wishes = [
        Wish(targets[True], "procfs", later=[f"{call}={code}"], chunks=chunks)
        for call, code, chunks in LATER
    ]
    return dict(zip(LATER, read(*wishes), strict=True))


@pytest.mark.parametrize("case", LATER, ids=str)
def test_what_worked_on_itself_and_fails_on_another_is_given_up_once(
    case: tuple[str, str, int],
    targets: dict[bool, int],
    told_later: dict[tuple[str, str, int], Told],
) -> None:
    found, smaps = told_later[case], read_smaps(targets[True])
    assert (found.error, found.complete, found.execs) == ("", True, 0)
    name = {"scan": "PAGEMAP_SCAN", "query": "PROCMAP_QUERY"}[case[0]]
    assert [name in notice for notice in found.notices] == [True]
    assert found.huge is not None
    assert found.small is not None
    assert found.huge + found.small == smaps.table["rss"].sum()
    assert found.names > 5
    if case[0] == "query":
        assert (found.source, found.estimates) == ("pagemap_scan", 0)
        assert found.huge == smaps.pmd_mapped.sum()
    else:
        assert found.source == "pagemap+kpageflags"


def test_an_iterator_that_fails_is_left_for_proc(targets: dict[bool, int]) -> None:
    pid = targets[True]
    smaps = read_smaps(pid)
    failing = ["iterator=EPERM"]
    found, asked_for, whole = read(
        Wish(pid, later=failing, chunks=1),
        Wish(pid, "bpf", later=failing, chunks=1),
        Wish(pid, first=["bpf=ENOSYS"]),
    )
    reason = "bpf is not available: reading the iterator: Operation not permitted"
    assert (found.source, found.complete, found.notices) == ("pagemap_scan", True, [reason])
    assert (found.huge, found.execs) == (smaps.pmd_mapped.sum(), 1)
    assert asked_for.error == reason
    assert whole.notices == ["bpf is not available: the kernel has no bpf(); CONFIG_BPF_SYSCALL"]


def test_the_list_goes_on_without() -> None:
    """Of few processes: the whole machine by single pages takes its time."""
    alone = ("unshare", "--pid", "--mount-proc", "--fork")
    bpf, scan, query = read(
        Wish(SELF, later=["bpf=EPERM"], listed=True),
        Wish(SELF, "procfs", later=["scan=EPERM"], listed=True),
        Wish(SELF, "procfs", later=["query=EPERM"], listed=True),
        through=alone,
    )
    for found, source in (
        (bpf, "pagemap_scan"),
        (scan, "pagemap+kpageflags"),
        (query, "pagemap_scan"),
    ):
        assert (found.error, found.source, found.complete) == ("", source, True)
        assert len(found.notices) == 1
        assert found.small
