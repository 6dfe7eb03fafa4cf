"""Rows of counters: how many so far, how fast now, and how that went lately."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hpview.host import counters as counters_
from hpview.host.unread import Unread
from hpview.text import printable
from hpview.ui.machine import numbers, words
from hpview.ui.machine.table import Cell, Column, Detail, Row, Table, cell, note, subtitle
from hpview.ui.widgets.sparkline import sparkline
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.segment import Segment

    from hpview.ui.machine.seen import Seen
    from hpview.ui.palette import Inks

_NAME_LEAST: Final = 20
_LINE_LEAST: Final = 8
_LINE_MOST: Final = 60


def table(seen: Seen, title: str, groups: Sequence[str], *, others: bool = False) -> Table:
    """Some groups of counters.

    Args:
        seen: What was read.
        title: Of the table.
        groups: Keys of ``host.counters.GROUPS``; each has its label above where there are more.
        others: And those of no group.
    """
    columns = (
        Column(title, right=False, least=_NAME_LEAST),
        Column("SO FAR", rank=1),
        Column("PER S"),
        Column("LATELY", right=False, rank=2, least=_LINE_LEAST, most=_LINE_MOST),
    )
    if seen.sample is None:
        return Table(columns, ())
    found = seen.sample.counters
    if isinstance(found, Unread):
        return Table(columns, (unread_row(found),))
    rows = []
    known = {group.key: group for group in counters_.GROUPS}
    for group in (known[key] for key in groups):
        indent = "  " * (len(groups) > 1)
        rows += [subtitle(group.label)] * bool(indent)
        rows += [_row(seen, member.name, indent + member.label) for member in group.members]
    if others:
        rows.append(subtitle("others"))
        rows += [_row(seen, name, f"  {printable(name)}") for name in counters_.ungrouped(found)]
    return Table(columns, rows)


def unread_row(unread: Unread) -> Row:
    """What is missing, and what would make it readable."""
    remedy = f"To see it: {unread.remedy}." if unread.remedy else "Nothing known would show it."
    return note(
        f"unread {unread.source}",
        printable(str(unread)),
        Detail("cannot be read", printable(unread.reason), unread.source, remedy),
    )


def _row(seen: Seen, name: str, label: str) -> Row:
    value, rate = seen.value(name), seen.rates.get(name)
    series = partial(_series, seen, name)
    cells = (
        cell(label, "text" if value else "dim"),
        cell(numbers.count(value), "text" if value else "dim"),
        cell(numbers.rate(rate), "strong" if rate else "dim"),
        Cell(draw=series),
    )
    detail = Detail(
        printable(name.rpartition("/")[2]),
        told(seen, name),
        counters_.source(name),
        words.COUNTERS.get(name, words.UNKNOWN),
    )
    return Row(name, cells, detail)


def _series(seen: Seen, name: str, width: int, inks: Inks) -> list[Segment]:
    return sparkline(seen.history.series(name), width, inks)


def told(seen: Seen, name: str) -> str:
    """``1 110 so far · 3.0 a second · at most 5.0 lately``, or why there is no rate."""
    value, rate = seen.value(name), seen.rates.get(name)
    if value is None:
        return "this kernel does not count it"
    so_far = f"{thousands(value)} so far"
    if rate is None:
        went_back = len(seen.history) > 0
        why = "it went back: no rate" if went_back else "no rate before the second reading"
        return f"{so_far} · {why}"
    known = [number for number in seen.history.series(name) if number is not None]
    return f"{so_far} · {numbers.rate(rate)} a second · at most {numbers.rate(max(known))} lately"
