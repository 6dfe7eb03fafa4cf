"""Data for other programs: JSON in pieces, CSV that harms nobody."""

from __future__ import annotations

import csv as csv_
import io
import json as json_

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.export import csv, exportable, json, pages
from hpview.loader import Progress
from hpview.machine import Snapshot
from hpview.pages.page import PAGE, PageBit, SlotPages
from hpview.readlog import Read
from hpview.space.address_space import AddressSpace
from hpview.stream.base import Resume
from hpview.wire import Source
from tests.fakes import PID, machine, sample

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_pieces_are_the_whole(value: dict[str, object]) -> None:
    assert "".join(json.pieces(value)) == json.dumps(value)


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 1000])
def test_long_lists_come_in_pieces(length: int) -> None:
    value = {"a": list(range(length)), "b": {}}
    found = list(json.pieces(value))
    assert "".join(found) == json.dumps(value)
    assert len(found) == 4 + -(-length // 256)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_every_record_is_one_line_of_as_many_cells(rows: list[list[str]]) -> None:
    text = "".join(csv.lines([dict(zip("ab", row, strict=True)) for row in rows], "ab"))
    assert len(text.splitlines()) == len(rows) + 1
    found = list(csv_.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in found] == [2] * (len(rows) + 1)
    text.encode()
    for row in found[1:]:
        assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)


def test_cells() -> None:
    values = {
        "a": "=cmd|'/c calc'!A0",
        "b": "  @x",
        "c": 'say "a, b"\r\n\x1b\udcff',
        "d": -5,
        "e": None,
        "f": True,
        "g": ["x", "y"],
        "h": [],
    }
    head, line = csv.lines([values], values)
    assert head == "a,b,c,d,e,f,g,h\r\n"
    (row,) = csv_.reader([line])
    assert row == [
        "'=cmd|'/c calc'!A0",
        "'  @x",
        r'say "a, b"\x0d\x0a\x1b\xff',
        "-5",
        "",
        "true",
        "x; y",
        "",
    ]


def columns_of(found: exportable.Exportable) -> list[str]:
    text = b"".join(found.as_csv()).decode()
    return text.splitlines()[0].split(",")


def test_the_columns_are_the_keys_of_the_objects() -> None:
    processes = exportable.processes(Snapshot(machine(), Source.BPF, 0.1, 1), "6 processes")
    assert columns_of(processes) == list(processes.object()["processes"][0])

    space = AddressSpace()
    space.feed(sample().end().data)
    read = Read(32768, 640, 10, 0.001, False, Resume.FIRST, True)
    process = exportable.process(space, Progress(Source.BPF), [read])
    whole = process.object()
    assert {*columns_of(process), "runs"} == {key for vma in whole["vmas"] for key in vma}

    reads = exportable.reads(PID, [read])
    assert columns_of(reads) == list(reads.object()["reads"][0])
    assert reads.object()["reads"] == whole["reads"]
    assert json_.loads(b"".join(reads.as_json()))["schema"] == "hpview.reads/1"


def test_a_slot_has_a_line_for_each_page() -> None:
    rows = np.zeros(512, dtype=PAGE)
    rows["bits"][3] = int(PageBit.PRESENT)
    rows["folio_pages"] = 16
    slot = SlotPages(0x200000, 0x400000, rows, PageBit.PRESENT | PageBit.FILE, True)
    found = exportable.slot(PID, slot)
    lines = list(csv_.DictReader(io.StringIO(b"".join(found.as_csv()).decode())))
    assert len(lines) == 512
    third = lines[3]
    assert (third["address"], third["present"], third["file"]) == ("0x203000", "1", "0")
    assert (third["dirty"], third["folio_pages"], third["folio_ksm"]) == ("", "16", "0")
    assert set(lines[0]) == set(pages.PAGE_KEYS)
    unknown = exportable.slot(PID, SlotPages(0x200000, 0x400000, rows, PageBit(0), False))
    assert b"0x200000,,,,,,,,,,,,,,,,,,," in b"".join(unknown.as_csv())
