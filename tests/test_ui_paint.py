from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from rich.segment import Segment
from rich.style import Style

from hpview.loader import Progress
from hpview.reasons.reason import Reason
from hpview.space.address_space import AddressSpace
from hpview.space.slots import CellClass
from hpview.ui import palette
from hpview.ui.describe import cell_words, index_in, vma_words
from hpview.ui.paint import bar, cell_segments, fitted, joined, put_cursor, shares
from hpview.ui.widgets import footing
from hpview.ui.widgets.extents import extents, fold_words
from hpview.ui.widgets.map_cells import stretches
from hpview.ui.widgets.map_pane import columns_for, whole_size
from hpview.ui.widgets.vma_columns import Verdict, vma_row
from hpview.wire import Backing, Source, Status
from tests.fakes import names, sample
from tests.records import GIB, MIB, Script, run

INKS = palette.plain_inks()


def text(segments: list[Segment]) -> str:
    assert all(segment.style is not None for segment in segments)
    return "".join(segment.text for segment in segments)


def space_of(script: Script) -> AddressSpace:
    space = AddressSpace()
    space.feed(script.data)
    return space


@pytest.mark.parametrize(
    ("words", "width", "options", "drawn"),
    [
        ("abc", 5, {}, "abc  "),
        ("abc", 5, {"right": True}, "  abc"),
        ("abcdef", 4, {}, "abc…"),
        ("abcdef", 4, {"tail": True}, "…def"),
        ("漢字漢字", 5, {}, "漢字…"),
        ("漢字漢字", 4, {"tail": True}, "…字 "),
        ("abc", 0, {}, ""),
    ],
)
def test_fitted_text_has_its_width(
    words: str, width: int, options: dict[str, bool], drawn: str
) -> None:
    assert fitted(words, width, **options) == drawn  # type: ignore[arg-type]


def test_shares_fill_the_width_and_hide_nothing() -> None:
    assert shares([1, 1], 10) == [5, 5]
    assert shares([10**12, 1], 10) == [9, 1]
    assert shares([0, 0], 10) == [0, 0]
    assert shares([1, 10**12, 1], 2) == [1, 1, 0] or sum(shares([1, 10**12, 1], 2)) == 2
    assert shares([7, 0, 3], 100) == [70, 0, 30]


def test_a_bar_is_drawn_in_the_glyphs_of_its_parts() -> None:
    parts = [(CellClass.HUGE_2M, 3 * MIB), (CellClass.FULL_4K, MIB)]
    assert text(bar(parts, 8, INKS)) == "██████▓▓"
    assert text(bar([], 4, INKS)) == "····"


def test_equal_cells_are_one_segment() -> None:
    segments = cell_segments([(2, 4), (1, 5), (2, 11), (1, 2)], INKS)
    assert [segment.text for segment in segments] == ["██", "█", "▒▒", "·"]


@pytest.mark.parametrize("columns", [1, 3, 4, 100])
def test_stretches_end_where_looks_change_and_rows_end(columns: int) -> None:
    looks = np.array([4, 4, 4, 5, 5, 2, 2, 2, 2, 9], dtype=np.uint8)
    rows = stretches(looks, columns)
    assert [[look for count, look in row for _ in range(count)] for row in rows] == [
        looks[at : at + columns].tolist() for at in range(0, len(looks), columns)
    ]
    assert all(a[1] != b[1] for row in rows for a, b in pairwise(row))


def test_the_cursor_replaces_one_character_and_stays_visible_on_a_full_cell() -> None:
    line = [Segment("██", Style()), Segment("··", Style())]
    assert text(put_cursor(line, 1, INKS)) == "█■··"
    assert text(put_cursor(line, 3, INKS)) == "██··"
    assert len(put_cursor(line, 3, INKS)) == 3


def test_what_does_not_fit_on_the_right_is_left_out() -> None:
    left, right = [Segment("left", Style())], [Segment("right", Style())]
    assert text(joined(left, right, 12, INKS)) == "left   right"
    assert text(joined(left, right, 9, INKS)) == "left"


def test_every_glyph_is_one_cell_and_the_classes_differ() -> None:
    for glyphs in (palette.UNICODE, palette.ASCII):
        assert len(set(glyphs.cells)) == len(CellClass)
        assert all(len(glyph) == 1 for glyph in glyphs.cells)
    assert all(glyph.isascii() for glyph in palette.ASCII.cells)
    assert palette.ASCII.text("reading… \u203a 1 · 2").isascii()


VERDICT = Verdict(Reason.EDGE, 0)


def test_a_vma_row_fills_its_width() -> None:
    space = space_of(sample())
    name_vmas(space)
    for index in range(len(space.vmas)):
        for width in (45, 60, 90):
            assert len(text(vma_row(space, index, VERDICT, width, INKS))) == width
    assert "[heap]" in text(vma_row(space, 1, VERDICT, 60, INKS))
    assert "anon" in text(vma_row(space, 3, VERDICT, 60, INKS))
    assert "at VMA edges" in text(vma_row(space, 3, VERDICT, 80, INKS))
    assert "at VMA edges" not in text(vma_row(space, 3, VERDICT, 79, INKS))
    assert "\x1b" not in text(vma_row(space, 7, VERDICT, 90, INKS))


def name_vmas(space: AddressSpace) -> None:
    known = names()
    space.set_names(np.array([m.start for m in known], dtype=np.uint64), known)


def test_a_file_without_a_name_yet_is_not_called_anonymous() -> None:
    space = space_of(sample())
    assert text(vma_row(space, 0, VERDICT, 60, INKS)).rstrip().endswith("…")


