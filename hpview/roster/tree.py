"""Processes below their parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Sequence

    from hpview.process import Process


class Node(NamedTuple):
    """One line of the tree.

    Attributes:
        at: Place in the table.
        twig: A character for each generation above: ``1`` where more of it follow below,
            ``0`` where this was the last; "" for one without a parent.
        below: How many children it has that are shown or folded away.
        hidden: How many processes are folded away below it.
    """

    at: int
    twig: str
    below: int
    hidden: int


def parents(processes: Sequence[Process]) -> list[int]:
    """The place of each one's parent, -1 where it is not among them.

    A parent is older: what has its pid but is younger only got the pid of a dead one. Pids that
    were used again while they were read can still make a circle; it is cut where one first
    comes upon it.
    """
    places = {process.pid: i for i, process in enumerate(processes)}
    out = []
    for i, process in enumerate(processes):
        above = places.get(process.ppid, -1)
        if above == i or (above >= 0 and processes[above].start_time > process.start_time):
            above = -1
        out.append(above)
    passed = [-1] * len(out)
    for start in range(len(out)):
        i = start
        while i >= 0 and passed[i] < 0:
            passed[i] = start
            i = out[i]
        if i >= 0 and passed[i] == start:
            out[i] = -1
    return out


def grown(
    above: Sequence[int], order: Iterable[int], wanted: Collection[int], folded: Container[int]
) -> list[Node]:
    """The tree from top to bottom.

    Args:
        above: As ``parents``.
        order: All places, as siblings are to be sorted.
        wanted: Places to show; those above them are shown too.
        folded: Places of which nothing below is shown.
    """
    ordered = list(order)
    kept = wanted if len(wanted) == len(ordered) else _with_ancestors(above, ordered, wanted)
    children: dict[int, list[int]] = {}
    for i in ordered:
        if i in kept:
            children.setdefault(above[i], []).append(i)
    out: list[Node] = []
    # Without recursion: processes nest deeper than Python's calls do.
    todo = [(root, "") for root in reversed(children.get(-1, []))]
    while todo:
        i, twig = todo.pop()
        young = children.get(i)
        if not young:
            out.append(Node(i, twig, 0, 0))
        elif i in folded:
            out.append(Node(i, twig, len(young), _count(young, children)))
        else:
            out.append(Node(i, twig, len(young), 0))
            todo.append((young[-1], twig + "0"))
            todo += [(child, twig + "1") for child in young[-2::-1]]
    return out


def _with_ancestors(above: Sequence[int], ordered: list[int], wanted: Container[int]) -> set[int]:
    kept: set[int] = set()
    for i in ordered:
        if i in wanted:
            while i >= 0 and i not in kept:
                kept.add(i)
                i = above[i]
    return kept


def _count(young: list[int], children: dict[int, list[int]]) -> int:
    """How many there are, children's children among them."""
    todo, found = list(young), 0
    while todo:
        found += 1
        todo += children.get(todo.pop(), ())
    return found
