"""The NUMA nodes of a process as a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview import units
from hpview.space.cell_class import CellClass
from hpview.ui.machine import numbers
from hpview.ui.machine.table import Cell, Column, Detail, Row, Table, cell, note
from hpview.ui.paint import bar
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.host.nodes import ByNode, NodeShare
    from hpview.ui.palette import Inks

_SOURCE = "move_pages(), which moves nothing when it is given no nodes"


def table(found: ByNode) -> Table:
    """A row a node, with a bar against the node that has most; then what is not known."""
    columns = (
        Column("NODE", right=False),
        Column("2M"),
        Column("1G"),
        Column("4K"),
        Column("OF ALL"),
        Column("", right=False, least=10, most=120),
    )
    sums = [_sum(share) for share in found.shares]
    whole, most = sum(sums), max(sums, default=0)
    rows = [_row(share, whole, most) for share in found.shares]
    if not rows:
        none = Detail("nodes", "none", "/sys/devices/system/node", "The kernel has no NUMA.")
        rows.append(note("none", "this machine has no NUMA nodes", none, "dim"))
    if found.unknown:
        words = f"{units.size(found.unknown)} of huge pages on a node that the kernel did not tell"
        detail = Detail(
            "unknown",
            units.exact(found.unknown),
            _SOURCE,
            "They are no longer there, or they were being moved.",
        )
        rows.append(note("unknown", words, detail))
    return Table(columns, rows)


def _sum(share: NodeShare) -> int:
    return share.bytes_2m + share.bytes_1g + (share.bytes_4k or 0)


def _row(share: NodeShare, whole: int, most: int) -> Row:
    small = share.bytes_4k
    return Row(
        f"node {share.node}",
        (
            cell(f"node {share.node}", "strong" if _sum(share) else "dim"),
            _size(share.bytes_2m),
            _size(share.bytes_1g),
            cell(numbers.UNKNOWN, "dim") if small is None else _size(small),
            cell(units.percent(_sum(share), whole), "strong" if _sum(share) else "dim"),
            Cell(draw=partial(_bar, share, most)),
        ),
        Detail(
            f"node {share.node}",
            f"2M {units.exact(share.bytes_2m)} · 1G {units.exact(share.bytes_1g)} · 4k "
            + ("not asked for" if small is None else units.exact(small)),
            _SOURCE,
            f"{thousands(share.bytes_2m >> 21)} pages of 2 MB, {thousands(share.bytes_1g >> 30)}"
            " of 1 GB; memory far from the processor that uses it is slower.",
        ),
    )


def _size(count: int) -> Cell:
    return cell(units.size(count)) if count else cell("0", "dim")


def _bar(share: NodeShare, most: int, width: int, inks: Inks) -> list[Segment]:
    """As long as the node's share of what the fullest node has; anything is a cell at least."""
    here = _sum(share)
    length = max(here > 0, here * width // most) if most else 0
    parts = (
        (CellClass.HUGE_1G, share.bytes_1g),
        (CellClass.HUGE_2M, share.bytes_2m),
        (CellClass.FULL_4K, share.bytes_4k or 0),
    )
    rest = [Segment(" " * (width - length), inks.text)] if length < width else []
    return [*(bar(parts, length, inks) if length else []), *rest]
