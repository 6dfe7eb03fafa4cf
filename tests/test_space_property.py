"""The address space against a slow model, over any stream in any chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.space.address_space import AddressSpace
from hpview.wire import Kind
from tests.space_model import BASES, UNIT, UNITS, Model, chunked, scripts

EXAMPLES = settings(max_examples=60)


@EXAMPLES
@given(st.data())
def test_any_stream_in_any_chunks_is_what_the_model_says(data: st.DataObject) -> None:
    records = data.draw(scripts())
    space, model = AddressSpace(), Model()
    chunks = data.draw(chunked(records))
    for chunk, following in zip(chunks, [*chunks[1:], b""], strict=True):
        version = space.version
        space.feed(chunk)
        model.feed(chunk)
        model.assert_equal(space, runs_due=following[:1] == bytes([Kind.RUN]))
        assert (space.version > version) == bool(chunk)


@EXAMPLES
@given(scripts(quiet=True))
def test_a_quiet_stream_marks_nothing_and_does_not_depend_on_chunks(records: list[bytes]) -> None:
    whole, single = AddressSpace(), AddressSpace()
    whole.feed(b"".join(records))
    for record in records:
        single.feed(record)
    for space in (whole, single):
        assert space.complete
        assert space.changed == 0
        assert not space.vmas["marks"].any()
    assert whole.vmas.tolist() == single.vmas.tolist()
    assert whole.runs.tolist() == single.runs.tolist()
    assert whole.totals == single.totals


@EXAMPLES
@given(scripts(), st.integers(0, UNITS), st.integers(0, UNITS))
def test_lookups_find_what_a_scan_finds(records: list[bytes], at: int, size: int) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    vmas, runs = space.vmas, space.runs
    for base in BASES:
        lo, hi = base + at * UNIT, base + (at + size) * UNIT
        index = [i for i, row in enumerate(vmas) if row["start"] <= lo < row["end"]]
        assert space.index_at(lo) == (index[0] if index else -1)
        found = space.runs_of(lo, hi) if lo < hi else runs[:0]
        expected = [row for row in runs.tolist() if lo < hi and row[0] < hi and row[1] > lo]
        assert found.tolist() == expected
    for rows in (vmas, runs):
        assert (rows["start"] < rows["end"]).all()
        assert (rows["end"][:-1] <= rows["start"][1:]).all()
        assert rows["start"].dtype == np.uint64
