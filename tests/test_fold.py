"""Folding page ranges into runs of slots, against a model that looks at one page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.kernelfs.pagemap import REGION, Category
from hpview.stream.fold import GUESSED, Folded, fold, slot_counts, sums
from hpview.wire import PAGE_SIZE, PUD_SIZE, SLOT_PAGES, SLOT_SIZE, Backing, RunFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

C = Category
THP = C.PRESENT | C.HUGE
HUGE_ZERO = THP | C.PFNZERO
MIGRATING = C.SWAPPED | C.HUGE
SMALL = C.PRESENT
ZERO = C.PRESENT | C.PFNZERO
SWAP = C.SWAPPED
GUARD = C.SWAPPED | C.GUARD
GUARD_RAW = C.GUARD
BASE = 0x7F00_0000_0000


class Span(NamedTuple):
    start: int
    end: int
    page_size: int = PAGE_SIZE


class Slot(NamedTuple):
    """What one slot of one VMA is expected to say."""

    start: int
    end: int
    backing: Backing
    flags: int
    present: int
    swapped: int
    zero: int
    guard: int


def slot_of(pages: list[int], start: int, end: int, page_size: int) -> Slot | None:
    """One slot from the categories of its pages: first leaves, then the table."""
    huge = [c for c in pages if c & C.HUGE]
    guess = int(RunFlag.ESTIMATE) if any(c & GUESSED for c in pages) else 0
    if huge:
        if huge[0] & C.PFNZERO:
            return Slot(start, end, Backing.ZERO, RunFlag.PMD_ZERO | guess, 0, 0, SLOT_PAGES, 0)
        backing = Backing.PUD_1G if page_size >= PUD_SIZE else Backing.PMD_2M
        flags = guess | (0 if huge[0] & C.PRESENT else int(RunFlag.MIGRATING))
        return Slot(start, end, backing, flags, SLOT_PAGES, 0, 0, 0)
    guard = sum(bool(c & C.GUARD) for c in pages)
    swapped = sum(bool(c & C.SWAPPED and not c & C.GUARD) for c in pages)
    zero = sum(bool(c & C.PRESENT and c & C.PFNZERO) for c in pages)
    present = sum(bool(c & C.PRESENT and not c & C.PFNZERO) for c in pages)
    if not guard + swapped + zero + present:
        return None
    backing = Backing.NONE
    for count, kind in ((zero, Backing.ZERO), (swapped, Backing.SWAP), (present, Backing.PTE_4K)):
        backing = kind if count else backing
    return Slot(start, end, backing, guess, present, swapped, zero, guard)


def model(spans: list[Span], pages: dict[int, int]) -> list[list[Slot]]:
    """Runs of each VMA."""
    out = []
    for span in spans:
        runs: list[Slot] = []
        for number in range(span.start // SLOT_SIZE, -(-span.end // SLOT_SIZE)):
            start = max(span.start, number * SLOT_SIZE)
            end = min(span.end, (number + 1) * SLOT_SIZE)
            found = [pages.get(at, 0) for at in range(start, end, PAGE_SIZE)]
            slot = slot_of(found, start, end, span.page_size)
            if slot is None:
                continue
            if runs and runs[-1].end == start and runs[-1][2:] == slot[2:]:
                runs[-1] = runs[-1]._replace(end=end)
            else:
                runs.append(slot)
        out.append(runs)
    return out


def regions_of(pages: dict[int, int], cuts: set[int]) -> NDArray[np.void]:
    """Neighbouring pages of equal category are one region, except at ``cuts``."""
    rows: list[list[int]] = []
    for at in sorted(pages):
        if rows and rows[-1][1] == at and rows[-1][2] == pages[at] and at not in cuts:
            rows[-1][1] += PAGE_SIZE
        else:
            rows.append([at, at + PAGE_SIZE, pages[at]])
    return np.array([tuple(row) for row in rows], REGION)


def folded(spans: list[Span], regions: NDArray[np.void]) -> Folded:
    table = np.array(spans, np.uint64).reshape(-1, 3)
    return fold(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), regions)


def runs_of(result: Folded) -> list[list[Slot]]:
    names = ("start", "end", "backing", "flags", "present", "swapped", "zero", "guard")
    columns = [result.runs[name].tolist() for name in names]
    runs = [Slot(*values) for values in zip(*columns, strict=True)]
    first = result.first.tolist()
    return [runs[a:b] for a, b in pairwise(first)]


def one_slot(*pieces: tuple[int, int], page_size: int = PAGE_SIZE) -> Slot | None:
    """The run of a VMA of one slot whose pages are so many of each category in turn."""
    pages = {}
    at = BASE
    for count, category in pieces:
        pages.update({at + i * PAGE_SIZE: category for i in range(count) if category})
        at += count * PAGE_SIZE
    result = runs_of(folded([Span(BASE, BASE + SLOT_SIZE, page_size)], regions_of(pages, set())))
    assert len(result) == 1
    return result[0][0] if result[0] else None


def expected(
    backing: Backing,
    *,
    flags: int = 0,
    present: int = 0,
    swapped: int = 0,
    zero: int = 0,
    guard: int = 0,
) -> Slot:
    return Slot(BASE, BASE + SLOT_SIZE, backing, flags, present, swapped, zero, guard)


GIGANTIC = expected(Backing.PUD_1G, present=512)


@pytest.mark.parametrize(
    ("pieces", "result"),
    [
        ([], None),
        ([(512, THP)], expected(Backing.PMD_2M, present=512)),
        ([(512, HUGE_ZERO)], expected(Backing.ZERO, flags=RunFlag.PMD_ZERO, zero=512)),
        ([(512, MIGRATING)], expected(Backing.PMD_2M, flags=RunFlag.MIGRATING, present=512)),
        ([(512, SMALL)], expected(Backing.PTE_4K, present=512)),
        ([(7, 0), (1, SMALL)], expected(Backing.PTE_4K, present=1)),
        ([(3, ZERO)], expected(Backing.ZERO, zero=3)),
        ([(4, SWAP)], expected(Backing.SWAP, swapped=4)),
        ([(5, GUARD)], expected(Backing.NONE, guard=5)),
        ([(5, GUARD_RAW)], expected(Backing.NONE, guard=5)),
        ([(2, SWAP), (3, ZERO)], expected(Backing.SWAP, swapped=2, zero=3)),
        ([(2, ZERO), (3, GUARD)], expected(Backing.ZERO, zero=2, guard=3)),
        (
            [(1, GUARD), (2, SWAP), (3, ZERO), (4, SMALL)],
            expected(Backing.PTE_4K, present=4, swapped=2, zero=3, guard=1),
        ),
        (
            [(512, THP | GUESSED)],
            expected(Backing.PMD_2M, flags=RunFlag.ESTIMATE, present=512),
        ),
        # a hugetlb page that was never touched says HUGE alone
        ([(512, C.HUGE)], None),
    ],
)
def test_one_slot(pieces: list[tuple[int, int]], result: Slot | None) -> None:
    assert one_slot(*pieces) == result


def test_hugetlb_of_1_gib_is_told_by_the_page_size_of_the_vma() -> None:
    assert one_slot((512, THP), page_size=PUD_SIZE) == GIGANTIC
    assert one_slot((512, THP), page_size=SLOT_SIZE) == expected(Backing.PMD_2M, present=512)
    migrating = one_slot((512, MIGRATING), page_size=PUD_SIZE)
    assert migrating == GIGANTIC._replace(flags=RunFlag.MIGRATING)


def test_a_slot_seen_half_before_and_half_after_its_split_counts_no_page_twice() -> None:
    for other in (SMALL, ZERO, SWAP, GUARD, HUGE_ZERO, MIGRATING):
        slot = one_slot((100, THP), (412, other))
        assert slot == expected(Backing.PMD_2M, present=512), other


def test_a_whole_1_gib_leaf_is_one_run_of_512_slots() -> None:
    start = -(-BASE // PUD_SIZE) * PUD_SIZE
    regions = np.array([(start, start + PUD_SIZE, THP)], REGION)
    result = folded([Span(start, start + PUD_SIZE, PUD_SIZE)], regions)
    assert len(result.runs) == 1
    assert slot_counts(result.runs).tolist() == [512]
    totals = sums(result.runs, np.zeros(1, np.intp), 1)
    assert {name: total.tolist() for name, total in totals.items()} == {
        "slots_2m": [0],
        "slots_1g": [512],
        "pages_4k": [0],
        "pages_swap": [0],
    }


def test_a_guessed_leaf_cannot_be_cut_by_a_border_of_a_vma() -> None:
    middle, end = BASE + 100 * PAGE_SIZE, BASE + SLOT_SIZE
    regions = np.array([(BASE, end, THP | GUESSED)], REGION)
    result = folded([Span(BASE, middle), Span(middle, end)], regions)
    assert result.runs["backing"].tolist() == [Backing.PTE_4K] * 2
    assert result.runs["present"].tolist() == [100, 412]
    assert not result.runs["flags"].any()


def test_neighbours_join_within_a_vma_only() -> None:
    middle = BASE + 2 * SLOT_SIZE
    regions = np.array([(BASE, BASE + 4 * SLOT_SIZE, THP)], REGION)
    result = folded([Span(BASE, middle), Span(middle, BASE + 4 * SLOT_SIZE)], regions)
    assert result.first.tolist() == [0, 1, 2]
    assert result.runs["end"].tolist() == [middle, BASE + 4 * SLOT_SIZE]


def test_a_gap_of_one_slot_is_not_bridged() -> None:
    far = BASE + 2 * SLOT_SIZE
    regions = np.array([(BASE, BASE + SLOT_SIZE, THP), (far, far + SLOT_SIZE, THP)], REGION)
    assert folded([Span(BASE, far + SLOT_SIZE)], regions).first.tolist() == [0, 2]


@pytest.mark.parametrize("spans", [[], [Span(BASE, BASE + PAGE_SIZE)]])
def test_nothing_there(spans: list[Span]) -> None:
    result = folded(spans, np.zeros(0, REGION))
    assert not len(result.runs)
    assert result.first.tolist() == [0] * (len(spans) + 1)


@dataclass(frozen=True)
class Space:
    spans: list[Span]
    pages: dict[int, int]
    cuts: set[int]


LEAVES = (THP, HUGE_ZERO, MIGRATING, THP | GUESSED, HUGE_ZERO | GUESSED)
SMALLS = (0, SMALL, ZERO, SWAP, GUARD, GUARD_RAW)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """VMAs in eight slots, and for each slot a leaf or a table of a few stretches.

    A leaf lies in one VMA, whole; what is in no VMA may be anything.
    """
    edges = draw(st.lists(st.integers(0, 8 * SLOT_PAGES), min_size=2, max_size=9, unique=True))
    edges = sorted(e if draw(st.booleans()) else e // SLOT_PAGES * SLOT_PAGES for e in edges)
    spans = [
        Span(BASE + a * PAGE_SIZE, BASE + b * PAGE_SIZE, draw(st.sampled_from((4096, PUD_SIZE))))
        for a, b in pairwise(edges)
        if a < b and draw(st.integers(0, 4))
    ]
    pages: dict[int, int] = {}
    for number in range(8):
        start = BASE + number * SLOT_SIZE
        whole = any(s.start <= start and start + SLOT_SIZE <= s.end for s in spans)
        if whole and draw(st.booleans()):
            leaf = draw(st.sampled_from(LEAVES))
            pages.update(dict.fromkeys(range(start, start + SLOT_SIZE, PAGE_SIZE), leaf))
            continue
        borders = sorted(draw(st.lists(st.integers(0, SLOT_PAGES), max_size=4)))
        for a, b in zip([0, *borders], [*borders, SLOT_PAGES], strict=True):
            category = draw(st.sampled_from(SMALLS))
            if category:
                at = range(start + a * PAGE_SIZE, start + b * PAGE_SIZE, PAGE_SIZE)
                pages.update(dict.fromkeys(at, category))
    cuts = draw(st.sets(st.integers(0, 8 * SLOT_PAGES), max_size=4))
    return Space(spans, pages, {BASE + cut * PAGE_SIZE for cut in cuts})


@settings(max_examples=40)
@given(spaces())
def test_random_spaces_fold_as_the_model_has_it(space: Space) -> None:
    result = folded(space.spans, regions_of(space.pages, space.cuts))
    wanted = model(space.spans, space.pages)
    assert runs_of(result) == wanted
    owner = np.repeat(np.arange(len(space.spans)), np.diff(result.first))
    totals = sums(result.runs, owner, len(space.spans))
    for i, runs in enumerate(wanted):
        slots = [(r, -(-r.end // SLOT_SIZE) - r.start // SLOT_SIZE) for r in runs]
        assert totals["slots_2m"][i] == sum(n for r, n in slots if r.backing == Backing.PMD_2M)
        assert totals["slots_1g"][i] == sum(n for r, n in slots if r.backing == Backing.PUD_1G)
        assert totals["pages_4k"][i] == sum(
            n * r.present for r, n in slots if r.backing == Backing.PTE_4K
        )
        assert totals["pages_swap"][i] == sum(n * r.swapped for r, n in slots)
