"""How folio totals are printed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hpview.export import folios as export
from hpview.export import thpmaps
from hpview.pages import layout
from hpview.pages.folios import PLACES, TALLY, Kind, Place
from hpview.pages.process import ProcessFolios

MAPS = (
    b"00400000-00800000 rw-p 00000000 00:00 0 \n"
    b"7f0000000000-7f0000400000 r-xs 00001000 fe:0c 12345                      "
    b"/memfd:a \x1b[1m (deleted)\n"
    b"7f0000800000-7f0000c00000 ---p 00000000 00:00 0 \n"
    b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
)


def some(*rows: tuple[int, Kind, int, int], complete: bool = True) -> ProcessFolios:
    """Of VMAs of 4 MB in 1,000 anonymous, 500 file and 512 anonymous pages, and an empty one."""
    table = np.array(
        [(vma, kind * PLACES + place, pages) for vma, kind, place, pages in rows], TALLY
    )
    rss, anon = np.array([1000, 500, 512, 0]), np.array([1000, 0, 512, 0])
    parsed = layout.parse(MAPS)
    return ProcessFolios(42, "a\x1bb", parsed, rss, anon, table, "here", complete)


EXAMPLE = some(
    (0, Kind.ANON, Place.ALIGNED + 1, 8),
    (0, Kind.ANON, Place.ALIGNED + 4, 32),
    (0, Kind.ANON, Place.UNALIGNED + 9, 512),
    (0, Kind.ANON, Place.PARTIAL, 7),
    (0, Kind.ANON, Place.MISTOLD, 3),
    (0, Kind.FILE, Place.ZERO, 512),
    (1, Kind.FILE, Place.PARTIAL, 5),
    (2, Kind.ANON, Place.PMD, 512),
)


def test_lines_of_thpmaps() -> None:
    assert list(thpmaps.lines(EXAMPLE)) == [
        "       PID             START              END PROT   OFFSET   DEV    INODE OBJECT",
        "0000000042: 0000000000400000-0000000000800000 rw-p 00000000 00:00 00000000 ",
        "anon-thp-pte-aligned-64kB:           128 kB ( 3%)",
        "anon-thp-pte-unaligned-2048kB:      2048 kB (51%)",
        "anon-thp-pte-partial:                 16 kB ( 0%)",
        "file-thp-pte-aligned-2048kB:        2048 kB",
        "file-thp-pte-partial:                 12 kB",
        "0000000042: 00007f0000000000-00007f0000400000 r-xs 00001000 fe:0c 00012345 "
        "/memfd:a \\x1b[1m (deleted)",
        "file-thp-pte-partial:                 20 kB ( 1%)",
        "0000000042: 00007f0000800000-00007f0000c00000 ---p 00000000 00:00 00000000 ",
        "0000000042: ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 00000000 [vsyscall]",
    ]


def test_rollup_of_thpmaps() -> None:
    assert list(thpmaps.lines(EXAMPLE, rollup=True)) == [
        "anon-thp-pte-aligned-64kB:           128 kB ( 3%)",
        "anon-thp-pte-unaligned-2048kB:      2048 kB (51%)",
        "anon-thp-pte-partial:                 16 kB ( 0%)",
        "file-thp-pte-aligned-2048kB:        2048 kB (102%)",
        "file-thp-pte-partial:                 32 kB ( 2%)",
    ]


def test_table() -> None:
    assert list(export.table(EXAMPLE)) == [
        "FOLIO  MAPPED BY      ANON     %  FILE     %",
        "2.0M   4k, unaligned  2.0M  51 %     0   0 %",
        "64K    4k, aligned    128K   3 %     0   0 %",
        "8.0K   4k, aligned     32K   1 %     0   0 %",
        "any    4k, partial     28K   1 %   20K   1 %",
        "4.0K   4k             1.7M  44 %  1.9M  99 %",
        "all                   3.9M        2.0M",
        "",
        "42 a\\x1bb: 4 VMAs · besides 2.0 MiB in PROT_NONE mappings · "
        "huge zero page 2.0 MiB, no memory · here · complete",
    ]


def test_table_of_nothing() -> None:
    lines = list(export.table(some(complete=False)))
    assert lines[1] == "4.0K   4k         3.9M  100 %  2.0M  100 %"
    assert lines[-1].endswith("incomplete")


def test_object() -> None:
    found = export.folios_object(EXAMPLE)
    assert json.loads(json.dumps(found)) == found
    assert (found["anon"], found["file"], found["prot_none"]) == (4096000, 2048000, 2 << 20)
    assert (found["huge_zero"], found["hugetlb"]) == (2 << 20, 0)
    assert found["mapped"][0] == {
        "size": 2 << 20,
        "by": "pte",
        "alignment": "unaligned",
        "kind": "anon",
        "bytes": 2 << 20,
    }
    assert [(row["size"], row["kind"], row["bytes"]) for row in found["mapped"][1:]] == [
        (65536, "anon", 131072),
        (8192, "anon", 32768),
        (None, "anon", 28672),
        (None, "file", 20480),
    ]


def test_layout() -> None:
    parsed = layout.parse(MAPS)
    assert len(parsed) == 4
    assert parsed.accessible.tolist() == [True, True, False, True]
    assert parsed.first.tolist()[:2] == [0x400, 0x7F0000000]
    assert parsed.last[3] == 0xFFFFFFFFFF601
    assert parsed.fields(1) == (
        "7f0000000000",
        "7f0000400000",
        "r-xs",
        "00001000",
        "fe:0c",
        "12345",
        "/memfd:a \x1b[1m (deleted)",
    )
    assert parsed.fields(0).name == ""
    assert len(layout.parse(b"")) == 0
    for bad in (b"more\n", b"1000-2000", b"1000_2000 r--p\n", b"1-2"):
        with pytest.raises(ValueError, match="not the text of maps"):
            layout.parse(MAPS + bad)
