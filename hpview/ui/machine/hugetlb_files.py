"""What limits and keeps the pages of hugetlb: files nobody maps, cgroups, mounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview import units
from hpview.host.unread import Unread
from hpview.text import printable
from hpview.ui.machine import counters, numbers
from hpview.ui.machine.table import Cell, Column, Detail, Row, Table, cell, note
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.host.held import HeldFile
    from hpview.host.ledger import Ledger
    from hpview.kernelfs.hugetlb_cgroup import HugetlbCgroup
    from hpview.kernelfs.hugetlbfs import HugetlbMount


def tables(ledger: Ledger) -> tuple[Table, ...]:
    """Files with pages that nobody seen has mapped, cgroups, file systems."""
    return (_files(ledger.files), _cgroups(ledger), _mounts(ledger.mounts))


def size_cell(count: int | None) -> Cell:
    """Bytes; nothing is dim, and a dash is unknown."""
    if count is None:
        return cell(numbers.UNKNOWN, "dim")
    return cell(units.size(count), "text") if count else cell("0", "dim")


def _files(files: Sequence[HeldFile]) -> Table:
    columns = (
        Column("FILES MAPPED BY NOBODY", right=False, least=24),
        Column("PAGES"),
        Column("HAS"),
        Column("MAPPED"),
        Column("OPEN IN"),
    )
    return Table(columns, [_file(file) for file in files])


def _file(file: HeldFile) -> Row:
    name = printable(file.name)
    opened = numbers.UNKNOWN if file.pid is None else str(file.pid)
    left = (file.pages - file.mapped) * file.page_size
    return Row(
        f"file {file.name} {file.pid}",
        (
            cell(name, tail=True),
            cell(units.page(file.page_size)),
            cell(thousands(file.pages), "strong"),
            cell(thousands(file.mapped), "text" if file.mapped else "dim"),
            cell(opened, "dim" if file.pid is None else "text"),
        ),
        Detail(
            name,
            f"{units.size(left)} mapped by nobody seen",
            "a hugetlb file system" if file.pid is None else f"/proc/{file.pid}/fd",
            "Its pages stay until it is removed, truncated and closed by all.",
        ),
        pid=file.pid,
    )


def _cgroups(ledger: Ledger) -> Table:
    columns = (
        Column("CGROUP", right=False, least=20),
        Column("PAGES"),
        Column("USAGE"),
        Column("LIMIT"),
        Column("RESERVED", rank=2),
        Column("ITS LIMIT", rank=2),
        Column("FAILED", rank=1),
    )
    if isinstance(ledger.cgroups, Unread):
        return Table(columns, (counters.unread_row(ledger.cgroups),))
    return Table(columns, [_cgroup(found) for found in ledger.cgroups])


def _cgroup(found: HugetlbCgroup) -> Row:
    path, failures = printable(found.path), found.failures
    return Row(
        f"cgroup {found.path} {found.page_size}",
        (
            cell(path, tail=True),
            cell(units.page(found.page_size)),
            size_cell(found.usage),
            _limit(found.limit),
            size_cell(found.reserved_usage),
            _limit(found.reserved_limit),
            cell(numbers.count(failures), "warn" if failures else "dim"),
        ),
        Detail(
            path,
            f"{units.exact(found.usage)} of "
            + ("no limit" if found.limit is None else units.exact(found.limit)),
            printable(found.source),
            "What processes of the cgroup have and may have; failed: refused by the limit.",
        ),
    )


def _limit(limit: int | None) -> Cell:
    return cell("none", "dim") if limit is None else cell(units.size(limit))


def _mounts(mounts: Sequence[HugetlbMount]) -> Table:
    columns = (
        Column("FILE SYSTEM", right=False, least=20),
        Column("PAGES"),
        Column("LIMIT"),
        Column("AT LEAST"),
    )
    if not mounts:
        nothing = Detail("hugetlbfs", "none", "/proc/self/mountinfo", "memfd and shm need none.")
        return Table(columns, (note("no mounts", "none is mounted here", nothing, "dim"),))
    return Table(columns, [_mount(mount) for mount in mounts])


def _mount(mount: HugetlbMount) -> Row:
    path, least = printable(mount.path), mount.least
    kept = cell("none", "dim") if least is None else cell(units.size(least))
    return Row(
        f"mount {mount.path}",
        (
            cell(path, tail=True),
            cell(_page(mount.page_size)),
            _limit(mount.limit),
            kept,
        ),
        Detail(
            path,
            f"pages of {_page(mount.page_size)}",
            "/proc/self/mountinfo",
            "Limit: size=, of all its files. At least: min_size=, reserved for it.",
        ),
    )


def _page(size: int) -> str:
    """The page size of a mount; 0 where it does not tell."""
    return units.page(size) if size else "?"
