"""The hugetlb section of ``hpview machine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import text, units
from hpview.export.columns import aligned
from hpview.export.machine_tasks import READING_TAKES
from hpview.host.unread import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hpview.host.ledger import Entry, Ledger

_LEFT: Final = frozenset({"NODE", "COMMAND", "PATH", "CGROUP", "FILE"})
_HEAD: Final = (
    "SIZE",
    "NODE",
    "TOTAL",
    "FREE",
    "RESERVED",
    "SURPLUS",
    "OVERCOMMIT",
    "IN USE",
    "MAPPED",
    "UNATTRIBUTED",
)


def hugetlb(ledger: Ledger | Unread) -> Iterator[str]:
    """The pools in pages, who has them mapped, mounts and cgroups."""
    if isinstance(ledger, Unread):
        yield str(ledger)
        return
    if not ledger.entries:
        yield "this kernel was built without hugetlb"
        return
    yield from _pools(ledger)
    yield from _holders(ledger)
    yield from _files(ledger)
    yield from _mounts(ledger)
    yield from _cgroups(ledger)


def _pools(ledger: Ledger) -> Iterator[str]:
    rows = [row for entry in ledger.entries for row in _rows(entry, whole=ledger.whole)]
    yield from aligned(_HEAD, list(zip(*rows, strict=True)), _LEFT)
    if any(entry.unattributed for entry in ledger.entries):
        yield (
            "unattributed: in files or SysV segments that nobody maps, or mapped by processes that "
            "cannot be seen or read"
        )


def _rows(entry: Entry, *, whole: bool) -> Iterator[tuple[str, ...]]:
    """Of all nodes, and, where there are several, of each."""
    pool = entry.pool
    yield (
        units.page(pool.page_size),
        "all",
        *map(units.thousands, (pool.total, pool.free, pool.reserved, pool.surplus)),
        "-" if pool.overcommit is None else units.thousands(pool.overcommit),
        units.thousands(pool.in_use),
        units.thousands(entry.mapped) + ("" if whole else "+"),
        ("" if whole or not entry.unattributed else "<=") + units.thousands(entry.unattributed),
    )
    for node in entry.nodes if len(entry.nodes) > 1 else ():
        counts = (node.total, node.free, node.surplus, node.in_use)
        total, free, surplus, in_use = map(units.thousands, counts)
        yield "", str(node.node), total, free, "", surplus, "", in_use, "", ""


def _holders(ledger: Ledger) -> Iterator[str]:
    yield ""
    if not ledger.holders:
        yield "no process has pages of it mapped"
        return
    sizes = [entry.pool.page_size for entry in ledger.entries]
    rows = [
        (
            str(holder.pid),
            units.short(holder.charged),
            *(
                "?" if holder.mapped is None else units.short(holder.mapped.get(size, 0))
                for size in sizes
            ),
            text.printable(holder.comm),
        )
        for holder in ledger.holders
    ]
    head = ("PID", "CHARGED", *map(units.page, sizes), "COMMAND")
    yield from _table(head, rows)
    if ledger.unread:
        yield f"{ledger.unread} of them may not be read: {READING_TAKES}"
    if ledger.cut:
        yield f"reading stopped after {units.thousands(ledger.pages)} private pages"
    if not ledger.exact:
        yield "an estimate: frame numbers are hidden, root sees them"


def _files(ledger: Ledger) -> Iterator[str]:
    """Files with pages that nobody seen has mapped."""
    if not ledger.files:
        return
    yield ""
    rows = [
        (
            units.page(file.page_size),
            units.thousands(file.pages),
            units.thousands(file.mapped),
            "-" if file.pid is None else str(file.pid),
            text.printable(file.name),
        )
        for file in ledger.files
    ]
    yield from _table(("SIZE", "PAGES", "MAPPED", "OPEN IN", "FILE"), rows)


def _mounts(ledger: Ledger) -> Iterator[str]:
    if not ledger.mounts:
        return
    yield ""
    rows = [
        (
            units.page(mount.page_size) if mount.page_size else "?",
            "-" if mount.limit is None else units.size(mount.limit),
            "-" if mount.least is None else units.size(mount.least),
            text.printable(mount.path),
        )
        for mount in ledger.mounts
    ]
    yield from _table(("MOUNT OF", "LIMIT", "KEPT", "PATH"), rows)


def _cgroups(ledger: Ledger) -> Iterator[str]:
    yield ""
    if isinstance(ledger.cgroups, Unread):
        yield str(ledger.cgroups)
        return
    rows = [
        (
            units.page(row.page_size),
            _bytes(row.usage),
            _bytes(row.limit),
            _bytes(row.reserved_usage),
            _bytes(row.reserved_limit),
            "-" if row.failures is None else units.thousands(row.failures),
            text.printable(row.path),
        )
        for row in ledger.cgroups
    ]
    head = ("SIZE", "USED", "LIMIT", "RESERVED", "LIMIT ON THAT", "TIMES MET", "CGROUP")
    yield from _table(head, rows)


def _bytes(count: int | None) -> str:
    return "-" if count is None else units.size(count)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from aligned(head, list(zip(*rows, strict=True)), _LEFT)
