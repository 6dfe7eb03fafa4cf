from __future__ import annotations

import numpy as np
import pytest

from hpview.space.address_space import AddressSpace
from hpview.space.holes import can_be_huge
from hpview.space.listing import Only, arranged
from tests.fakes import names, sample

SPACE = AddressSpace()
SPACE.feed(sample().data)
SPACE.set_names(np.array([m.start for m in names()], dtype=np.uint64), names())


ABLE = can_be_huge(SPACE)


def shown(sort: str, *, reverse: bool = False, only: Only = Only.ALL) -> list[int]:
    found: list[int] = arranged(SPACE, sort, reverse=reverse, only=only).tolist()
    return found


def test_by_address_both_ways() -> None:
    count = len(SPACE.vmas)
    assert shown("address") == list(range(count))
    assert shown("address", reverse=True) == list(range(count))[::-1]


@pytest.mark.parametrize(
    ("sort", "field"),
    [("4k", "bytes_4k"), ("2m", "bytes_2m"), ("swap", "bytes_swap")],
)
def test_the_largest_comes_first(sort: str, field: str) -> None:
    sizes = SPACE.vmas[field] + (SPACE.vmas["bytes_1g"] if sort == "2m" else 0)
    assert (np.diff(sizes[shown(sort)]) <= 0).all()
    assert (np.diff(sizes[shown(sort, reverse=True)]) >= 0).all()
    assert sorted(shown(sort, reverse=True)) == sorted(shown(sort))


def test_size_resident_perms_and_names() -> None:
    sizes = (SPACE.vmas["end"] - SPACE.vmas["start"])[shown("size", reverse=True)]
    assert (np.diff(sizes.astype(np.int64)) >= 0).all()
    vmas = SPACE.vmas
    resident = vmas["bytes_4k"] + vmas["bytes_2m"] + vmas["bytes_1g"]
    assert (np.diff(resident[shown("resident")]) <= 0).all()
    assert SPACE.vmas["vm_flags"][shown("perms")[-1]] == 0
    listed = [SPACE.name_of(i) for i in shown("name")]
    known = [name for name in listed if name]
    assert known == sorted(known)
    assert not any(listed[len(known) :])
    backwards = [SPACE.name_of(i) for i in shown("name", reverse=True)]
    assert [name for name in backwards if name] == known[::-1]
    assert backwards[-1] == ""


def test_what_has_no_coverage_comes_last_whatever_the_direction() -> None:
    vmas = SPACE.vmas
    empty = {
        i
        for i, vma in enumerate(vmas)
        if not (vma["bytes_2m"] or vma["bytes_1g"] or (ABLE[i] and vma["bytes_4k"]))
    }
    for reverse in (False, True):
        assert set(shown("coverage", reverse=reverse)[-len(empty) :]) == empty


def test_only_some_are_listed() -> None:
    able, holes = shown("address", only=Only.HUGE_ABLE), shown("address", only=Only.HOLES)
    assert set(holes) < set(able) < set(shown("address"))
    keep = np.zeros(len(SPACE.vmas), dtype=np.bool_)
    keep[holes[0]] = True
    assert arranged(SPACE, "size", only=Only.HOLES, keep=keep).tolist() == [holes[0]]
    keep[:] = False
    assert arranged(SPACE, "size", keep=keep).tolist() == []


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValueError, match="do not sort by 'colour'"):
        shown("colour")
