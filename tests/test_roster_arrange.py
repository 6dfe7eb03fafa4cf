from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.roster.arrange import Arrangement, Shape, View, arranged
from hpview.roster.fields import FIELDS, Table, coverage
from hpview.roster.query import parse
from tests.fake_machine import machine, process

if TYPE_CHECKING:
    from hpview.process import Process
    from hpview.roster.arrange import Identity

GROUPED = {Shape.USER: "user", Shape.CGROUP: "cgroup"}


def look(
    processes: tuple[Process, ...] = machine(),
    *,
    words: str = "",
    sort: str = "pid",
    reverse: bool = False,
    shape: Shape = Shape.FLAT,
    folded: frozenset[Identity] = frozenset(),
) -> Arrangement:
    return arranged(Table(processes), View(parse(words), sort, reverse, shape, folded))


def drawn(arrangement: Arrangement) -> list[str]:
    """Lines as words: twig, name of a group or pid, what is folded away."""
    return [
        f"{line.twig}{' ' * bool(line.twig)}"
        f"{line.group.key if line.group else line.process.pid}"
        f"{f' +{line.hidden}' if line.hidden else ''}{'' if line.matches else ' ?'}"
        for line in arrangement.lines
    ]


def test_flat() -> None:
    assert drawn(look(sort="coverage")) == ["5000", "4127", "880", "1", "6001", "6002"]
    backwards = drawn(look(sort="coverage", reverse=True))
    assert backwards == ["880", "4127", "5000", "1", "6001", "6002"]
    assert drawn(look(sort="gap")) == ["880", "4127", "5000", "6001", "6002", "1"]
    assert drawn(look(sort="user")) == ["5000", "6001", "6002", "4127", "880", "1"]


def test_the_tree() -> None:
    assert drawn(look(shape=Shape.TREE)) == [
        "1", "1 880", "10 4127", "0 5000", "01 6001", "00 6002",
    ]  # fmt: skip
    assert drawn(look(shape=Shape.TREE, sort="resident"))[:2] == ["1", "1 5000"]


def test_a_folded_node_tells_how_many_are_below() -> None:
    folded: frozenset[Identity] = frozenset({(5000, 5000), (4127, 4127)})
    assert drawn(look(shape=Shape.TREE, folded=folded))[-1] == "0 5000 +2"
    everything = drawn(look(shape=Shape.TREE, folded=frozenset({(1, 1)})))
    assert everything == ["1 +5"]


def test_who_matches_keeps_those_above() -> None:
    assert drawn(look(shape=Shape.TREE, words="nameless")) == ["1 ?", "0 5000 ?", "00 6002"]
    assert [p.pid for p in look(shape=Shape.TREE, words="nameless").matching] == [6002]


def test_groups() -> None:
    found = look(shape=Shape.USER, sort="resident")
    assert drawn(found) == [
        "app", "1 5000", "1 6001", "0 6002", "postgres", "0 4127", "redis", "0 880", "root", "0 1",
    ]  # fmt: skip
    total = found.lines[0].process
    assert total.resident == sum(p.resident for p in machine() if p.user == "app")
    assert not total.partial
    assert found.lines[0].below == 3
    assert found.lines[-2].process.bytes_2m is None
    assert drawn(look(shape=Shape.USER, folded=frozenset({"app"})))[-1] == "app +3"


def test_a_group_with_something_unread_says_so() -> None:
    everyone = tuple(p._replace(user="one") for p in machine())
    total = look(everyone, shape=Shape.USER).lines[0].process
    assert total.partial
    assert total.bytes_4k == sum(p.bytes_4k or 0 for p in everyone)
    assert total.bytes_gap == sum(p.bytes_gap or 0 for p in everyone)
    assert total.bytes_hugetlb == 1 << 30
    both = sum((p.huge or 0) + (p.bytes_gap or 0) for p in everyone)
    assert coverage(total) == pytest.approx(100 * (total.huge or 0) / both)


def test_where_a_folded_process_is_found() -> None:
    table = Table(machine())
    child = machine()[-1]
    folded = look(shape=Shape.TREE, folded=frozenset({(1, 1)}))
    assert folded.cover(child, table, Shape.TREE) == 0
    by_cgroup = look(shape=Shape.CGROUP, folded=frozenset({child.cgroup}))
    at = by_cgroup.cover(child, table, Shape.CGROUP)
    assert at is not None
    assert by_cgroup.lines[at].identity == child.cgroup
    gone = child._replace(start_time=1)
    assert folded.cover(gone, table, Shape.TREE) is None


