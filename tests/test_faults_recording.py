"""A recorded stream cut at each byte, or with each byte corrupted: never a wrong whole."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview import wire
from hpview.errors import CorruptStream
from hpview.loader import load
from hpview.scan import Scan
from hpview.space.address_space import AddressSpace
from hpview.space.runs import COUNTS, WHOLE_RANGE, range_mask
from hpview.space.vma import BYTES
from hpview.wire import RECORD_SIZE, Kind
from tests.recording import recorded
from tests.test_loader import ListedStream

if TYPE_CHECKING:
    from collections.abc import Hashable

    from hpview.wire import Records

EVERY: Final = "HPVIEW_ENDURANCE_SECONDS" in os.environ
"""Corrupt every byte, not only those of two records of each form."""

SAID_ONCE: Final = {
    Kind.VMA: {"start", "end", "pages_4k", "pages_swap"},
    Kind.RUN: {"start", "end", "zero", "guard", "backing", "flags"},
}
"""Numbers that nothing else in the stream bears out, see ``hpview.space.ending``."""


def read(data: bytes, size: int = 1000) -> Scan:
    """What the loader and the model make of it, by reads that cut records."""
    space = AddressSpace()
    stream = ListedStream(*(data[at : at + size] for at in range(0, len(data), size)))
    for batch in load(lambda: stream):
        for piece in batch.data:
            space.feed(piece)
        progress = batch.progress
    return Scan(space, progress, ())


def tried(data: bytes) -> Scan | CorruptStream:
    """The same, or why it cannot be."""
    try:
        return read(data)
    except CorruptStream as err:
        return err


def numbers(space: AddressSpace) -> Hashable:
    """All that is counted, and where; where the range is what counts, pages are not."""
    runs = space.runs.copy()
    for backing in WHOLE_RANGE:
        for count in COUNTS:
            runs[count][range_mask(runs, backing)] = 0
    vmas = (space.vmas[name].tobytes() for name in ("start", "end", *BYTES))
    told = (runs[name].tobytes() for name in ("start", "end", "backing", *COUNTS))
    return (*vmas, *told, space.totals)


@cache
def whole() -> Hashable:
    return numbers(read(recorded()).space)


def field_at(data: bytes, at: int) -> tuple[Kind, str, Any]:
    """Kind of the record around a byte, the field it is of, and the record."""
    begin = at - at % RECORD_SIZE
    kind = Kind(data[begin])
    fields = wire.DTYPES[kind].fields
    assert fields is not None
    name = next(
        name
        for name, (dtype, offset, *_) in fields.items()
        if offset <= at - begin < offset + dtype.itemsize
    )
    return kind, name, wire.decode(data[begin : begin + RECORD_SIZE]).of(kind)


def said_once(kind: Kind, name: str, record: Records) -> bool:
    """Whether a number of a record stands nowhere else."""
    if name not in SAID_ONCE.get(kind, ()):
        return False
    if kind is Kind.VMA and name.startswith("pages"):
        return bool(record["flags"][0] & wire.VmaFlag.SINGLE)
    if kind is Kind.RUN and name not in ("zero", "guard"):
        return not (record["present"][0] or record["swapped"][0])
    return True


def assert_no_wrong_number(data: bytes, at: int, flip: int) -> None:
    """An error with the place, or not whole, or the same numbers, or one that is said once."""
    corrupted = bytearray(data)
    corrupted[at] ^= flip
    found = tried(bytes(corrupted))
    if isinstance(found, CorruptStream):
        assert found.offset % RECORD_SIZE == 0
        assert at - at % RECORD_SIZE <= found.offset < len(data)
        return
    if not found.complete or found.space.changed or numbers(found.space) == whole():
        return
    kind, name, record = field_at(data, at)
    assert said_once(kind, name, record), (kind, name, record)


def test_cut_at_each_byte() -> None:
    """Within a record: an error with its place. Between two: less, and not called complete."""
    data = recorded()
    space = AddressSpace()
    for at in range(0, len(data), RECORD_SIZE):
        assert not space.complete
        for cut in range(at + 1, at + RECORD_SIZE):
            with pytest.raises(CorruptStream) as caught:
                wire.decode(data[at:cut], offset=at)
            assert caught.value.offset == at
        space.feed(data[at : at + RECORD_SIZE])
    assert space.complete
    assert numbers(space) == whole()


@pytest.mark.parametrize("more", range(1, RECORD_SIZE, 9))
def test_a_reader_is_told_where_its_stream_was_cut(more: int) -> None:
    data = recorded()
    for at in range(0, len(data), 20 * RECORD_SIZE):
        with pytest.raises(CorruptStream) as caught:
            read(data[: at + more], 77)
        assert caught.value.offset == at


def test_a_record_left_out_or_told_twice() -> None:
    data = recorded()
    records = [data[at : at + RECORD_SIZE] for at in range(0, len(data), RECORD_SIZE)]
    for i in range(len(records)):
        without, twice = records[:i] + records[i + 1 :], records[: i + 1] + records[i:]
        for changed in (without, twice):
            assert_not_whole(b"".join(changed))


def assert_not_whole(data: bytes) -> None:
    found = tried(data)
    assert isinstance(found, CorruptStream) or not found.complete


def chosen(data: bytes) -> list[int]:
    """Where records begin: two of each form, or all."""
    kept: list[int] = []
    forms: Counter[Hashable] = Counter()
    for at in range(0, len(data), RECORD_SIZE):
        kind, _, record = field_at(data, at)
        told = ("flags", "backing") if kind is Kind.RUN else ("flags",)
        form = kind, *(int(record[name][0]) for name in told if name in record.dtype.names)
        forms[form] += 1
        if EVERY or forms[form] <= 2:
            kept.append(at)
    return kept


@pytest.mark.parametrize(("flip", "step"), [(0x01, 1), (0x80, 2), (0xFF, 3)])
def test_each_byte_corrupted(flip: int, step: int) -> None:
    data = recorded()
    for begin in chosen(data):
        for at in range(begin, begin + RECORD_SIZE, 1 if EVERY else step):
            assert_no_wrong_number(data, at, flip)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, len(recorded()) - 1), st.integers(1, 255))
def test_any_byte_corrupted_in_any_way(at: int, flip: int) -> None:
    assert_no_wrong_number(recorded(), at, flip)
