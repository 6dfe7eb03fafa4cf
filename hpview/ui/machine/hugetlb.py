"""Who holds the hugetlb pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview import units
from hpview.kernelfs.hugetlb import DIRECTORY, NODES
from hpview.text import printable
from hpview.ui.machine import counters, hugetlb_files, numbers
from hpview.ui.machine.hugetlb_files import size_cell
from hpview.ui.machine.table import NOTHING, Column, Detail, Part, Row, Table, cell, note
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.host.ledger import Entry, Holder, Ledger
    from hpview.kernelfs.hugetlb import NodePool, Pool
    from hpview.ui.machine.seen import Seen
    from hpview.ui.machine.table import Ink

_MEANS = (
    "In use by nobody seen: files nobody maps, other namespaces, unreadable processes, devices."
)


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: each pool that has pages, and what nobody accounts for."""
    if seen.sample is None:
        return [[Part("reading…", "dim")]]
    if not seen.sample.pools:
        return [[Part("this kernel has no hugetlb", "dim")]]
    entries = {entry.pool.page_size: entry for entry in seen.ledger.entries} if seen.ledger else {}
    facts = []
    for pool in seen.sample.pools:
        if not pool.total:
            continue
        name = units.page(pool.page_size)
        used = f"{thousands(pool.in_use)} of {thousands(pool.total)} in use"
        facts.append([Part(f"{name} ", "dim"), Part(used, "strong")])
        entry = entries.get(pool.page_size)
        # the ledger is read seldom: it may be of another time
        if entry is not None and entry.unattributed and entry.pool.in_use == pool.in_use:
            facts[-1].append(Part(f", {thousands(entry.unattributed)} unattributed", "warn"))
    return facts or [[Part("no pages in any pool", "dim")]]


def tables(seen: Seen) -> tuple[Table, ...]:
    """The pools, who has them, limits, mounts, counters."""
    ledger = seen.ledger
    if ledger is None:
        return ()
    return (
        _pools(ledger),
        _holders(ledger),
        *hugetlb_files.tables(ledger),
        counters.table(seen, "TAKEN FROM FREE MEMORY", ("hugetlb",)),
    )


def _pools(ledger: Ledger) -> Table:
    columns = (
        Column("POOL", right=False),
        Column("TOTAL"),
        Column("IN USE"),
        Column("MAPPED"),
        Column("UNATTRIBUTED"),
        Column("FREE"),
        Column("RESERVED", rank=1),
        Column("SURPLUS", rank=3),
        Column("OVERCOMMIT", rank=2),
    )
    if not ledger.entries:
        nothing = Detail("hugetlb", "none", f"/sys/{DIRECTORY}", "Built without hugetlb.")
        return Table(columns, (note("no pools", "this kernel has no hugetlb", nothing, "dim"),))
    rows = []
    for entry in ledger.entries:
        rows.append(_pool(entry, ledger))
        rows += [_node(node) for node in entry.nodes] if len(entry.nodes) > 1 else []
    return Table(columns, [*rows, *_doubts(ledger)])


def _pool(entry: Entry, ledger: Ledger) -> Row:
    pool, nobody = entry.pool, entry.unattributed
    name = units.page(pool.page_size)
    least, most = ("", "") if ledger.whole else (">=", "<=")
    ink: Ink = "text" if pool.total else "dim"
    return Row(
        f"pool {pool.page_size}",
        (
            cell(f"{name} pages", "strong" if pool.total else "dim"),
            cell(thousands(pool.total), ink),
            cell(thousands(pool.in_use), ink),
            cell(least * bool(pool.in_use) + thousands(entry.mapped), ink),
            cell(most * bool(nobody) + thousands(nobody), "warn" if nobody else "dim"),
            cell(thousands(pool.free), ink),
            cell(thousands(pool.reserved), "text" if pool.reserved else "dim"),
            cell(thousands(pool.surplus), "text" if pool.surplus else "dim"),
            cell(numbers.count(pool.overcommit), "text" if pool.overcommit else "dim"),
        ),
        Detail(f"pool of {name} pages", _sums(entry, pool), f"{_folder(pool)}/*_hugepages", _MEANS),
    )


