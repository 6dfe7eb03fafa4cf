"""For every reason a process of which it is true: verdict, evidence, remedies, certainty."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.in_force import ProcessThp
from hpview.kernelfs.maps import Mapping
from hpview.kernelfs.smaps import parse_smaps
from hpview.reasons.answers import answer
from hpview.reasons.evidence import EVIDENCE
from hpview.reasons.reason import SHORT, Reason
from hpview.reasons.remedies import REMEDIES
from hpview.reasons.thpeligible import thp_eligible
from hpview.space.address_space import AddressSpace
from hpview.wire import Backing, MmFlag, VmFlag
from tests import records
from tests.reason_cases import BASE, GIVEN, HG, SLOT, THP, Given
from tests.records import RW, Script, run
from tests.settings_in_force import DISK, OLD_DISK, SHMEM, TMPFS, in_force, thp

if TYPE_CHECKING:
    from hpview.reasons.answers import Explanation


def _explained(given: Given) -> Explanation:
    found = given.answers().explain(given.start)
    assert found is not None
    return found


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_reason_with_evidence_and_remedy(given: Given) -> None:
    found = _explained(given)
    assert not found.huge
    assert (found.start, found.vma) == (given.start, 0)
    primary, *others = found.findings
    assert primary.reason is given.reason
    assert primary.certain is given.certain
    what, value = given.evidence
    assert primary.evidence[0].what.startswith(what)
    assert value in primary.evidence[0].value
    assert all(fact.rule and fact.source for fact in primary.evidence)
    if given.remedy:
        assert given.remedy in primary.remedies[0].words
    else:
        assert not primary.remedies
    assert tuple(f.reason for f in others) == given.also


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_the_gap_is_shared_out(given: Given) -> None:
    found = given.answers().breakdown
    counted = 4096 * given.present if given.backing is Backing.PTE_4K else 0
    beside = given.size < SLOT or given.vm_flags & VmFlag.IO or given.dev in (DISK, OLD_DISK, 99)
    assert found.gap == (0 if beside else counted)
    assert found.beside == (counted if beside else 0)
    shares = found.others if beside else found.shares
    assert [(s.reason, s.bytes) for s in shares] == ([(given.reason, counted)] if counted else [])


def test_every_reason_is_given_and_has_its_rules() -> None:
    reasons = set(Reason) - {Reason.NONE}
    assert {given.reason for given in GIVEN.values()} == reasons
    assert set(EVIDENCE) == set(REMEDIES) == reasons
    assert set(SHORT) == set(Reason)


def test_what_leads_to_the_setting_stands_before_it() -> None:
    evidence = _explained(GIVEN["not asked"]).findings[0].evidence
    assert [(fact.what, fact.value) for fact in evidence] == [
        (f"{THP}/hugepages-2048kB/enabled", "inherit"),
        (f"{THP}/enabled", "madvise"),
        ("vm_flags", "no VM_HUGEPAGE (hg)"),
    ]
    assert evidence[0].rule == "this size does what the next file says"


def test_force_is_told_to_reach_only_sizes_that_inherit() -> None:
    rules = in_force(thp(shmem_enabled="force", pmd=("inherit", "never")))
    found = _explained(Given(Reason.OFF, ("", ""), "", dev=SHMEM, rules=rules)).findings[0]
    assert [fact[:3] for fact in found.evidence] == [
        (f"{THP}/shmem_enabled", "force", "holds only for sizes whose own file says inherit"),
        (
            f"{THP}/hugepages-2048kB/shmem_enabled",
            "never",
            "no huge pages by faults or khugepaged",
        ),
    ]


def test_what_is_huge_needs_no_reason() -> None:
    found = _explained(Given(Reason.NONE, ("", ""), "", backing=Backing.PMD_2M))
    assert found.huge
    assert found.findings == ()


def test_nothing_is_said_where_nothing_is_mapped() -> None:
    assert GIVEN["waiting"].answers().explain(BASE - 4096) is None


def test_smaps_tell_what_was_advised() -> None:
    given = GIVEN["not asked, not known"]
    text = f"{BASE:x}-{BASE + 2 * SLOT:x} rw-p 00000000 00:00 0\nRss: 0 kB\nVmFlags: rd wr {{}}\n"
    space = given.answers().space
    for code, reason in (
        ("hg", Reason.WAITING),
        ("nh", Reason.NOHUGEPAGE),
        ("", Reason.NOT_ADVISED),
    ):
        smaps = parse_smaps(text.format(code).encode())
        found = answer(space, given.rules, smaps).explain(BASE)
        assert found is not None
        assert found.findings[0].reason is reason
    moved = parse_smaps(text.format("hg").replace("7f0000400000", "7f0000300000").encode())
    found = answer(space, given.rules, moved).explain(BASE)
    assert found is not None
    assert found.findings[0].reason is Reason.CANNOT_TELL


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("waiting", True),
        ("split", True),
        ("never", True),
        ("memfd", True),
        ("memfd, denied", False),
        ("refused", False),
        ("prctl", False),
        ("prctl, except advised", True),
        ("nothing", False),
        ("page cache", False),
        ("offset", False),
        ("userfaultfd", False),
    ],
)
def test_collapse_is_offered_only_where_it_may_succeed(name: str, *, offered: bool) -> None:
    texts = [remedy.text for f in _explained(GIVEN[name]).findings for remedy in f.remedies]
    command = f"hpview collapse 4127 {BASE:x}-{BASE + SLOT:x}"
    assert (command in texts) is offered


@pytest.mark.parametrize(
    ("flags", "advice", "reason"),
    [
        (MmFlag(0), HG, Reason.PROCESS_OFF),
        (MmFlag.KNOWN, HG, Reason.WAITING),
        (MmFlag.KNOWN | MmFlag.THP_DISABLED, HG, Reason.PROCESS_OFF),
        (MmFlag.KNOWN | MmFlag.THP_EXCEPT_ADVISED, HG, Reason.WAITING),
        (MmFlag.KNOWN | MmFlag.THP_EXCEPT_ADVISED, RW, Reason.PROCESS_OFF),
    ],
)
def test_the_iterator_knows_better_than_status_what_prctl_did(
    flags: MmFlag, advice: int, reason: Reason
) -> None:
    script = Script(0).raw(records.task(4127, mm_flags=flags))
    script.vma(
        BASE, BASE + SLOT, run(BASE, BASE + SLOT, Backing.PTE_4K, present=9), vm_flags=advice
    )
    space = AddressSpace()
    space.feed(script.end().data)
    rules = replace(in_force(thp("always")), process=ProcessThp.DISABLED)
    found = answer(space, rules).explain(BASE)
    assert found is not None
    assert found.findings[0].reason is reason


def test_slots_that_single_pages_could_tell_more_of() -> None:
    answers = GIVEN["waiting"].answers()
    assert answers.open_slots.tolist() == [BASE]
    assert GIVEN["head"].answers().open_slots.tolist() == []
    assert GIVEN["page cache"].answers().open_slots.tolist() == []


def test_headlines() -> None:
    space = AddressSpace()
    script = Script(4127)
    script.vma(BASE, BASE + 4 * SLOT, run(BASE, BASE + SLOT), vm_flags=HG)
    space.feed(script.end().data)
    assert answer(space, in_force()).breakdown.words() == "all 2.0 MiB that could be huge are"
    given = GIVEN["not asked"].answers().breakdown
    assert given.words() == "2.0 MiB of 2.0 MiB could be huge and are not: 2.0 MiB no MADV_HUGEPAGE"
    assert given.coverage == 0.0
    small = GIVEN["small"].answers().breakdown
    assert small.words() == "nothing here can be huge"
    assert small.coverage is None


def test_names_are_told_as_they_are() -> None:
    """Whoever draws them escapes them."""
    given = GIVEN["overlay"]
    space = given.answers().space
    name = "/srv/\x1b[31m.so"
    mapping = Mapping(BASE, BASE + 2 * SLOT, RW, 0, 99, 77, name)
    space.set_names(np.array([BASE], dtype=np.uint64), [mapping])
    found = answer(space, given.rules).explain(BASE)
    assert found is not None
    assert found.findings[0].evidence[0].what == f"file system of {name}"


@pytest.mark.parametrize(
    ("point", "text"),
    [
        ("/srv/cache", "mount -o remount,huge=advise /srv/cache"),
        (r"/srv/a\040b", "mount -o remount,huge=advise '/srv/a b'"),
        ("/srv/x;reboot", "mount -o remount,huge=advise '/srv/x;reboot'"),
        ("/srv/$(id)'`id`", """mount -o remount,huge=advise '/srv/$(id)'"'"'`id`'"""),
        (r"/srv/a\012reboot", ""),
        ("/srv/\x1b[31m", ""),
        ("/srv/\udcff", ""),
    ],
)
def test_a_mount_point_in_a_command_is_one_word(point: str, text: str) -> None:
    rules = in_force()
    mount = replace(rules.mounts[TMPFS], point=point)
    given = replace(GIVEN["tmpfs"], rules=replace(rules, mounts={TMPFS: mount}))
    assert _explained(given).findings[0].remedies[-1].text == text


def test_a_mount_of_another_namespace_is_changed_there() -> None:
    given = replace(GIVEN["tmpfs"], rules=replace(in_force(), other_mounts=True))
    text = _explained(given).findings[0].remedies[-1].text
    assert text == "nsenter -t 4127 -m -r mount -o remount,huge=advise /srv/cache"


def test_userfaultfd_lets_whole_slots_be_collapsed() -> None:
    given = replace(GIVEN["userfaultfd"], present=512)
    first = _explained(given).findings[0]
    assert first.reason is Reason.WAITING
    assert first.remedies[0].text.startswith("hpview collapse")


def test_no_limit_is_to_blame_that_is_not_met() -> None:
    first = _explained(GIVEN["swapped, and nothing left"]).findings[0]
    assert not any("max_ptes_swap" in fact.what for fact in first.evidence)
    assert not any("max_ptes_swap" in remedy.text for remedy in first.remedies)
    limit = _explained(GIVEN["swapped"]).findings[0]
    assert limit.evidence[-1][:2] == (f"{THP}/khugepaged/max_ptes_swap", "64")
    assert limit.remedies[-1].text == f"echo 511 > {THP}/khugepaged/max_ptes_swap"


@pytest.mark.parametrize(
    ("sleep", "texts"),
    [
        (10000, [f"echo 1000 > {THP}/khugepaged/scan_sleep_millisecs"]),
        (1000, [f"echo 100 > {THP}/khugepaged/scan_sleep_millisecs"]),
        (1, [f"echo 0 > {THP}/khugepaged/scan_sleep_millisecs"]),
        (0, []),
    ],
)
def test_khugepaged_is_never_told_to_come_less_often(sleep: int, texts: list[str]) -> None:
    given = replace(GIVEN["waiting"], rules=in_force(thp(scan_sleep_millisecs=sleep)))
    remedies = _explained(given).findings[0].remedies
    assert [r.text for r in remedies if r.text.startswith("echo")] == texts


def test_a_pace_that_is_not_known_is_not_told() -> None:
    rules = in_force()
    rules = replace(rules, thp=replace(rules.thp, khugepaged={}))
    first = _explained(replace(GIVEN["waiting"], rules=rules)).findings[0]
    assert first.evidence[0].value == "not known"
    assert not any(remedy.text.startswith("echo") for remedy in first.remedies)


@pytest.mark.parametrize(
    ("kernel", "executable"), [((6, 7), True), ((6, 8), False), ((6, 18), False)]
)
def test_files_had_to_be_executable_until_the_kernel_that_dropped_it(
    kernel: tuple[int, int], *, executable: bool
) -> None:
    given = replace(GIVEN["old file system"], rules=replace(in_force(), kernel=kernel))
    assert ("executable" in _explained(given).findings[0].evidence[0].rule) is executable


def test_memory_of_ones_own_is_aligned_by_aligned_alloc_and_no_other() -> None:
    assert "aligned_alloc" in _explained(GIVEN["head"]).findings[0].remedies[0].text
    shared = replace(GIVEN["head"], dev=SHMEM, pgoff=256)
    assert _explained(shared).findings[0].reason is Reason.EDGE
    assert _explained(shared).findings[0].remedies[0].text == ""


@pytest.mark.parametrize(
    ("kernel", "size", "expected"),
    [((6, 12), 65536, 1), ((6, 15), 8192, 1), ((6, 12), 4096, 0), ((6, 11), 65536, 0),
     ((6, 16), 65536, 0), ((6, 16), 2 << 20, 1)],
)  # fmt: skip
def test_shared_memory_told_eligible_by_a_size_that_does_not_fit(
    kernel: tuple[int, int], size: int, expected: int
) -> None:
    """Linux 6.12 was booted: 64 kB of memfd are eligible because 2 MB are allowed."""
    rules = replace(in_force(thp(shmem_enabled="always")), kernel=kernel)
    given = Given(Reason.NONE, ("", ""), "", dev=SHMEM, size=size, present=1, rules=rules)
    answers = given.answers()
    assert thp_eligible(answers.space, rules, answers.eligibility).tolist() == [expected]


@pytest.mark.parametrize(("kernel", "expected"), [((5, 10), 0), ((6, 1), 1)])
def test_sysv_memory_told_eligible(kernel: tuple[int, int], expected: int) -> None:
    """As the two kernels do that were booted."""
    rules = replace(in_force(thp(shmem_enabled="always", pmd=None, small=None)), kernel=kernel)
    given = Given(Reason.NONE, ("", ""), "", dev=SHMEM, name="/SYSV00000000 (deleted)", rules=rules)
    answers = given.answers()
    assert thp_eligible(answers.space, rules, answers.eligibility).tolist() == [expected]
