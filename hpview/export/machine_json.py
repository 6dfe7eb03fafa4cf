"""``hpview.machine/1``: the machine as an object for other programs.

Sizes are bytes and counts of a pool pages of its size, unless a key says otherwise; waits are
nanoseconds. Every section has its ``source``. A section or a number that could not be read is
null; sections stand in ``unread`` too, with the reason and what would change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hpview import text
from hpview.export.machine import counted
from hpview.host import counters as counters_
from hpview.host.unread import Unread
from hpview.kernelfs.thp import DIRECTORY
from hpview.roster.groups import grouped
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from hpview.export.machine import Report
    from hpview.host.delays import Delays, Wait
    from hpview.host.ledger import Entry, Ledger
    from hpview.host.sample import Sample
    from hpview.machine import Snapshot

    T = TypeVar("T")

COUNTER_KEYS: Final = ("name", "value", "per_second", "source")
_THP: Final = f"/sys/{DIRECTORY}"


def machine_object(report: Report) -> dict[str, Any]:
    """The object of ``hpview machine --format json``, schema ``hpview.machine/1``.

    Keys:
        settings: Values in force by file below ``source``, and the choices where files tell them.
        folio_sizes: Of each size its settings and what was counted in its stats/.
        counters, khugepaged: What was counted since boot, by the kernel's names.
        rates: The same per second, by name, those of folio sizes and khugepaged with their
            folder; null where a rate is not known, the whole null unless counting for some
            seconds was asked for.
        in_use: Bytes of huge pages.
        free: Blocks by zone and by type, each by order from ``order_0`` bytes on; ``blocks_2m``
            are of 2 MiB, larger ones cut, ``serving_2m`` those that may serve a process,
            ``types_age`` the seconds that these were read before the rest.
        hugetlb: The pools, in pages of their size; ``mapped`` are different pages, at least if
            not ``whole``, an estimate if not ``exact``; ``holders`` in bytes, by page size;
            files with pages that nobody maps; mounts and cgroups in bytes.
        delays: Waits of each process, how often and how long.
        by_user, by_cgroup: Sums over processes.
        unread: By section, why it is null.
    """
    sample, ledger = report.sample, known(report.ledger)
    parts = {
        "counters": sample.counters,
        "free": sample.zones,
        "free_types": sample.types,
        "hugetlb": report.ledger,
        "hugetlb_cgroups": None if ledger is None else ledger.cgroups,
        "delays": report.delays,
        "processes": report.snapshot,
    }
    return {
        "schema": "hpview.machine/1",
        "settings": {
            "source": _THP,
            "values": {knob.name: knob.value for knob in sample.knobs},
            "choices": {knob.name: list(knob.choices) for knob in sample.knobs if knob.choices},
        },
        "folio_sizes": _sizes(sample),
        "counters": {"source": "/proc/vmstat", "values": _vmstat(sample)},
        "khugepaged": {"source": f"{_THP}/khugepaged", "values": _below(sample, "khugepaged/")},
        "rates": report.rates,
        "in_use": _in_use(sample),
        "free": _free(sample),
        "hugetlb": None if ledger is None else _hugetlb(ledger),
        "delays": _delays(known(report.delays)),
        "by_user": _groups(known(report.snapshot), "user"),
        "by_cgroup": _groups(known(report.snapshot), "cgroup"),
        "unread": {
            name: {"source": part.source, "reason": part.reason, "remedy": part.remedy}
            for name, part in parts.items()
            if isinstance(part, Unread)
        },
    }


def counter_objects(report: Report) -> list[dict[str, Any]]:
    """Every counter with its rate, for a table: keys ``COUNTER_KEYS``."""
    rates = report.rates or {}
    return [
        {
            "name": text.well_formed(name),
            "value": value,
            "per_second": rates.get(name),
            "source": text.well_formed(counters_.source(name)),
        }
        for name, value in counted(report.sample.counters).items()
    ]


def known(part: T | Unread) -> T | None:
    """What was read, or None."""
    return None if isinstance(part, Unread) else part


def _sizes(sample: Sample) -> list[dict[str, Any]]:
    return [
        {
            "size": setting.size,
            "source": f"{_THP}/hugepages-{setting.size // 1024}kB",
            "enabled": setting.enabled,
            "shmem_enabled": setting.shmem_enabled,
            "stats": _below(sample, f"hugepages-{setting.size // 1024}kB/stats/"),
        }
        for setting in sample.sizes
    ]


def _vmstat(sample: Sample) -> dict[str, int] | None:
    if isinstance(sample.counters, Unread):
        return None
    return {name: value for name, value in sample.counters.values.items() if "/" not in name}


def _below(sample: Sample, folder: str) -> dict[str, int]:
    """Counters by file in a folder."""
    return {
        name.removeprefix(folder): value
        for name, value in counted(sample.counters).items()
        if name.startswith(folder)
    }


def _in_use(sample: Sample) -> dict[str, Any]:
    values, size = counted(sample.counters), sample.pmd_size
    return {
        "source": "/proc/vmstat",
        "page_size": size,
        "bytes": {
            name: None if name not in values or size is None else values[name] * size
            for name in counters_.IN_USE
        },
    }


def _free(sample: Sample) -> dict[str, Any]:
    zones, types = known(sample.zones), known(sample.types)
    return {
        "source": "/proc/buddyinfo",
        "blocks_2m": sample.free_huge,
        "zones": None
        if zones is None
        else [
            {
                "node": zone.node,
                "zone": text.well_formed(zone.name),
                "blocks_by_order": list(zone.free),
                "free": zone.bytes_free,
                "blocks_2m": zone.huge,
            }
            for zone in zones
        ],
        "order_0": PAGE_SIZE,
        "types_source": "/proc/pagetypeinfo",
        "types_age": round(sample.types_age, 3),
        "serving_2m": sample.serving,
        "types": None
        if types is None
        else [
            {
                "node": found.node,
                "zone": text.well_formed(found.zone),
                "type": text.well_formed(found.kind),
                "serves": found.serves,
                "blocks_by_order": list(found.free),
                "blocks_2m": found.huge,
                "at_least": found.at_least,
            }
            for found in types
        ],
    }


def _hugetlb(ledger: Ledger) -> dict[str, Any]:
    cgroups = known(ledger.cgroups)
    return {
        "source": "/sys/kernel/mm/hugepages",
        "mapped_source": "/proc/PID/pagemap",
        "pools": [_pool(entry) for entry in ledger.entries],
        "exact": ledger.exact,
        "whole": ledger.whole,
        "unreadable_holders": ledger.unread,
        "holders": [
            {
                "pid": holder.pid,
                "comm": text.well_formed(holder.comm),
                "charged": holder.charged,
                "mapped": None if holder.mapped is None else _by_size(holder.mapped),
            }
            for holder in ledger.holders
        ],
        "unmapped_files": [
            {
                "name": text.well_formed(file.name),
                "page_size": file.page_size,
                "pages": file.pages,
                "mapped": file.mapped,
                "open_in": file.pid,
            }
            for file in ledger.files
        ],
        "mounts": [
            {
                "path": text.well_formed(mount.path),
                "page_size": mount.page_size or None,
                "limit": mount.limit,
                "least": mount.least,
            }
            for mount in ledger.mounts
        ],
        "cgroups": None
        if cgroups is None
        else [
            {
                "path": text.well_formed(row.path),
                "source": text.well_formed(row.source),
                "page_size": row.page_size,
                "usage": row.usage,
                "limit": row.limit,
                "reserved_usage": row.reserved_usage,
                "reserved_limit": row.reserved_limit,
                "limit_met": row.failures,
            }
            for row in cgroups
        ],
    }


def _pool(entry: Entry) -> dict[str, Any]:
    pool = entry.pool
    return {
        "page_size": pool.page_size,
        "total": pool.total,
        "free": pool.free,
        "reserved": pool.reserved,
        "surplus": pool.surplus,
        "overcommit": pool.overcommit,
        "in_use": pool.in_use,
        "mapped": entry.mapped,
        "unattributed": entry.unattributed,
        "nodes": [
            {
                "node": node.node,
                "total": node.total,
                "free": node.free,
                "surplus": node.surplus,
                "in_use": node.in_use,
            }
            for node in entry.nodes
        ],
    }


def _by_size(mapped: Mapping[int, int]) -> dict[str, int]:
    """Bytes by page size; keys of an object are strings."""
    return {str(size): count for size, count in sorted(mapped.items())}


def _delays(delays: Delays | None) -> dict[str, Any] | None:
    if delays is None:
        return None
    return {
        "source": "taskstats",
        "accounting": delays.accounting,
        "processes": [
            {
                "pid": task.pid,
                "compaction": _wait(task.compaction),
                "thrashing": _wait(task.thrashing),
                "reclaim": _wait(task.reclaim),
                "swapin": _wait(task.swapin),
            }
            for task in delays.tasks
        ],
    }


def _wait(wait: Wait | None) -> dict[str, int] | None:
    return None if wait is None else {"times": wait.times, "total_ns": wait.total}


def _groups(snapshot: Snapshot | None, attribute: str) -> list[dict[str, Any]] | None:
    if snapshot is None:
        return None
    processes = snapshot.processes
    return [
        {
            attribute: text.well_formed(group.key),
            "processes": len(group.members),
            "complete": group.total.huge is not None and not group.total.partial,
            "estimate": group.total.estimate,
            "resident": group.total.resident,
            "bytes_2m": group.total.bytes_2m,
            "bytes_1g": group.total.bytes_1g,
            "bytes_gap": group.total.bytes_gap,
            "coverage": group.total.coverage,
        }
        for group in grouped(processes, range(len(processes)), attribute)
    ]
