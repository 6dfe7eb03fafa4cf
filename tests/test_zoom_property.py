"""The map of cells at every zoom, and the arithmetic of slots, against sets of pages.

Here a page has a place of its own: runs are made from pages, cells are counted from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.space import runs as runs_
from hpview.space.address_space import AddressSpace
from hpview.space.slots import Cells, Layout, cells
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, Backing, Records, RunFlag
from tests.records import Script, run

EXAMPLES = settings(max_examples=25)
KINDS = ("mapped", "bytes_4k", "bytes_2m", "bytes_1g", "bytes_swap", "bytes_zero", "unknown")
BASE = 0x7F00_0000_0000
SLOTS = 6
ZOOMS = tuple(PAGE_SIZE << i for i in range(15))
"""All of the app's: from a page to 64 MB, a cell for everything here."""

LEAVES = {
    "2m": (Backing.PMD_2M, "bytes_2m", 0),
    "1g": (Backing.PUD_1G, "bytes_1g", 0),
    "zero leaf": (Backing.ZERO, "bytes_zero", int(RunFlag.PMD_ZERO)),
    "unread": (Backing.UNKNOWN, "unknown", 0),
}
TABLES = {
    "4k": (Backing.PTE_4K, "bytes_4k", "present"),
    "swap": (Backing.SWAP, "bytes_swap", "swapped"),
    "zero": (Backing.ZERO, "bytes_zero", "zero"),
}


