"""What is told of the answers: sums of ranges and VMAs, words, what is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.errors import AccessDenied
from hpview.in_force import ProcessThp
from hpview.inquiry.asking import Inquiry, ask, cross_check, look_closer
from hpview.inquiry.same import NotTheSame
from hpview.inquiry.sums import vma_sums, within
from hpview.inquiry.unknowns import unknowns
from hpview.inquiry.words import brief, cell_forms, flowed, settings_words
from hpview.kernelfs.smaps import SMAPS, Smaps
from hpview.pages import slot_facts
from hpview.reasons.breakdown import breakdown
from hpview.reasons.reason import Reason
from hpview.space.address_space import AddressSpace
from hpview.wire import SLOT_SIZE, Backing, Source, VmFlag
from tests import reasons_model
from tests.fakes import Fakes
from tests.records import Script, run, task
from tests.settings_in_force import OLD_DISK, in_force, thp
from tests.space_model import scripts

if TYPE_CHECKING:
    from hpview.in_force import InForce

A = 0x7F0000000000
SLOT = SLOT_SIZE
EXAMPLES = settings(max_examples=60)


def space_of(*vmas: tuple[int, int, bytes, int], source: Source = Source.BPF) -> AddressSpace:
    script = Script(4127)
    script.records[0] = task(4127, source=source)
    for start, end, runs, flags in vmas:
        script.vma(start, end, runs, vm_flags=0x3 | flags)
    space = AddressSpace()
    space.feed(b"".join(script.end().records))
    return space


def plain(source: Source = Source.BPF) -> AddressSpace:
    """Four slots of 4 kB pages that nobody advised."""
    end = A + 4 * SLOT
    return space_of((A, end, run(A, end, Backing.PTE_4K, present=512), 0), source=source)


def whats(found: Inquiry) -> list[str]:
    return [unknown.what for unknown in unknowns(found)]


@EXAMPLES
@given(scripts(), st.integers(0, 1 << 20), st.integers(1, 40))
def test_bytes_within_a_range_are_those_of_its_slots(
    records: list[bytes], first: int, count: int
) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    rules = in_force()
    answers = ask(space, rules).answers
    slots = list(reasons_model.slots(space, rules, answers.eligibility, {}))
    if not slots:
        return
    start = slots[first % len(slots)].start // SLOT * SLOT
    end = start + count * SLOT
    found = breakdown(within(answers, start, end))
    inside = [slot for slot in slots if start <= slot.start < end]
    assert found.gap == sum(slot.gap for slot in inside)
    assert found.beside == sum(slot.beside for slot in inside)
    assert found.huge == sum(slot.huge for slot in inside)
    for share in found.shares:
        own = [slot.gap for slot in inside if slot.reason is share.reason]
        assert share.bytes == sum(own)


@EXAMPLES
@given(scripts())
def test_reasons_and_vmas_sum_to_the_whole(records: list[bytes]) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    found = ask(space, in_force())
    whole, sums = found.answers.breakdown, vma_sums(found.answers)
    assert (sums.gap.sum(), sums.beside.sum(), sums.huge.sum()) == (
        whole.gap,
        whole.beside,
        whole.huge,
    )
    assert (np.diff(sums.gap[sums.neediest]) <= 0).all()
    assert (sums.gap[sums.neediest] > 0).all()
    counted = [one for one in found.told if one.counted]
    assert [one.share for one in counted] == list(whole.shares)
    for one in found.told:
        assert one.finding.reason is one.share.reason
        assert one.finding.evidence
        assert one.places["bytes"].sum() == one.share.bytes
        assert (one.places["start"][0], one.places["end"][0]) == (one.share.start, one.share.end)
        assert (np.diff(one.places["bytes"]) <= 0).all()


def test_cells_tell_why_in_ever_shorter_forms() -> None:
    answers = ask(plain(), in_force()).answers
    forms = cell_forms(answers, A, A + SLOT, A)
    assert forms == (
        "the program did not ask: no MADV_HUGEPAGE (enabled madvise)",
        "the program did not ask: no MADV_HUGEPAGE",
        "no MADV_HUGEPAGE",
    )
    assert cell_forms(answers, A, A + 8 * SLOT, A) == ("8.0 MiB no MADV_HUGEPAGE",)
    assert cell_forms(answers, A + SLOT, A + 3 * SLOT, A) == ("4.0 MiB no MADV_HUGEPAGE",)
    assert cell_forms(answers, A + 8 * SLOT, A + 9 * SLOT, A + 8 * SLOT) == ()
    assert cell_forms(answers, A + 4096, A + 8192, A + 4096) == forms


@pytest.mark.parametrize(
    ("rules", "flags", "reason", "words"),
    [
        (in_force(thp("never")), 0, Reason.OFF, "enabled never"),
        (in_force(), 0, Reason.NOT_ADVISED, "enabled madvise"),
        (in_force(), VmFlag.NOHUGEPAGE, Reason.NOHUGEPAGE, ""),
        (in_force(thp(pmd=("madvise", None))), 0, Reason.NOT_ADVISED, "enabled madvise"),
    ],
)
def test_what_shows_a_reason_in_a_few_words(
    rules: InForce, flags: int, reason: Reason, words: str
) -> None:
    end = A + 4 * SLOT
    space = space_of((A, end, run(A, end, Backing.PTE_4K, present=512), flags))
    explanation = ask(space, rules).answers.explain(A)
    assert explanation is not None
    assert explanation.findings[0].reason is reason
    assert brief(explanation.findings[0]) == words


def test_settings_in_a_few_words_each() -> None:
    assert settings_words(in_force()) == (
        "Linux 6.18",
        "THP madvise",
        "shared memory never",
        "defrag madvise",
        "allowed for the process",
        "khugepaged max_ptes none 511, swap 64, shared 256",
        "khugepaged 4096 pages every 10 s",
        "2 MB blocks free 3 412",
    )
    other = thp("always", shmem_enabled="advise", pmd=("never", "always"))
    words = settings_words(replace(in_force(other), process=ProcessThp.DISABLED, free_huge=None))
    assert words[1:5] == (
        "THP always (2 MB: never)",
        "shared memory advise (2 MB: always)",
        "defrag madvise",
        "disabled for the process",
    )
    bare = replace(other, enabled=None, shmem_enabled=None, defrag=None, khugepaged={}, sizes=())
    assert settings_words(replace(in_force(bare), free_huge=None))[1:] == (
        "THP -",
        "shared memory -",
        "defrag -",
        "allowed for the process",
    )


def test_no_word_is_cut_in_two() -> None:
    assert flowed(["a b", "c", "d e f"], 7) == ["a b · c", "d e f"]
    assert flowed(["a long word", "b"], 4) == ["a long word", "b"]
    assert flowed([], 9) == []


def test_nothing_is_unknown_where_all_was_read() -> None:
    assert whats(ask(plain(), in_force())) == []


def test_what_is_not_known_is_told_with_what_would_change_it() -> None:
    found = ask(plain(Source.PAGEMAP_SCAN), in_force())
    (unknown,) = unknowns(found)
    assert unknown.what == "what madvise() said of 1 huge-able VMA"
    assert "CAP_BPF" in unknown.remedy
    rules = replace(in_force(), process=ProcessThp.NOT_DISABLED)
    assert "PR_THP_DISABLE_EXCEPT_ADVISED" in whats(ask(plain(), rules))[0]
    rules = replace(in_force(), process=ProcessThp.UNKNOWN)
    assert "THP_enabled" in whats(ask(plain(), rules))[0]
    rules = replace(in_force(), mounts={}, free_huge=None)
    assert whats(ask(plain(), rules)) == [
        "file systems and their options (/proc/PID/mountinfo)",
        "free blocks of 2 MiB (/proc/buddyinfo)",
    ]


def test_the_kernels_configuration_matters_to_files_only() -> None:
    rules = replace(in_force(), read_only_thp=None)
    assert whats(ask(plain(), rules)) == []
    script = Script(4127).vma(
        A, A + 2 * SLOT, run(A, A + 2 * SLOT, Backing.PTE_4K, present=9), dev=OLD_DISK, ino=7
    )
    space = AddressSpace()
    space.feed(b"".join(script.end().records))
    assert "CONFIG_READ_ONLY_THP_FOR_FS" in whats(ask(space, rules))[0]


def test_pages_are_asked_about_open_slots_only() -> None:
    asked: list[list[int]] = []
    fakes = Fakes([])

    def facts(_pid: int, slots: np.ndarray) -> np.ndarray:
        asked.append(slots.tolist())
        return np.array([(slots[0], 0, slot_facts.Folio.UNKNOWN)], dtype=slot_facts.SLOT_FACTS)

    services = replace(fakes.services(), slot_facts=facts)
    found = look_closer(services, ask(plain(), in_force()))
    assert asked == [[A + i * SLOT for i in range(4)]]
    assert whats(found) == ["which pages were huge and are split (/proc/kpageflags)"]
    look_closer(services, ask(plain(), in_force()), A + SLOT + 5)
    assert asked[1:] == [[A + SLOT]]
    look_closer(services, ask(plain(), in_force()), A + 100 * SLOT)
    huge = space_of((A, A + SLOT, run(A, A + SLOT), 0))
    look_closer(services, ask(huge, in_force()))
    assert len(asked) == 2


def test_pages_that_may_not_be_read_leave_the_answers_as_they_are() -> None:
    def facts(pid: int, _slots: np.ndarray) -> np.ndarray:
        raise AccessDenied(pid)

    services = replace(Fakes([]).services(), slot_facts=facts)
    before = ask(plain(), in_force())
    found = look_closer(services, before)
    assert found.answers is before.answers
    assert whats(found)[0].startswith("which pages are shared or were huge: process 4127 may not")


def test_only_so_many_slots_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpview.inquiry.asking.MOST", 3)
    services = Fakes([]).services()
    found = look_closer(services, ask(plain(), in_force()))
    assert found.unasked == 1
    assert "of 1 slot: only" in whats(found)[0]


def test_the_kernels_own_word_is_held_against_the_rules() -> None:
    rows = [(A, A + 4 * SLOT, 1), (A + 8 * SLOT, A + 9 * SLOT, 0)]
    table = np.zeros(2, dtype=SMAPS)
    for at, (start, end, eligible) in enumerate(rows):
        table[at]["start"], table[at]["end"], table[at]["eligible"] = start, end, eligible
    smaps = Smaps(table, ("rd wr", "rd"))
    compared, (differing,) = cross_check(ask(plain(), in_force(), smaps))
    assert compared == 1
    assert differing == (A, A + 4 * SLOT, 1, 0)
    table["eligible"] = -1
    assert cross_check(ask(plain(), in_force(), smaps)) == (0, ())
    assert cross_check(ask(plain(), in_force())) == (0, ())
    empty = Smaps(np.zeros(0, dtype=SMAPS), ())
    assert cross_check(ask(plain(), in_force(), empty)) == (0, ())
    table["eligible"] = 1
    always = ask(plain(), in_force(thp("always")), smaps)
    assert cross_check(always) == (1, ())


def test_single_pages_of_another_program_tell_nothing() -> None:
    fakes = Fakes([], another=NotTheSame(4127, "runs another program than the one that was read"))
    found = look_closer(fakes.services(), ask(plain(), in_force()))
    assert found.no_facts == "process 4127 runs another program than the one that was read"
    assert not len(found.facts)
