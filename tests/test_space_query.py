"""The filter of VMAs against what each of them says of itself."""

from __future__ import annotations

import operator
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.kernelfs.maps import perms
from hpview.space.address_space import AddressSpace
from hpview.space.query import parse
from tests.fakes import names, sample
from tests.records import MIB, Script

EXE, HEAP, RESERVED, THP, MIXED, NONE, SWAPPED, LIB, GIGA, DEVICE, STACK, UNTOUCHED = range(12)
EVERY = list(range(12))


def known() -> AddressSpace:
    script = sample()
    script.vma(0x7FFF00000000, 0x7FFF00000000 + MIB, vm_flags=0x80)
    space = AddressSpace()
    for chunk in script.end().chunks():
        space.feed(chunk)
    facts = names()
    space.set_names(np.array([fact.start for fact in facts], np.uint64), facts)
    return space


SPACE = known()
PIECES = st.sampled_from([*'!-:"<>=,%.15kG ', "perm", "backing", "cov", "2m", "\x1b"])


def found(text: str) -> list[int]:
    return np.flatnonzero(parse(text).mask(SPACE)).tolist()


@pytest.mark.parametrize(
    ("text", "vmas"),
    [
        ("", EVERY),
        ("HEAP", [HEAP]),
        ("/srv/ lib", [LIB]),
        ("!/usr -/srv", EVERY[1:7] + EVERY[8:]),
        ("anon", [RESERVED, THP, MIXED, NONE, SWAPPED, GIGA, DEVICE, UNTOUCHED]),
        ("perm:rx", [EXE, LIB]),
        ("perm:xr", [EXE, LIB]),
        ("PERMS:w", [HEAP, RESERVED, THP, MIXED, SWAPPED, GIGA, DEVICE, STACK]),
        ("perm:r-x", [EXE, LIB]),
        ("perm:r-xp", [EXE, LIB]),
        ("perm:r--", []),
        ("perm:---", [NONE, UNTOUCHED]),
        ("perm:---s", [UNTOUCHED]),
        ("perm:-", [NONE, UNTOUCHED]),
        ("perm:s", [UNTOUCHED]),
        ("!perm:p", [UNTOUCHED]),
        ("backing:2m", [THP, MIXED, NONE]),
        ("backing:1g", [GIGA]),
        ("backing:1g,4k", [EXE, HEAP, RESERVED, MIXED, LIB, GIGA, STACK]),
        ("backing:swap !backing:4k", [SWAPPED]),
        ("backing:none", [UNTOUCHED]),
        ("backing:s", EVERY),
        ("backing:, perm:", EVERY),
        ("size>100G", [RESERVED]),
        ("size=8m", [NONE]),
        ("res>=1G", [GIGA]),
        ("2m>0", [THP, MIXED, NONE, GIGA]),
        ("cov<100%", [RESERVED, MIXED]),
        ("cov>99", [THP, NONE, GIGA]),
        ("!cov>99", [RESERVED, MIXED]),
        ("4k>1m swap>0", [MIXED]),
        ("4k<1 size<5m", [UNTOUCHED]),
    ],
)
def test_queries(text: str, vmas: list[int]) -> None:
    assert found(text) == vmas
    assert parse(text).problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("perm:rq", "perm: is such as rw or r-x"),
        ("perm:x-r", "perm: is such as rw or r-x"),
        ("perm:r-xp-", "perm: is such as rw or r-x"),
        ("perm:---p-", "perm: is such as rw or r-x"),
        ("backing:8k", "backing: is 2m, 1g, 4k, swap or none"),
        ("vmas>5", "vmas is no column to compare"),
        ("cov>1m", "cov has no unit m"),
    ],
)
def test_wrong_terms_are_told_and_left_out(text: str, problem: str) -> None:
    assert parse(text).problems == (problem,)
    assert found(f"{text} heap") == [HEAP]


@given(st.text("rwxps-", min_size=1, max_size=4))
def test_letters_are_those_of_maps(letters: str) -> None:
    query = parse(f"perm:{letters}")
    if query.problems:
        return
    shown = [perms(flags) for flags in SPACE.vmas["vm_flags"].tolist()]
    if "-" in letters:
        wanted = [i for i in EVERY if shown[i].startswith(letters)]
    else:
        wanted = [i for i in EVERY if {*letters} <= {*shown[i]}]
    assert np.flatnonzero(query.mask(SPACE)).tolist() == wanted


@given(
    st.sampled_from(["size", "res", "2m", "4k", "swap"]),
    st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
    st.sampled_from([0, 36864, 2 * MIB, 16 * MIB, 314572800, 1 << 30]),
)
def test_comparisons_are_those_of_numbers(name: str, sign: str, limit: int) -> None:
    compare = {
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
        "=": operator.eq, "!=": operator.ne,
    }[sign]  # fmt: skip
    wanted = []
    for index, vma in enumerate(SPACE.vmas):
        huge, small = int(vma["bytes_2m"]) + int(vma["bytes_1g"]), int(vma["bytes_4k"])
        number = {
            "size": int(vma["end"] - vma["start"]),
            "res": huge + small,
            "2m": huge,
            "4k": small,
            "swap": int(vma["bytes_swap"]),
        }[name]
        if (index != DEVICE or name == "size") and compare(number, limit):
            wanted.append(index)
    assert found(f"{name}{sign}{limit}") == wanted
    assert found(f"{name} {sign} {limit}") == wanted


@given(st.lists(PIECES).map("".join))
def test_nothing_typed_breaks_it(text: str) -> None:
    query = parse(text)
    assert query.mask(SPACE).shape == (len(EVERY),)
    assert query.mask(AddressSpace()).shape == (0,)


def test_many_vmas_take_a_few_milliseconds() -> None:
    script = Script(1)
    for start in range(1 << 40, (1 << 40) + 40_000 * 8192, 8192):
        script.vma(start, start + 4096)
    space = AddressSpace()
    for chunk in script.end().chunks():
        space.feed(chunk)
    query = parse("anon perm:rw- size<5k !backing:2m cov!=5 4k=0")
    began = time.perf_counter()
    mask = query.mask(space)
    assert time.perf_counter() - began < 0.1
    assert len(mask) == 40_000
