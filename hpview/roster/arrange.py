"""Which processes are shown, in which order and shape."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from hpview.roster.fields import Table
from hpview.roster.groups import Group, grouped
from hpview.roster.tree import grown, parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.process import Process
    from hpview.roster.query import ProcessQuery

    Identity = tuple[int, int] | str
    """Of a process, or the key of a group."""


class Shape(Enum):
    """How processes are put together."""

    FLAT = ""
    TREE = "tree"
    USER = "by user"
    CGROUP = "by cgroup"


class Line(NamedTuple):
    """One line of the list: a process, or the heading of a group.

    Attributes:
        process: What stands there; a group's total.
        group: The group that it heads, or None.
        twig: As ``tree.Node``; ``0`` or ``1`` for a member of a group.
        below: How many lines belong below it, shown or not.
        hidden: How many processes are folded away there.
        matches: False for who is there only for a process further down.
    """

    process: Process
    group: Group | None = None
    twig: str = ""
    below: int = 0
    hidden: int = 0
    matches: bool = True

    @property
    def identity(self) -> Identity:
        """What makes it the same line in another arrangement."""
        return self.process.identity if self.group is None else self.group.key


@dataclass(frozen=True, slots=True)
class View:
    """How to look at the processes.

    Attributes:
        query: Which ones.
        sort: Key of a field.
        reverse: Against the field's own direction.
        shape: How they are put together.
        folded: What stands folded.
    """

    query: ProcessQuery
    sort: str
    reverse: bool = False
    shape: Shape = Shape.FLAT
    folded: frozenset[Identity] = frozenset()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is shown.

    Attributes:
        lines: From top to bottom.
        matching: The processes that match, folded away or not, sorted.
    """

    lines: list[Line]
    matching: list[Process]

    def place(self, identity: Identity) -> int | None:
        """The line with an identity."""
        return next((i for i, line in enumerate(self.lines) if line.identity == identity), None)

    def cover(self, process: Process, table: Table, shape: Shape) -> int | None:
        """The line under which a living process is folded away; None if there is none."""
        living = {found.pid: found for found in table.processes}
        if process.pid not in living or living[process.pid].identity != process.identity:
            return None
        if shape is not Shape.TREE:
            return self.place(process.cgroup if shape is Shape.CGROUP else process.user)
        places = {line.identity: i for i, line in enumerate(self.lines)}
        passed: set[int] = set()
        above = living.get(process.ppid)
        while above is not None and above.pid not in passed:
            if above.identity in places:
                return places[above.identity]
            passed.add(above.pid)
            above = living.get(above.ppid)
        return None

    def above(self, at: int) -> int | None:
        """The line that another one hangs below."""
        depth = len(self.lines[at].twig)
        found = (i for i in range(at - 1, -1, -1) if len(self.lines[i].twig) < depth)
        return next(found, None)


def arranged(table: Table, view: View) -> Arrangement:
    """Filter, sort, put together, fold."""
    processes = table.processes
    mask = view.query.mask(table)
    order = table.order(view.sort, reverse=view.reverse)
    shown = order[mask[order]].tolist()
    matching = [processes[i] for i in shown]
    if view.shape is Shape.FLAT:
        lines = [Line(process) for process in matching]
    elif view.shape is Shape.TREE:
        lines = _tree(processes, order.tolist(), shown, view)
    else:
        lines = _groups(processes, shown, view)
    return Arrangement(lines, matching)


def _tree(
    processes: Sequence[Process], order: list[int], shown: list[int], view: View
) -> list[Line]:
    wanted = frozenset(shown)
    folded = {i for i, p in enumerate(processes) if view.folded and p.identity in view.folded}
    return [
        Line(processes[i], None, twig, below, hidden, i in wanted)
        for i, twig, below, hidden in grown(parents(processes), order, wanted, folded)
    ]


def _groups(processes: Sequence[Process], shown: list[int], view: View) -> list[Line]:
    groups = grouped(processes, shown, view.shape.name.lower())
    groups.sort(key=lambda group: group.total.pid)
    order = Table([group.total for group in groups]).order(view.sort, reverse=view.reverse)
    lines = []
    for at in order.tolist():
        group = groups[at]
        count = len(group.members)
        hidden = count if group.key in view.folded else 0
        lines.append(Line(group.total, group, "", count, hidden))
        if not hidden:
            last = count - 1
            lines += [
                Line(processes[i], None, "0" if n == last else "1")
                for n, i in enumerate(group.members)
            ]
    return lines