def _sums(entry: Entry, pool: Pool) -> str:
    size = pool.page_size
    facts = (
        ("in use", pool.in_use),
        ("mapped", entry.mapped),
        ("unattributed", entry.unattributed),
        ("free for new mappings", pool.available),
    )
    return " · ".join(f"{units.size(pages * size)} {word}" for word, pages in facts)


def _folder(pool: Pool | NodePool) -> str:
    return f"/sys/{DIRECTORY}/hugepages-{pool.page_size // 1024}kB"


def _node(node: NodePool) -> Row:
    size = units.page(node.page_size)
    return Row(
        f"pool {node.page_size} node {node.node}",
        (
            cell(f"  node {node.node}", "dim"),
            cell(thousands(node.total), "dim"),
            cell(thousands(node.in_use), "dim"),
            NOTHING,
            NOTHING,
            cell(thousands(node.free), "dim"),
            NOTHING,
            cell(thousands(node.surplus), "dim"),
            NOTHING,
        ),
        Detail(
            f"pool of {size} pages, node {node.node}",
            f"{units.size(node.in_use * node.page_size)} in use · "
            f"{units.size(node.free * node.page_size)} free",
            f"/sys/{NODES}/node{node.node}/hugepages/hugepages-{node.page_size // 1024}kB",
            "What of the pool lies on this node; the kernel reserves none by node.",
        ),
    )


def _doubts(ledger: Ledger) -> list[Row]:
    """What the numbers above leave out, and what would change it."""
    rows = []
    if ledger.unread:
        many = f"{thousands(ledger.unread)} process{'es' * (ledger.unread != 1)}"
        words = f"{many} may not be read: mapped is at least, unattributed at most"
        rows.append(
            note(
                "doubt unread",
                words,
                Detail("not readable", many, "/proc/PID/pagemap", "Run as root to see them."),
            )
        )
    if ledger.cut:
        words = "too many private pages to read all: mapped is at least, unattributed at most"
        detail = Detail("cut", f"{thousands(ledger.pages)} pages", "/proc/PID/pagemap", words)
        rows.append(note("doubt cut", words, detail))
    if not ledger.exact:
        words = "frame numbers are hidden: private pages that a fork shares are an estimate"
        detail = Detail("an estimate", "", "/proc/PID/pagemap", "Run as root to tell them apart.")
        rows.append(note("doubt exact", words, detail))
    return rows


def _holders(ledger: Ledger) -> Table:
    sizes = [entry.pool.page_size for entry in ledger.entries if entry.pool.total]
    columns = (
        Column("HAS IT MAPPED", right=False, least=12),
        Column("PID"),
        *(Column(f"IN {units.page(size)}") for size in sizes),
        Column("CHARGED", rank=1),
    )
    if not ledger.holders:
        nothing = Detail("holders", "none", "/proc/PID/status", "HugetlbPages is 0 in all of them.")
        words = "no process seen is charged for hugetlb pages"
        return Table(columns, (note("no holders", words, nothing, "dim"),))
    return Table(columns, [_holder(holder, sizes) for holder in ledger.holders])


def _holder(holder: Holder, sizes: Sequence[int]) -> Row:
    mapped = holder.mapped
    name = printable(holder.comm)
    told = [
        cell("?", "warn") if mapped is None else size_cell(mapped.get(size, 0)) for size in sizes
    ]
    return Row(
        f"holder {holder.pid}",
        (cell(name), cell(str(holder.pid)), *told, size_cell(holder.charged)),
        Detail(
            f"{holder.pid} {name}",
            f"charged {units.exact(holder.charged)}"
            + (" · its mappings may not be read" if mapped is None else ""),
            f"/proc/{holder.pid}/status, HugetlbPages; maps and pagemap",
            "Mapped counts pages that others have mapped too; Enter opens the process.",
        ),
        pid=holder.pid,
    )
