from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hpview.roster.fields import Table
from hpview.roster.query import parse
from tests.fake_machine import machine
from tests.records import GIB, MIB

TABLE = Table(machine())


def found(text: str) -> list[int]:
    mask = parse(text).mask(TABLE)
    return [p.pid for p, matches in zip(TABLE.processes, mask, strict=True) if matches]


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("", [1, 880, 4127, 5000, 6001, 6002]),
        ("  ", [1, 880, 4127, 5000, 6001, 6002]),
        ("POSTGRES", [4127]),
        ("5000", [5000]),
        ("redis", [880]),
        ("nameless", [6002]),
        ("java server", [5000]),
        ('"jar server"', [5000]),
        ('"jar  server"', []),
        ("*:6379", [880]),
        ("postgres:", [4127]),
        ("user:app", [5000, 6001, 6002]),
        ("user:a", [5000, 6001, 6002]),
        ("user:pp", []),
        ("cgroup:user.slice", [5000, 6001, 6002]),
        ("pid:880,4127", [880, 4127]),
        ("ppid:5000", [6001, 6002]),
        ("pid>4127", [5000, 6001, 6002]),
        ("cov<50", [880]),
        ("cov < 50", [880]),
        ("!cov < 50", [4127, 5000]),
        ("cov >=83% app", [5000]),
        ("COV>= 84", [5000]),
        ("gap>1G", [880]),
        ("gap >= 1G", [880, 4127]),
        ("gap=0", [6001, 6002]),
        ("vmas != 1204 java", []),
        ('"vmas > 1204"', []),
        ("cov <", [1, 880, 4127, 5000, 6001, 6002]),
        ("cov > java", [5000]),
        ("cov", []),
        ("java >", []),
        ("cov>=71%", [4127, 5000]),
        ("coverage>99.5", []),
        ("res>1G", [880, 4127, 5000]),
        ("resident<8.1k", [6001, 6002]),
        ("res=8192", [6001]),
        ("res=8KiB", [6001]),
        ("res!=8192b user:app", [5000, 6002]),
        ("2m>=100M", [4127, 5000]),
        ("1g>0", [5000]),
        ("4k=2g", [880, 4127]),
        ("swap>0", [5000]),
        ("vmas>1000", [5000]),
        ("delta<0", [880]),
        ("delta>5m", [4127]),
        ("!user:app", [1, 880, 4127]),
        ("-user:app -redis", [1, 4127]),
        ("!cov<50", [4127, 5000]),
        ("!", [1, 880, 4127, 5000, 6001, 6002]),
        ("user: cgroup: pid:", [1, 880, 4127, 5000, 6001, 6002]),
        ("cov< java", [5000]),
        ('"', [1, 880, 4127, 5000, 6001, 6002]),
        ('"-Xmx8g"', [5000]),
    ],
)
def test_queries(text: str, pids: list[int]) -> None:
    assert found(text) == pids
    assert parse(text).problems == ()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("cov<x", ("cov needs a number",)),
        ("res>1.2.3", ("res needs a number",)),
        ("res>5%", ("res is no percentage",)),
        ("vmas>1k", ("vmas has no unit k",)),
        ("pid:abc", ("pid: needs numbers",)),
        ("size<5 cov<y", ("size is no column to compare", "cov needs a number")),
    ],
)
def test_wrong_terms_are_told_and_the_rest_still_filters(
    text: str, problems: tuple[str, ...]
) -> None:
    assert parse(text).problems == problems
    assert found(f"{text} java") == [5000]
    assert found(text) == [p.pid for p in machine()]


def test_a_row_that_could_not_be_read_matches_no_comparison_and_no_opposite() -> None:
    assert 1 not in found("2m<1t")
    assert 1 not in found("!2m<1t")
    assert 1 not in found("cov!=5")
    assert 1 in found("!user:app")


PIECES = st.sampled_from(
    [
        *'!-:"<>= ,%.',
        "cov",
        "res",
        "2m",
        "user",
        "pid",
        "cgroup",
        "1",
        "50",
        "k",
        "G",
        "app",
        "\x1b",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
@example("²")
@example("pid:²")
@example("cov<²")
@example("res>" + "9" * 400)
def test_nothing_typed_breaks_it(text: str) -> None:
    query = parse(text)
    mask = query.mask(TABLE)
    assert mask.shape == (len(TABLE),)
    assert mask.dtype == bool
    assert query.is_empty == (not query.terms)


@given(
    st.sampled_from(["res", "2m", "4k", "swap"]),
    st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
    st.sampled_from([0, 8192, MIB, 2 * GIB, 5 * GIB, 6 * GIB, 300 * MIB]),
    st.booleans(),
)
def test_comparisons_are_those_of_numbers(name: str, sign: str, limit: int, negated: bool) -> None:
    field = {"res": "resident", "2m": "bytes_2m", "4k": "bytes_4k", "swap": "bytes_swap"}[name]
    compare = {
        "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
        "=": int.__eq__, "!=": int.__ne__,
    }[sign]  # fmt: skip
    values = [(p.pid, getattr(p, field)) for p in machine()]
    wanted = [pid for pid, v in values if v is not None and compare(v, limit) is not negated]
    assert found(f"{'!' * negated}{name}{sign}{limit}") == wanted
    for form in ("{} {} {}", "{}{} {}", "{} {}{}", "app {}  {}\t{}"):
        term = form.format(f"{'!' * negated}{name}", sign, limit)
        app = {p.pid for p in machine() if "app" in p.user}
        assert found(term) == [pid for pid in wanted if "app" not in term or pid in app]
