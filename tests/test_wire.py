"""wire.py against bpfprog/wire.h, read by a few regular expressions: no compiler is needed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from hpview import wire
from hpview.errors import CorruptStream
from hpview.wire import (
    RECORD_SIZE,
    Backing,
    Kind,
    MmFlag,
    RollupFlag,
    RunFlag,
    Source,
    Status,
    VmaFlag,
)
from tests import records

HEADER = re.sub(
    r"/\*.*?\*/",
    "",
    (Path(__file__).parent.parent / "bpfprog" / "wire.h").read_text("ascii"),
    flags=re.DOTALL,
)
SIZES = {"__u8": 1, "char": 1, "__u16": 2, "__u32": 4, "__u64": 8}
STRUCTS = {
    "task": wire.TASK,
    "vma": wire.VMA,
    "run": wire.RUN,
    "end": wire.END,
    "rollup": wire.ROLLUP,
}


def parse_struct(name: str) -> dict[str, tuple[int, int, int]]:
    """Offset, size and count of each field of a struct without bit fields or nesting."""
    body = re.search(rf"struct hpv_{name} \{{(.*?)\}};", HEADER, re.DOTALL)
    assert body
    fields = {}
    offset = 0
    for kind, field, count in re.findall(r"(\w+)\s+(\w+)(?:\[(\d+)\])?;", body[1]):
        size = SIZES[kind]
        assert offset % size == 0, f"{name}.{field} has padding before it"
        fields[field] = (offset, size, int(count or 1))
        offset += size * int(count or 1)
    fields[""] = (offset, 0, 0)
    return fields


def parse_enum(name: str) -> dict[str, int]:
    body = re.search(rf"enum hpv_{name} \{{(.*?)\}};", HEADER, re.DOTALL)
    assert body
    prefix = f"HPV_{name.upper()}_"
    return {
        label.removeprefix(prefix): int(value)
        for label, value in re.findall(r"(\w+)\s*=\s*(\d+)", body[1])
    }


def parse_defines(prefix: str) -> dict[str, int]:
    found = re.findall(rf"#define {prefix}(\w+)\s+(0x[0-9a-f]+|\d+)", HEADER)
    return {name: int(value, 0) for name, value in found}


@pytest.mark.parametrize("name", STRUCTS)
def test_a_record_is_64_bytes_laid_out_as_in_the_header(name: str) -> None:
    fields = parse_struct(name)
    size, _, _ = fields.pop("")
    dtype = STRUCTS[name]
    assert size == dtype.itemsize == RECORD_SIZE
    assert dtype.names is not None
    assert list(dtype.names) == list(fields)
    for field, (offset, width, count) in fields.items():
        column, at = dtype.fields[field][:2] if dtype.fields else (np.dtype("V0"), -1)
        assert (at, column.itemsize) == (offset, width * count), field


@pytest.mark.parametrize("name", STRUCTS)
def test_integers_are_unsigned_and_little_endian(name: str) -> None:
    dtype = STRUCTS[name]
    for field in dtype.names or ():
        base = dtype[field].base
        assert base.kind in "uS"
        assert base == base.newbyteorder("<")


@pytest.mark.parametrize("name", STRUCTS)
def test_every_record_begins_with_kind_and_version(name: str) -> None:
    assert list(parse_struct(name))[:2] == ["kind", "version"]
    assert Kind[name.upper()] == parse_enum("kind")[name.upper()]
    assert wire.DTYPES[Kind[name.upper()]] is STRUCTS[name]


def test_sizes_and_version() -> None:
    defines = parse_defines("HPV_")
    assert defines["WIRE_VERSION"] == wire.VERSION
    assert defines["RECORD_SIZE"] == RECORD_SIZE == wire.RECORD.itemsize


def test_enums() -> None:
    assert parse_enum("kind") == {k.name: k for k in Kind}
    assert parse_enum("source") == {s.name: s for s in Source}
    assert parse_enum("status") == {s.name: s for s in Status}
    assert parse_enum("backing") == {b.name[b.name.find("_") + 1 :]: b for b in Backing}


def test_flags() -> None:
    assert parse_defines("HPV_MM_") == {f.name: f for f in MmFlag}
    assert parse_defines("HPV_VMA_") == {f.name: f for f in VmaFlag}
    assert parse_defines("HPV_RUN_") == {f.name: f for f in RunFlag}
    assert parse_defines("HPV_ROLLUP_") == {f.name: f for f in RollupFlag}


@pytest.mark.parametrize("enum", [Source, Backing, Status])
def test_every_value_has_a_label(enum: type[Source | Backing | Status]) -> None:
    labels = [value.label for value in enum]
    assert all(labels)
    assert len(set(labels)) == len(labels)


STREAM = records.Script(7).vma(0x1000, 0x3000, records.run(0x1000, 0x3000, 1, present=2)).end().data


def test_decode_sorts_records_by_kind() -> None:
    chunk = wire.decode(STREAM)
    assert chunk.kinds.tolist() == [Kind.TASK, Kind.VMA, Kind.RUN, Kind.END]
    assert [chunk.positions(kind).tolist() for kind in Kind] == [[0], [1], [2], [3], []]
    assert chunk.of(Kind.TASK)["tgid"].tolist() == [7]
    assert chunk.of(Kind.VMA)["pages_4k"].tolist() == [2]
    assert chunk.of(Kind.RUN)["present"].tolist() == [2]
    assert chunk.of(Kind.END)["vmas"].tolist() == [1]
    assert b"".join(chunk.of(kind).tobytes() for kind in Kind) == STREAM


@pytest.mark.parametrize("kind", Kind)
def test_blank_records_decode(kind: Kind) -> None:
    assert wire.decode(wire.blank(kind, 3).tobytes()).kinds.tolist() == [kind] * 3


@pytest.mark.parametrize("data", [STREAM, bytearray(STREAM), memoryview(STREAM)])
def test_any_buffer_is_decoded(data: bytes | bytearray | memoryview) -> None:
    assert len(wire.decode(data).records) == 4


def test_nothing_is_no_records() -> None:
    assert not len(wire.decode(b"").records)


@pytest.mark.parametrize("length", [1, 63, 65, 255])
def test_a_cut_record_is_named_by_its_byte(length: int) -> None:
    whole = length // RECORD_SIZE * RECORD_SIZE
    with pytest.raises(CorruptStream, match=f"byte {1000 + whole}: record cut after") as caught:
        wire.decode(STREAM[:length], offset=1000)
    assert caught.value.offset == 1000 + whole


@pytest.mark.parametrize("record", range(4))
@pytest.mark.parametrize(("byte", "value"), [(0, 0), (0, 6), (0, 255), (1, 0), (1, 2)])
def test_an_unknown_kind_or_version_is_named_by_its_byte(
    record: int, byte: int, value: int
) -> None:
    data = bytearray(STREAM)
    data[record * RECORD_SIZE + byte] = value
    with pytest.raises(CorruptStream, match="not a record of hpview") as caught:
        wire.decode(data, offset=64)
    assert caught.value.offset == 64 + record * RECORD_SIZE


def test_the_first_of_several_bad_records_is_named() -> None:
    data = bytearray(STREAM)
    data[128] = data[192] = 9
    with pytest.raises(CorruptStream, match="kind 9, version 1") as caught:
        wire.decode(data)
    assert caught.value.offset == 128
