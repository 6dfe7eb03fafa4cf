"""Changes between two readings against a slow, plain account of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hpview import wire
from hpview.space.address_space import AddressSpace
from hpview.space.changes import CHANGE, SIZES, ChangeKind, changes
from hpview.wire import RECORD_SIZE, Backing, Kind, Records
from tests.changes_model import expected
from tests.records import sealed, summed
from tests.space_model import BASES, scripts

EXAMPLES = settings(max_examples=120)


def fed(records: list[bytes]) -> AddressSpace:
    space = AddressSpace()
    space.feed(b"".join(records))
    return space


def plain(found: Records) -> list[tuple[int, ...]]:
    keys = ["start", "end", "kind", *(f"{when}_{size}" for when in ("was", "is") for size in SIZES)]
    return [tuple(int(row[key]) for key in keys) for row in found]


@st.composite
def _recounted(draw: st.DrawFn, records: list[bytes]) -> list[bytes]:
    """The same runs with other pages in some of them."""
    out = []
    for record in records:
        run = wire.decode(record).of(Kind.RUN).copy()
        if len(run) and draw(st.booleans()):
            # Together no more than the smallest part of a slot holds.
            present, swapped = draw(st.integers(0, 40)), draw(st.integers(0, 24))
            run["backing"], run["flags"] = Backing.PTE_4K, 0
            run["present"], run["swapped"] = present, swapped
            run["zero"] = run["guard"] = 0
        out.append(run.tobytes() if len(run) else record)
    return summed(out)


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Two streams over one part of the address space; the second may share VMAs with the first."""
    base = draw(st.sampled_from(BASES))
    quiet = draw(st.booleans())
    first = draw(scripts(quiet=quiet, base=base))
    second = draw(scripts(quiet=quiet, base=base))
    what = draw(st.integers(0, 3))
    if what == 0:
        second = draw(_recounted(first))
    elif what == 1:
        # Cut short, or the same with newer VMAs over it.
        cut = draw(st.integers(1, len(first)))
        open_ = [record for record in first if record[0] != Kind.END]
        second = first[:cut] if draw(st.booleans()) else [*open_, *second]
        if second[-1][0] == Kind.END:
            second = _records(sealed(*second))
    return first, second


def _records(data: bytes) -> list[bytes]:
    return [data[at : at + RECORD_SIZE] for at in range(0, len(data), RECORD_SIZE)]


@EXAMPLES
@given(readings())
def test_changes_are_those_of_each_slot(pair: tuple[list[bytes], list[bytes]]) -> None:
    old, new = map(fed, pair)
    found = changes(old, new)
    assert found.dtype == CHANGE
    assert plain(found) == expected(old, new)


@EXAMPLES
@given(scripts())
def test_a_reading_does_not_differ_from_itself(records: list[bytes]) -> None:
    assert not len(changes(fed(records), fed(records)))


@EXAMPLES
@given(readings())
def test_backwards_what_came_goes(pair: tuple[list[bytes], list[bytes]]) -> None:
    old, new = map(fed, pair)
    opposite = {ChangeKind.MAPPED: ChangeKind.UNMAPPED, ChangeKind.UNMAPPED: ChangeKind.MAPPED}
    there, back = plain(changes(old, new)), plain(changes(new, old))
    for here, other in ((there, back), (back, there)):
        came = [(*row[:2], opposite[ChangeKind(row[2])]) for row in here if row[2] in opposite]
        assert [row[:3] for row in other if row[2] in opposite] == came