def test_what_a_line_hangs_below() -> None:
    tree = look(shape=Shape.TREE)
    assert [tree.above(at) for at in range(6)] == [None, 0, 1, 0, 3, 3]


PROCESSES = st.lists(
    st.builds(
        lambda ppid, user, size, huge, start: (ppid, user, size, huge, start),
        st.integers(0, 9), st.sampled_from("abc"), st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 4)), st.integers(1, 3),
    ),
    max_size=9,
).map(
    lambda drawn: tuple(
        process(
            pid, f"p{pid}", ppid=ppid, user=user, cgroup=user, resident=size, start_time=start,
            bytes_2m=huge, bytes_1g=None if huge is None else 0, bytes_4k=size,
        )
        for pid, (ppid, user, size, huge, start) in enumerate(drawn, 1)
    )
)  # fmt: skip


def key_of(found: Process, sort: str) -> float | str:
    field = FIELDS[sort]
    if field.text is not None:
        return field.text(found).casefold()
    assert field.number is not None
    value = field.number(found)
    return math.nan if value is None else value


@given(PROCESSES, st.sampled_from([*FIELDS]), st.booleans(), st.sampled_from([*Shape]))
def test_every_shape_holds_the_same_processes_in_order(
    processes: tuple[Process, ...], sort: str, reverse: bool, shape: Shape
) -> None:
    found = look(processes, sort=sort, reverse=reverse, shape=shape)
    shown = [line.process for line in found.lines if line.group is None]
    assert sorted(p.pid for p in shown) == [p.pid for p in processes]
    falling = FIELDS[sort].falling != reverse
    known = [key_of(p, sort) for p in found.matching]
    numbers = [value for value in known if value == value]
    assert known[: len(numbers)] == numbers  # the unknown are last
    assert numbers == sorted(numbers, reverse=falling)
    siblings: dict[object, list[int]] = {}
    for at, line in enumerate(found.lines):
        if line.group is None:
            siblings.setdefault(found.above(at), []).append(line.process.pid)
    if shape is not Shape.TREE:  # a cut circle has its root where it was cut
        order = [p.pid for p in found.matching]
        for pids in siblings.values():
            assert pids == [pid for pid in order if pid in pids]


@given(PROCESSES)
def test_in_the_tree_children_stand_below_their_parents(processes: tuple[Process, ...]) -> None:
    found = look(processes, shape=Shape.TREE)
    pids = {p.pid: p for p in processes}
    for at, line in enumerate(found.lines):
        above = found.above(at)
        if above is not None:
            assert found.lines[above].process.pid == line.process.ppid
        else:
            parent = pids.get(line.process.ppid)
            rootless = parent is None or parent.start_time > line.process.start_time
            assert rootless or _in_a_circle(line.process, pids)


def _in_a_circle(start: Process, pids: dict[int, Process]) -> bool:
    at: Process | None = start
    for _ in range(len(pids) + 1):
        at = pids.get(at.ppid) if at is not None else None
        if at is start:
            return True
    return False


@given(PROCESSES, st.sampled_from([Shape.USER, Shape.CGROUP]), st.data())
def test_folding_hides_what_lies_below_and_nothing_else(
    processes: tuple[Process, ...], shape: Shape, data: st.DataObject
) -> None:
    keys = sorted({p.user for p in processes})
    folded = frozenset(data.draw(st.lists(st.sampled_from(keys)) if keys else st.just([])))
    found = look(processes, shape=shape, folded=frozenset(folded))
    assert sum(line.hidden for line in found.lines) == sum(p.user in folded for p in processes)
    shown = {line.process.pid for line in found.lines if line.group is None}
    assert shown == {p.pid for p in processes if p.user not in folded}
    assert {line.group.key for line in found.lines if line.group} == set(keys)


@given(PROCESSES, st.data())
def test_folding_in_the_tree_counts_all_below(
    processes: tuple[Process, ...], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(processes))) if processes else []
    found = look(processes, shape=Shape.TREE, folded=frozenset(p.identity for p in chosen))
    assert len(found.lines) + sum(line.hidden for line in found.lines) == len(processes)


def test_ten_thousand_processes_in_every_shape() -> None:
    many = tuple(process(pid, f"worker {pid}", ppid=pid // 2) for pid in range(1, 10_001))
    for shape in Shape:
        assert len(look(many, shape=shape, words="worker").matching) == 10_000
    deep = tuple(process(pid, "nested", ppid=pid - 1) for pid in range(1, 5_001))
    assert len(look(deep, shape=Shape.TREE).lines) == 5_000