@dataclass(frozen=True)
class World:
    """VMAs in pages from BASE on, and what each page counts as (the first of them is VMA)."""

    vmas: list[tuple[int, int]]
    kind: dict[int, str]
    records: list[bytes]

    def space(self) -> AddressSpace:
        space = AddressSpace()
        space.feed(b"".join(self.records))
        return space

    def bytes(self, kind: str, lo: int, hi: int) -> int:
        """Of the pages in a range of addresses, one at a time."""
        first, last = (lo - BASE) // PAGE_SIZE, -(-(hi - BASE) // PAGE_SIZE)
        if kind == "mapped":
            pages = {p for a, b in self.vmas for p in range(max(a, first), min(b, last))}
            return len(pages) * PAGE_SIZE
        return sum(self.kind.get(page) == kind for page in range(first, last)) * PAGE_SIZE


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A few VMAs; each of their slots is nothing, one leaf, or a table of one kind of page.

    A table is filled whole or not at all: which pages of a half-filled one count, no run tells.
    """
    edges = draw(st.sets(st.integers(0, SLOTS * SLOT_PAGES), min_size=2, max_size=7))
    edges |= {e // SLOT_PAGES * SLOT_PAGES for e in draw(st.sets(st.sampled_from(sorted(edges))))}
    vmas = [(a, b) for a, b in pairwise(sorted(edges)) if draw(st.integers(0, 3))]
    kind: dict[int, str] = {}
    script = Script()
    for a, b in vmas:
        found = []
        for slot in range(a // SLOT_PAGES, -(-b // SLOT_PAGES)):
            lo, hi = max(a, slot * SLOT_PAGES), min(b, (slot + 1) * SLOT_PAGES)
            start, end = BASE + lo * PAGE_SIZE, BASE + hi * PAGE_SIZE
            what = draw(st.sampled_from([None, *LEAVES, *TABLES, *TABLES]))
            if what in LEAVES:
                backing, name, flags = LEAVES[what]
                found.append(run(start, end, backing, flags=flags))
            elif what in TABLES:
                backing, name, count = TABLES[what]
                found.append(run(start, end, backing, **{count: hi - lo}))
            else:
                continue
            kind.update(dict.fromkeys(range(lo, hi), name))
        script.vma(BASE + a * PAGE_SIZE, BASE + b * PAGE_SIZE, *found)
    return World(vmas, kind, script.records)


@EXAMPLES
@given(worlds(), st.sampled_from(ZOOMS), st.integers(0, 3))
def test_every_cell_counts_the_pages_under_it(world: World, cell: int, lead: int) -> None:
    start = (BASE - lead * cell) & -cell
    count = -(-(BASE + SLOTS * SLOT_SIZE - start) // cell) + 1
    wanted = {0, count // 3, count // 2, count - 1, *range(min(count, 40))}
    got = cells(world.space(), start, count, cell)
    for kind in KINDS:
        values = getattr(got, kind).tolist()
        for i in wanted:
            lo = start + i * cell
            assert values[i] == world.bytes(kind, max(lo, BASE), max(lo + cell, BASE)), (kind, i)


@EXAMPLES
@given(worlds())
def test_a_cell_is_the_sum_of_its_halves_at_every_zoom(world: World) -> None:
    space = world.space()
    start = BASE & -ZOOMS[-1]
    ends = start + 2 * ZOOMS[-1]
    by_zoom = [cells(space, start, (ends - start) // cell, cell) for cell in ZOOMS]
    for fine, coarse in pairwise(by_zoom):
        for kind in KINDS:
            halves = getattr(fine, kind).reshape(-1, 2).sum(axis=1)
            assert halves.tolist() == getattr(coarse, kind).tolist()
    assert total(by_zoom[0]) == {
        kind: world.bytes(kind, BASE, BASE + SLOTS * SLOT_SIZE) for kind in KINDS
    }


@EXAMPLES
@given(worlds(), st.sampled_from(ZOOMS), st.integers(1, 90))
def test_the_rows_of_a_layout_show_every_byte_once_and_gaps_hold_none(
    world: World, cell: int, columns: int
) -> None:
    space = world.space()
    layout = Layout(space.vmas, cell=cell, columns=columns)
    sums = dict.fromkeys(KINDS, 0)
    reached = 0
    for y in range(layout.rows):
        row = layout.row(y)
        assert row.start >= reached
        reached = row.end
        shown = total(cells(space, row.start, (row.end - row.start) // cell, cell))
        if row.gap:
            assert not any(shown.values())
            assert (row.end - row.start) // cell >= columns
        for kind in KINDS:
            sums[kind] += shown[kind]
    assert sums == {kind: world.bytes(kind, BASE, BASE + SLOTS * SLOT_SIZE) for kind in KINDS}


def total(got: Cells) -> dict[str, int]:
    return {kind: int(getattr(got, kind).sum()) for kind in KINDS}


# Slots as sets of pages.

ranges = st.tuples(st.integers(0, 1600), st.integers(1, 1600)).map(lambda r: (r[0], r[0] + r[1]))


def addresses(pages: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array([BASE + page * PAGE_SIZE for page in pages], np.uint64)


@EXAMPLES
@given(st.lists(ranges, min_size=1, max_size=8))
def test_slots_and_their_room_are_counted_from_pages(found: list[tuple[int, int]]) -> None:
    starts, ends = addresses([a for a, _ in found]), addresses([b for _, b in found])
    by_slot = [[page // SLOT_PAGES for page in range(a, b)] for a, b in found]
    assert runs_.slots_of(starts, ends).tolist() == [len(set(slots)) for slots in by_slot]
    smallest = [min(slots.count(slot) for slot in set(slots)) for slots in by_slot]
    assert runs_.room(starts, ends).tolist() == smallest


@st.composite
def disjoint(draw: st.DrawFn, most: int) -> list[tuple[int, int]]:
    edges = draw(st.sets(st.integers(0, SLOTS * SLOT_PAGES), max_size=2 * most))
    return [(a, b) for a, b in pairwise(sorted(edges)) if draw(st.booleans())]


@st.composite
def rows(draw: st.DrawFn) -> Records:
    """Runs; each slot they touch has room for its counts."""
    found = draw(disjoint(5))
    out = np.zeros(len(found), runs_.RUN)
    out["start"], out["end"] = addresses([a for a, _ in found]), addresses([b for _, b in found])
    for row, left in zip(out, runs_.room(out["start"], out["end"]).tolist(), strict=True):
        row["backing"] = draw(st.sampled_from(list(Backing)))
        if row["backing"] in (Backing.PMD_2M, Backing.PUD_1G):
            row["present"] = SLOT_PAGES
        elif row["backing"] in (Backing.PTE_4K, Backing.SWAP):
            row["swapped"] = draw(st.integers(0, left))
            row["present"] = draw(st.integers(0, left - int(row["swapped"])))
    return out


def by_page(found: Records) -> dict[int, int]:
    """Which page lies in a run of which backing; none in two."""
    out: dict[int, int] = {}
    for row in found:
        pages = range(int(row["start"]) // PAGE_SIZE, int(row["end"]) // PAGE_SIZE)
        assert not out.keys() & set(pages)
        out.update(dict.fromkeys(pages, int(row["backing"])))
    return out


def assert_cut(before: Records, after: Records, holes: set[int]) -> None:
    kept = {page: b for page, b in by_page(before).items() if page not in holes}
    assert by_page(after) == kept
    assert (after["start"] < after["end"]).all()
    assert (after["end"][:-1] <= after["start"][1:]).all()
    leaf = np.isin(after["backing"], (Backing.PMD_2M, Backing.PUD_1G))
    tables = after[~leaf]
    fits = runs_.pages_counted(tables) <= runs_.room(tables["start"], tables["end"])
    assert fits.all()


@EXAMPLES
@given(rows(), disjoint(4))
def test_holes_take_their_pages_and_leave_all_others(
    before: Records, holes: list[tuple[int, int]]
) -> None:
    pages = {BASE // PAGE_SIZE + page for a, b in holes for page in range(a, b)}
    after = runs_.without(
        before, addresses([a for a, _ in holes]), addresses([b for _, b in holes])
    )
    assert_cut(before, after, pages)
    untouched = [row for row in before.tolist() if not pages & set(span(row))]
    assert set(untouched) <= set(after.tolist())


def span(row: tuple[int, ...]) -> range:
    return range(row[0] // PAGE_SIZE, row[1] // PAGE_SIZE)


@EXAMPLES
@given(rows(), ranges)
def test_trim_keeps_the_pages_inside(before: Records, kept: tuple[int, int]) -> None:
    lo, hi = (BASE + page * PAGE_SIZE for page in kept)
    inside = set(range(lo // PAGE_SIZE, hi // PAGE_SIZE))
    assert_cut(before, runs_.trim(before, lo, hi), set(by_page(before)) - inside)
