"""For every reason a process of which it is true: verdict, evidence, remedies, certainty."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hpview.in_force import ProcessThp
from hpview.kernelfs.maps import Mapping
from hpview.kernelfs.smaps import parse_smaps
from hpview.pages.slot_facts import NO_FACTS, SLOT_FACTS, Folio
from hpview.reasons.answers import answer
from hpview.reasons.evidence import EVIDENCE
from hpview.reasons.reason import SHORT, Reason
from hpview.reasons.remedies import REMEDIES
from hpview.space.address_space import AddressSpace
from hpview.wire import Backing, Source, VmFlag
from tests import records
from tests.records import MIB, RW, Script, run
from tests.settings_in_force import DISK, OLD_DISK, SHMEM, TMPFS, in_force, thp

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.reasons.answers import Answers, Explanation
    from hpview.wire import Records

BASE = 0x7F0000000000
SLOT = 2 * MIB
HG = RW | VmFlag.HUGEPAGE
THP = "/sys/kernel/mm/transparent_hugepage"


def _facts(shared: int = 0, folio: Folio = Folio.SMALL) -> Records:
    return np.array([(BASE, shared, folio)], dtype=SLOT_FACTS)


@dataclass(frozen=True)
class Given:
    """One VMA of 4 MiB at ``BASE`` with one slot in it, and what is to be said of that slot."""

    reason: Reason
    evidence: tuple[str, str]
    remedy: str
    certain: bool = True
    also: tuple[Reason, ...] = ()
    vm_flags: int = HG
    start: int = BASE
    size: int = 2 * SLOT
    dev: int = 0
    pgoff: int = 0
    backing: Backing = Backing.PTE_4K
    present: int = 512
    swapped: int = 0
    rules: InForce = field(default_factory=in_force)
    facts: Records = field(default_factory=NO_FACTS.copy)
    source: Source = Source.BPF
    name: str = ""

    def answers(self) -> Answers:
        script = Script(0).raw(records.task(4127, source=self.source))
        end = self.start + self.size
        cut = min(end, self.start // SLOT * SLOT + SLOT)
        runs = [run(self.start, cut, self.backing, present=self.present, swapped=self.swapped)]
        script.vma(
            self.start,
            end,
            *(runs if self.backing is not Backing.NONE else []),
            vm_flags=self.vm_flags,
            dev=self.dev,
            ino=77 if self.dev else 0,
            pgoff=self.pgoff,
        )
        space = AddressSpace()
        space.feed(script.end().data)
        if self.name:
            mapping = Mapping(self.start, end, RW, 0, self.dev, 77, self.name)
            space.set_names(np.array([self.start], dtype=np.uint64), [mapping])
        return answer(space, self.rules, None, self.facts)


GIVEN = {
    "unread": Given(
        Reason.UNREADABLE, ("page tables of", "could not be read"), "run as",
        backing=Backing.UNKNOWN,
    ),
    "nothing": Given(
        Reason.EMPTY, ("page table of", "no page"), "nothing is missed", backing=Backing.NONE
    ),
    "nothing, and it would not be": Given(
        Reason.EMPTY, ("page table of", "no page"), "nothing is missed", backing=Backing.NONE,
        vm_flags=RW, also=(Reason.NOT_ADVISED,),
    ),
    "the zero page": Given(
        Reason.EMPTY, ("page table of", "zero page"), "nothing is missed", backing=Backing.ZERO,
        present=0,
    ),
    "a device": Given(
        Reason.KIND, ("vm_flags", "VM_IO"), "", vm_flags=HG | VmFlag.IO,
    ),
    "small": Given(
        Reason.TOO_SMALL, (f"VMA {BASE:x}-{BASE + MIB:x}", "1.0 MiB"), "map more at once", size=MIB,
        present=256,
    ),
    "head": Given(
        Reason.EDGE, (f"VMA {BASE + MIB:x}-", f"head: the VMA begins at {BASE + MIB:x}"),
        "begin the mapping at a multiple", start=BASE + MIB, present=256,
    ),
    "offset": Given(
        Reason.MISALIGNED, ("VMA", "start 0x0, offset 0x10000 modulo 2 MiB"), "map it at",
        dev=SHMEM, pgoff=16, rules=in_force(thp(shmem_enabled="always")),
    ),
    "old file system": Given(
        Reason.FILE, ("/proc/config.gz", "CONFIG_READ_ONLY_THP_FOR_FS not set"), "a kernel with",
        dev=OLD_DISK,
    ),
    "page cache": Given(
        Reason.CACHE, ("mount /", "type ext4"), "have it read in", dev=DISK, certain=False,
    ),
    "overlay": Given(
        Reason.CANNOT_TELL, ("file system of", "not known"), "", dev=99,
    ),
    "prctl": Given(
        Reason.PROCESS_OFF, ("/proc/4127/status THP_enabled", "0"), "do not disable",
        rules=replace(in_force(), process=ProcessThp.DISABLED),
    ),
    "prctl, except advised": Given(
        Reason.PROCESS_OFF, ("mm flags", "EXCEPT_ADVISED"), "ask for it", vm_flags=RW,
        rules=replace(in_force(thp("always")), process=ProcessThp.ADVISED_ONLY),
    ),
    "refused": Given(
        Reason.NOHUGEPAGE, ("vm_flags", "nh"), "leave out madvise(MADV_NOHUGEPAGE)",
        vm_flags=RW | VmFlag.NOHUGEPAGE,
    ),
    "not asked": Given(
        Reason.NOT_ADVISED, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "ask for it",
        vm_flags=RW,
    ),
    "not asked, not known": Given(
        Reason.CANNOT_TELL, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "run as root",
        source=Source.PAGEMAP_SCAN,
    ),
    "never": Given(
        Reason.OFF, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "collapse the slot now",
        rules=in_force(thp("never")),
    ),
    "never for the size": Given(
        Reason.OFF, (f"{THP}/hugepages-2048kB/enabled", "never"), "collapse the slot now",
        rules=in_force(thp("always", pmd=("never", "never"))),
    ),
    "memfd": Given(
        Reason.SHMEM_OFF, (f"{THP}/hugepages-2048kB/shmem_enabled", "inherit"),
        "collapse the slot now", dev=SHMEM,
    ),
    "memfd, denied": Given(
        Reason.SHMEM_OFF, (f"{THP}/shmem_enabled", "deny"), "let shared memory", dev=SHMEM,
        rules=in_force(thp(shmem_enabled="deny")),
    ),
    "tmpfs": Given(
        Reason.SHMEM_OFF, ("mount option huge= of /srv/cache", "never"), "collapse the slot now",
        dev=TMPFS,
    ),
    "tmpfs, not asked": Given(
        Reason.NOT_ADVISED, ("mount option huge= of /srv/cache", "advise"), "ask for it",
        dev=TMPFS, vm_flags=RW, rules=in_force(huge="advise"),
    ),
    "swapped": Given(
        Reason.SWAPPED, ("page table of", "65 of 512 pages swapped out"), "use it", present=447,
        swapped=65,
    ),
    "shared": Given(
        Reason.SHARED, ("page table of", "257 of 512 pages mapped by another"),
        "collapse the slot now", facts=_facts(shared=257),
    ),
    "sparse": Given(
        Reason.SPARSE, ("page table of", "447 of 512 pages present"), "collapse the slot now",
        present=447, rules=in_force(thp(max_ptes_none=64)),
    ),
    "sparse shared memory": Given(
        Reason.SPARSE, ("page table of", "447 of 512 pages present"), "collapse the slot now",
        present=447, rules=in_force(thp(shmem_enabled="always", max_ptes_none=64)), dev=SHMEM,
        certain=False,
    ),
    "SysV memory": Given(
        Reason.SHMEM_OFF, (f"{THP}/shmem_enabled", "never"), "collapse the slot now", dev=SHMEM,
        name="/SYSV00000001 (deleted)", rules=in_force(thp(pmd=("inherit", "always"))),
    ),
    "a tmpfs file that was unlinked some time": Given(
        Reason.CANNOT_TELL, ("when /srv/cache/x (deleted) lost its name", "never"), "", dev=TMPFS,
        name="/srv/cache/x (deleted)", rules=in_force(thp(pmd=("inherit", "always"))),
    ),
    "userfaultfd": Given(
        Reason.SPARSE, ("page table of", "511 of 512"), "collapse the slot now", present=511,
        vm_flags=HG | VmFlag.UFFD_MISSING,
    ),
    "page cache, prctl except advised": Given(
        Reason.CACHE, ("mount /", "type ext4"), "have it read in", dev=DISK, certain=False,
        vm_flags=RW, rules=replace(in_force(), process=ProcessThp.ADVISED_ONLY),
    ),
    "split": Given(
        Reason.SPLIT, ("/proc/kpageflags of", "mapped by 511 entries"), "collapse the slot now",
        present=511, facts=_facts(folio=Folio.SPLIT),
    ),
    "fragmented": Given(
        Reason.FALLBACK, ("/proc/buddyinfo", "0 free blocks"), "compact memory once",
        rules=replace(in_force(), free_huge=0), certain=False,
    ),
    "waiting": Given(
        Reason.WAITING, (f"{THP}/khugepaged", "pages_to_scan 4096"), "collapse the slot now",
        certain=False,
    ),
}  # fmt: skip


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
        ("prctl, except advised", False),
        ("nothing", False),
        ("page cache", False),
        ("offset", False),
    ],
)
def test_collapse_is_offered_only_where_it_may_succeed(name: str, *, offered: bool) -> None:
    texts = [remedy.text for f in _explained(GIVEN[name]).findings for remedy in f.remedies]
    command = f"hpview collapse 4127 {BASE:x}-{BASE + SLOT:x}"
    assert (command in texts) is offered


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
