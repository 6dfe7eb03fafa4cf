"""The three ways to read backing, and the two to find VMAs, against each other on live memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import pytest

from hpview.errors import NoMemoryMap, NoSuchProcess
from hpview.kernelfs import hugetlbfs, kpageflags, pagemap
from hpview.kernelfs.hugetlb import read_pools
from hpview.kernelfs.kpageflags import PageFlag
from hpview.kernelfs.maps import read_maps
from hpview.kernelfs.pagemap import REGION, Category, Entry, Pagemap
from hpview.kernelfs.smaps import SMAPS, Smaps, read_smaps
from hpview.stream import backing
from hpview.stream.backing import EntryRegions, KpageflagsLevels, ScanRegions, SmapsLevels
from hpview.stream.fold import GUESSED, fold
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing, Records, RunFlag
from tests.faulty import kill, kill_only, waiting
from tests.paged import AREAS, area, paged

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hpview.stream.procfs_mm import Regions

GIB: Final = 1 << 30

pytestmark = pytest.mark.skipif(not pagemap.supported(), reason="no PAGEMAP_SCAN (Linux 6.7)")


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    with paged() as process:
        yield process.pid


@pytest.fixture
def opened(pid: int) -> Iterator[Pagemap]:
    with Pagemap(pid) as file:
        yield file


def swept(regions: Regions, start: int, end: int) -> Records:
    """All regions of a range, in as many pieces as it takes."""
    parts = [np.zeros(0, REGION)]
    while start < end:
        part, until = regions.scan(start, end)
        assert until >= min(end, start + SLOT_SIZE)
        parts.append(part[part["start"] < until])
        start = until
    return np.concatenate(parts)


def runs(regions: Records, start: int, end: int) -> Records:
    table = np.array([start, end, PAGE_SIZE], np.uint64)
    return fold(table[0:1], table[1:2], table[2:3], regions).runs


def of_area(regions: Regions, name: str) -> Records:
    start, end = area(name)
    return runs(swept(regions, start, end), start, end)


def certain(found: Records) -> Records:
    """The same without the mark of a guess."""
    out = found.copy()
    out["flags"] &= ~np.uint16(RunFlag.ESTIMATE)
    return out


EXPECTED = {
    "thp": [(4, Backing.PMD_2M, 512)],
    "holed": [(1, Backing.PMD_2M, 512), (1, Backing.PTE_4K, 509), (2, Backing.PMD_2M, 512)],
    "protected": [(1, Backing.PMD_2M, 512), (1, Backing.PTE_4K, 512), (1, Backing.PMD_2M, 512)],
    "small": [(2, Backing.PTE_4K, 512)],
    "sparse": [(8, Backing.PTE_4K, 8)],
    "shmem": [(1, Backing.PTE_4K, 512)],
    "zero": [(2, Backing.ZERO, 0)],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_child_is_as_it_should_be(opened: Pagemap, name: str) -> None:
    found = of_area(ScanRegions(opened), name)
    sizes = (found["end"] - found["start"]) // SLOT_SIZE
    told = list(
        zip(sizes.tolist(), found["backing"].tolist(), found["present"].tolist(), strict=True)
    )
    assert told == EXPECTED[name]


@pytest.mark.root
@pytest.mark.parametrize("name", sorted(AREAS.keys() - {"protected"}))
def test_kpageflags_concludes_what_a_scan_reads(opened: Pagemap, name: str) -> None:
    concluded = of_area(EntryRegions(opened, KpageflagsLevels(kpageflags.read)), name)
    assert certain(concluded).tobytes() == of_area(ScanRegions(opened), name).tobytes()
    leaf = (concluded["backing"] == Backing.PMD_2M) | (concluded["zero"] == 512)
    leaf &= np.bool_(name != "zero")
    assert ((concluded["flags"] & RunFlag.ESTIMATE) != 0).tolist() == leaf.tolist()


@pytest.mark.root
def test_a_folio_mapped_by_ptes_is_a_wrong_guess_and_marked_as_one(opened: Pagemap) -> None:
    concluded = of_area(EntryRegions(opened, KpageflagsLevels(kpageflags.read)), "protected")
    assert concluded["backing"].tolist() == [Backing.PMD_2M]
    assert concluded["flags"].tolist() == [RunFlag.ESTIMATE]


@pytest.mark.parametrize("name", sorted(AREAS.keys() - {"protected"}))
def test_smaps_concludes_what_a_scan_reads(pid: int, opened: Pagemap, name: str) -> None:
    concluded = of_area(EntryRegions(opened, SmapsLevels(read_smaps(pid))), name)
    assert certain(concluded).tobytes() == of_area(ScanRegions(opened), name).tobytes()
    assert not (concluded["flags"] & RunFlag.ESTIMATE).any()


@pytest.mark.parametrize(
    ("first", "step", "huge"), [(512, 1, True), (513, 1, False), (512, 2, False)]
)
def test_only_an_aligned_whole_folio_counts_as_a_leaf(first: int, step: int, huge: bool) -> None:
    pfns = np.arange(first, first + 512 * step, step, dtype=np.uint64)
    thp = KpageflagsLevels(lambda asked: np.full(len(asked), int(PageFlag.THP), np.uint64))
    categories = mapped(1)
    thp.conclude(0, pfns, categories)
    assert ((categories & np.uint64(Category.HUGE)) != 0).all() == huge
    assert ((categories & np.uint64(GUESSED)) != 0).any() == huge


def mapped(entries: int) -> NDArray[np.uint64]:
    return np.full(entries * 512, int(Category.PRESENT), np.uint64)


def smaps_of(*rows: tuple[int, int, int]) -> Smaps:
    """VMAs in slots: start, end, huge ones."""
    table = np.zeros(len(rows), SMAPS)
    for row, (start, end, huge) in zip(table, rows, strict=True):
        row["start"], row["end"] = start * SLOT_SIZE, end * SLOT_SIZE
        row["anon_huge"] = huge * SLOT_SIZE
        row["rss"] = row["end"] - row["start"]
    return Smaps(table, ("",) * len(rows))


def concluded(levels: SmapsLevels, first: int, last: int) -> str:
    """One letter a slot: H huge, g guessed, . not."""
    categories = mapped(last - first)
    levels.conclude(first * SLOT_SIZE, np.full_like(categories, Entry.EXCLUSIVE), categories)
    slots = categories.reshape(-1, 512)
    assert (slots == slots[:, :1]).all()
    letters = {0: ".", int(Category.HUGE): "H", int(Category.HUGE | GUESSED): "g"}
    return "".join(letters[int(c) ^ int(Category.PRESENT)] for c in slots[:, 0])


def test_smaps_is_certain_only_of_all_or_nothing() -> None:
    levels = SmapsLevels(smaps_of((0, 4, 4), (4, 8, 0), (8, 12, 2)))
    assert concluded(levels, 0, 12) == "HHHH....gg.."


def test_smaps_spreads_a_total_over_pieces() -> None:
    levels = SmapsLevels(smaps_of((0, 8, 5)))
    assert [concluded(levels, at, at + 2) for at in range(0, 8, 2)] == ["gg", "gg", "g.", ".."]


def test_smaps_concludes_the_same_of_a_range_that_is_scanned_again() -> None:
    levels = SmapsLevels(smaps_of((0, 2, 2), (2, 10, 5)))
    assert concluded(levels, 0, 6) == "HHgggg"
    assert concluded(levels, 2, 6) == "gggg"
    assert concluded(levels, 2, 10) == "ggggg..."
    assert concluded(levels, 4, 10) == "ggg..."
    assert concluded(levels, 0, 10) == "HHggggg..."


def test_smaps_does_not_choose_a_slot_that_its_vma_does_not_hold_whole() -> None:
    smaps = smaps_of((0, 2, 2), (2, 4, 0))
    smaps.table["end"][0] -= PAGE_SIZE
    assert concluded(SmapsLevels(smaps), 0, 4) == "g..."


def test_smaps_knows_nothing_of_a_vma_that_came_later() -> None:
    levels = SmapsLevels(smaps_of((2, 4, 2)))
    assert concluded(levels, 0, 6) == "..HH.."


def zeros(kinds: str, resident: int, *, until: int | None = None) -> str:
    """One letter a page: 0 zero, H huge zero, . neither, g zero at a guess, ? not at a guess.

    L is a leaf that smaps does not count, as from Linux 6.0 to 6.5, and l one at a guess.

    Args:
        kinds: Of its entries, one a page: e exclusive, s shared or the zero page, f of a file.
        resident: Pages of Rss.
        until: Of how many the entries are seen.
    """
    smaps = smaps_of((0, 1, 0))
    smaps.table["end"], smaps.table["rss"] = len(kinds) * PAGE_SIZE, resident * PAGE_SIZE
    bits = {"e": Entry.EXCLUSIVE, "s": 0, "f": Entry.FILE}
    entries = np.array([int(bits[kind]) for kind in kinds[:until]], np.uint64)
    categories = np.full(len(entries), int(Category.PRESENT), np.uint64)
    SmapsLevels(smaps).conclude(0, entries, categories)
    letters = {0: ".", int(Category.PFNZERO): "0", GUESSED: "?", GUESSED | Category.PFNZERO: "g"}
    letters |= {int(Category.PFNZERO | Category.HUGE): "H"}
    letters |= {int(Category.HUGE): "L", int(Category.HUGE | GUESSED): "l"}
    return "".join(letters[int(c) ^ int(Category.PRESENT)] for c in categories)


@pytest.mark.parametrize(
    ("kinds", "resident", "expected"),
    [
        ("eses", 2, ".0.0"),
        ("eses", 4, "...."),
        ("eses", 3, ".g.?"),
        ("efff", 3, "...."),
        ("eee", 0, "..."),
        ("ss", 5, ".."),
        ("f" * 512 + "e", 1, "H" * 512 + "."),
        ("e" * 513, 1, "L" * 512 + "."),
        ("e" * 1024, 512, "l" * 512 + "." * 512),
    ],
)
def test_smaps_tells_zero_pages_by_what_is_not_resident(
    kinds: str, resident: int, expected: str
) -> None:
    assert zeros(kinds, resident) == expected


def test_smaps_only_guesses_at_zero_pages_of_a_part_of_a_vma() -> None:
    assert zeros("eses", 2, until=3) == ".?."


@pytest.mark.parametrize(("start", "count", "expected"), [(0, 1024, [0, 512]), (1, 1023, [511]),
    (511, 513, [1]), (3, 500, []), (0, 511, []), (0, 0, []), (0, 513, [0])])  # fmt: skip
def test_whole_slots(start: int, count: int, expected: list[int]) -> None:
    categories = np.full(count, int(Category.PRESENT), np.uint64)
    assert backing.whole_slots(start * PAGE_SIZE, categories).tolist() == expected


def test_a_scan_ends_with_the_budget_of_a_piece(
    opened: Pagemap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing, "SCAN_PAGES", 300)
    monkeypatch.setattr(backing, "PIECE_PAGES", 700)
    start, end = area("thp")
    found, until = ScanRegions(opened).scan(start, end)
    assert until == start + 900 * PAGE_SIZE
    assert int((found["end"] - found["start"]).sum()) == 900 * PAGE_SIZE
    assert (
        runs(swept(ScanRegions(opened), start, end), start, end).tobytes()
        == of_area(ScanRegions(opened), "thp").tobytes()
    )


def test_a_scan_of_many_regions_goes_on_behind_the_vector(
    opened: Pagemap, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = of_area(ScanRegions(opened), "fragmented")
    assert len(once) == 1100
    monkeypatch.setattr(backing, "_SCAN_REGIONS", 7)
    monkeypatch.setattr(backing, "_PIECE_REGIONS", 100)
    start, end = area("fragmented")
    found, until = ScanRegions(opened).scan(start, end)
    assert 100 <= len(found) < 107
    assert start + 100 * SLOT_SIZE <= until < end
    assert of_area(ScanRegions(opened), "fragmented").tobytes() == once.tobytes()


def test_a_scan_of_nothing(opened: Pagemap) -> None:
    start, end = area("sparse")
    for regions in (ScanRegions(opened), EntryRegions(opened, SmapsLevels(smaps_of()))):
        found, until = regions.scan(end, end + SLOT_SIZE)
        assert (len(found), until) == (0, end + SLOT_SIZE)
        found, until = regions.scan(start, start)
        assert (len(found), until) == (0, start)


def test_entries_are_read_a_gib_at_a_time(opened: Pagemap) -> None:
    start, end = area("fragmented")
    _, until = EntryRegions(opened, SmapsLevels(smaps_of())).scan(start + PAGE_SIZE, end)
    assert until == start + GIB


@pytest.mark.skipif(not read_pools(), reason="no hugetlb")
def test_the_internal_mounts_of_hugetlbfs_are_found_without_pages_or_privileges() -> None:
    found = hugetlbfs.page_sizes()
    assert {pool.page_size for pool in read_pools()} <= set(found.values())
    before = set(os.listdir("/proc/self/fd"))
    hugetlbfs.page_sizes()
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1


@pytest.mark.parametrize("end", [kill, kill_only])
def test_what_has_gone_is_not_told_as_empty(
    end: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """pagemap of a dead process can still be read, and has no entry."""
    with waiting() as process, Pagemap(process.pid) as file:
        stack = next(m for m in read_maps(process.pid) if m.name == "[stack]")
        entries = EntryRegions(file, SmapsLevels(smaps_of()))
        for regions in (entries, ScanRegions(file)):
            assert len(regions.scan(stack.start, stack.end)[0])
        end(process)
        for regions in (entries, ScanRegions(file)):
            with pytest.raises((NoSuchProcess, NoMemoryMap)):
                regions.scan(stack.start, stack.end)


class Reserved:
    """A pagemap of a new VMA: soft-dirty all over, with one page in it."""

    def __init__(self, page: int) -> None:
        self._page = page
        self.reads = 0

    def read_entries(self, start: int, npages: int) -> NDArray[np.uint64]:
        self.reads += 1
        entries = np.full(npages, 1 << 55, np.uint64)
        if 0 <= (at := self._page - start // PAGE_SIZE) < npages:
            entries[at] |= np.uint64(1 << 63)
        return entries


def test_many_empty_pieces_are_passed_over_at_once_and_the_page_behind_is_found() -> None:
    page = 100 * GIB // PAGE_SIZE
    file = Reserved(page)
    found = EntryRegions(cast("Pagemap", file), SmapsLevels(smaps_of()))
    position, calls = 0, 0
    while position < 200 * GIB:
        part, position = found.scan(position, 200 * GIB)
        calls += 1
        assert part["start"].tolist() in ([], [page * PAGE_SIZE])
        if len(part):
            assert position == 101 * GIB
    assert file.reads == 200
    assert calls < 30