def words_at(space: AddressSpace, address: int, cell: int = 2 * MIB) -> str:
    start = address // cell * cell
    return " · ".join(cell_words(space, start, start + cell))


def test_the_detail_line_tells_what_is_there() -> None:
    space = space_of(sample())
    mixed = 0x7F0A40000000
    assert words_at(space, 0x7F0A00000000).endswith("2M huge page")
    assert "512/512 pages" in words_at(space, mixed)
    sparse = words_at(space, mixed + 32 * MIB)
    assert "4k pages, sparse · 37/512 pages · 3 swapped · 2 guard" in sparse
    assert "zero page · 0/512 pages · 512 zero" in words_at(space, mixed + 80 * MIB)
    assert "could not be read" in words_at(space, mixed + 96 * MIB)
    assert words_at(space, mixed + 120 * MIB).endswith("nothing there yet")
    assert "swapped out" in words_at(space, 0x7F0AC0000000)
    assert "could not be read" in words_at(space, 0x7F3D00000000)
    assert "1G huge page" in words_at(space, 0x7F3C00000000)
    assert "unmapped" in words_at(space, 0x7F3F00000000)
    wide = words_at(space, mixed, GIB)
    assert "2M 16 777 216 B" in wide
    assert "128 MiB mapped" in wide
    assert "zero 16 MiB" in wide


def test_a_cell_shorter_than_a_slot_counts_the_pages_it_maps() -> None:
    assert "64/64 pages" in words_at(space_of(sample()), 0x560C84B10000)


def test_the_vma_of_a_cell_is_told_with_its_file_offset() -> None:
    space = space_of(sample())
    name_vmas(space)
    cell = 0x560C82000000
    index = index_in(space, cell, cell + 2 * MIB, cell)
    words = vma_words(space, index, cell)
    assert words[0].startswith("r-xp 9.0 MiB (9 437 184 B) at 560c81e00000")
    assert words[-1] == "/usr/lib/postgresql/postgres +0x210000"
    flagged = vma_words(space, index_in(space, 0x7F0A00000000, 0x7F0A00200000, 0), 0)
    assert "madvise hugepage" in flagged
    assert vma_words(space, -1, 0) == []


def test_long_stretches_of_nothing_are_folded() -> None:
    space = space_of(sample())
    parts = extents(space, 4 * 64 * 2 * MIB, 2 * MIB)
    inside = [
        (int(p["start"]), int(p["end"]))
        for p in parts
        if 0x700000000000 <= p["start"] < 0x700000000000 + 1024 * GIB
    ]
    middle = 0x700000000000 + 512 * GIB
    assert inside == [
        (0x700000000000, 0x700000000000 + 2 * MIB),
        (middle, middle + 2 * MIB),
        (0x700000000000 + 1024 * GIB - 2 * MIB, 0x700000000000 + 1024 * GIB),
    ]
    assert fold_words(space, middle + 2 * MIB, middle + GIB) == "mapped, nothing there"
    assert fold_words(space, 0x7F3F00000000, 0x7F4000000000) == "unmapped"


def test_a_vma_that_was_not_walked_is_never_folded() -> None:
    script = Script().vma(GIB, 1024 * GIB, flags=4)
    assert len(extents(space_of(script), GIB, 2 * MIB)) == 1


def test_cell_sizes_are_whole() -> None:
    assert [whole_size(s) for s in (2 * MIB, GIB, 96 * MIB, 3 << 40)] == [
        "2 MiB",
        "1 GiB",
        "96 MiB",
        "3 TiB",
    ]
    assert columns_for(80) == 64
    assert columns_for(5) == 1


def test_the_legend_gets_shorter_on_narrow_screens() -> None:
    sums = np.zeros(len(Backing), dtype=np.int64)
    sums[Backing.PMD_2M] = 5 * GIB
    assert "2M 5.0 GiB" in text(footing.legend(sums, 120, INKS))
    assert "unread" not in text(footing.legend(sums, 120, INKS))
    narrow = text(footing.legend(sums, 60, INKS))
    assert len(narrow) <= 61
    assert "█ 2M 5.0G" in narrow


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.COMPLETE, "complete"),
        (Status.VANISHED, "exited while reading"),
        (Status.PERMISSION, "may not be read"),
        (Status.IO, "cut short by a read error"),
    ],
)
def test_the_end_of_a_stream_is_named(status: Status, words: str) -> None:
    space = space_of(sample().end(status))
    progress = Progress(Source.BPF, chunks=2, records=30, bytes=1920, seconds=0.001, done=True)
    drawn = text(footing.status(space, progress, 0, 120, INKS))
    assert drawn.startswith(f" {words} · 2 chunks · 30 records")
    assert drawn.endswith("bpf")
    narrow = text(footing.status(space, progress, 0, 45, INKS))
    assert narrow.startswith(f" {words} · 2 chunks")
    assert narrow.endswith("bpf")
    assert len(narrow) <= 45 < len(drawn)


def test_what_changed_while_reading_is_counted() -> None:
    base = 16 * GIB
    script = Script().vma(base, base + 4 * MIB).vma(base + 2 * MIB, base + 8 * MIB).end()
    drawn = text(footing.status(space_of(script), None, 2, 80, INKS))
    assert "changed while reading: 2" in drawn
    assert "read again: 2" in drawn


def test_runs_at_the_very_end_of_a_block_are_drawn() -> None:
    space = space_of(Script().vma(GIB, GIB + 2 * MIB, run(GIB, GIB + 2 * MIB)).end())
    assert words_at(space, GIB).endswith("2M huge page")
