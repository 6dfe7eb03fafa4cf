"""What users and cgroups come to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.host.unread import Unread
from hpview.roster.groups import grouped
from hpview.space.cell_class import CellClass
from hpview.text import printable
from hpview.ui.machine import counters
from hpview.ui.machine.table import Cell, Column, Detail, Part, Row, Table, cell
from hpview.ui.paint import bar
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.process import Process
    from hpview.roster.groups import Group
    from hpview.ui.machine.seen import Seen

_KINDS: Final = (("BY USER", "user"), ("BY CGROUP", "cgroup"))


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: what all processes come to."""
    if isinstance(seen.snapshot, Unread):
        return [[Part(printable(str(seen.snapshot)), "warn")]]
    if seen.snapshot is None:
        return [[Part("not read yet", "dim")]]
    processes = seen.processes
    counted = [p for p in processes if p.huge is not None and p.bytes_gap is not None]
    huge = sum(process.huge or 0 for process in counted)
    gap = sum(process.bytes_gap or 0 for process in counted)
    resident = sum(process.resident for process in processes)
    more = "+" if seen.snapshot.unreadable else ""
    covered = [
        [Part(f"coverage {units.percent(huge, huge + gap)}", "strong")],
        [Part(f"{units.size(gap)}{more}", "strong"), Part(" could be huge and is not")],
    ]
    return [
        *(covered if counted else []),
        [Part(f"{units.size(huge)}{more} huge")],
        [Part(f"{units.size(resident)} resident in {thousands(len(processes))} processes", "dim")],
    ]


def tables(seen: Seen) -> tuple[Table, ...]:
    """By user, then by cgroup; the largest first."""
    if seen.snapshot is None:
        return ()
    if isinstance(seen.snapshot, Unread):
        row = counters.unread_row(seen.snapshot)
        return (Table((Column("PROCESSES", right=False),), (row,)),)
    return tuple(_table(seen.processes, title, key) for title, key in _KINDS)


def _table(processes: Sequence[Process], title: str, attribute: str) -> Table:
    columns = (
        Column(title, right=False, least=22),
        Column("PROCESSES", rank=2),
        Column("RESIDENT"),
        Column("2M"),
        Column("1G", rank=3),
        Column("GAP"),
        Column("COVERAGE"),
        Column("", right=False, rank=1, least=8, most=40),
    )
    groups = grouped(processes, range(len(processes)), attribute)
    groups.sort(key=lambda group: (-group.total.resident, group.key))
    return Table(columns, [_group(group, attribute) for group in groups])


def _group(group: Group, attribute: str) -> Row:
    total = group.total
    name = printable(group.key) or "(none)"
    huge, gap = total.huge, total.bytes_gap
    parts = (
        (CellClass.HUGE_1G, total.bytes_1g or 0),
        (CellClass.HUGE_2M, total.bytes_2m or 0),
        (CellClass.FULL_4K, gap or 0),
    )
    drawn = partial(bar, parts) if (huge or 0) + (gap or 0) else None
    more = "+" if total.partial else ""
    return Row(
        f"{attribute} {group.key}",
        (
            cell(name, tail=attribute == "cgroup"),
            cell(thousands(len(group.members))),
            cell(units.size(total.resident) + more),
            _size(total.bytes_2m, more),
            _size(total.bytes_1g, more),
            _size(gap, more),
            cell(_coverage(huge, gap), "strong"),
            Cell(draw=drawn),
        ),
        Detail(
            name,
            f"{thousands(len(group.members))} processes · huge {_exact(huge)} · gap {_exact(gap)}",
            "page tables" if huge is not None else "not readable",
            "Gap: 4k pages where huge ones could be; coverage: huge in huge and gap."
            " What processes share counts in each.",
        ),
    )


def _size(size: int | None, more: str) -> Cell:
    if size is None:
        return cell("?", "dim")
    return cell(units.size(size) + more, "text") if size else cell(f"0{more}", "dim")


def _exact(size: int | None) -> str:
    return "not readable" if size is None else units.exact(size)


def _coverage(huge: int | None, gap: int | None) -> str:
    if huge is None or gap is None:
        return "?"
    return units.percent(huge, huge + gap)
