"""``hpview machine``: what of the machine bears on huge pages, as aligned text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview import text, units
from hpview.export.columns import aligned
from hpview.export.machine_hugetlb import hugetlb
from hpview.export.machine_tasks import delays, groups
from hpview.host import counters as counters_
from hpview.host.unread import Unread
from hpview.kernelfs.thp import DIRECTORY
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hpview.host.counters import Counters
    from hpview.host.delays import Delays
    from hpview.host.ledger import Ledger
    from hpview.host.sample import Sample
    from hpview.machine import Snapshot

_THP: Final = f"/sys/{DIRECTORY}"
_HUGETLB: Final = "/sys/kernel/mm/hugepages, /proc/PID/pagemap and fd"


@dataclass(frozen=True, slots=True)
class Report:
    """All that was read.

    Attributes:
        sample: The machine now.
        before: The same some seconds ago, for rates; None without.
        ledger: Of hugetlb.
        delays: Of all processes.
        snapshot: The processes.
    """

    sample: Sample
    before: Sample | None
    ledger: Ledger | Unread
    delays: Delays | Unread
    snapshot: Snapshot | Unread

    @property
    def rates(self) -> Mapping[str, float | None] | None:
        """Of the counters, per second; None where there are no two samples."""
        now = self.sample.counters
        before = None if self.before is None else self.before.counters
        if isinstance(now, Unread) or before is None or isinstance(before, Unread):
            return None
        return counters_.rates(before, now)


def lines(report: Report) -> Iterator[str]:
    """Every section: a title with its source, and a table."""
    sample = report.sample
    for title, source, section in (
        ("SETTINGS", _THP, _settings(sample)),
        ("FOLIO SIZES", f"{_THP}/hugepages-*", _sizes(sample, report.rates)),
        ("HUGE PAGES IN USE", "/proc/vmstat", _in_use(sample)),
        (_counted(report), "/proc/vmstat, khugepaged's: sysfs", _counters(sample, report.rates)),
        ("FREE MEMORY", "/proc/buddyinfo, /proc/pagetypeinfo", _free(sample)),
        ("HUGETLB", _HUGETLB, hugetlb(report.ledger)),
        ("WAITS FOR MEMORY", "taskstats", delays(report.delays, report.snapshot)),
        ("BY USER", "the process list", groups(report.snapshot, "user")),
        ("BY CGROUP", "the process list, /proc/PID/cgroup", groups(report.snapshot, "cgroup")),
    ):
        if title != "SETTINGS":
            yield ""
        yield f"{title} ({source})"
        yield from (f"  {line}".rstrip() for line in section)


def _settings(sample: Sample) -> Iterator[str]:
    if not sample.knobs:
        yield "none: the kernel was built without transparent huge pages, or /sys is not mounted"
        return
    rows = [
        (text.printable(k.name), text.printable(k.value), " ".join(map(text.printable, k.choices)))
        for k in sample.knobs
    ]
    head = ("SETTING", "VALUE", "OF")
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset(head))


def _sizes(sample: Sample, rates: Mapping[str, float | None] | None) -> Iterator[str]:
    """A column a size; below the settings what was counted, with rates in lines of their own."""
    if not sample.sizes:
        yield "one size only: the kernel is older than Linux 6.8, or /sys is not mounted"
        return
    rows = [
        ("enabled", *(setting.enabled or "-" for setting in sample.sizes)),
        ("shmem_enabled", *(setting.shmem_enabled or "-" for setting in sample.sizes)),
    ]
    if isinstance(sample.counters, Unread):
        values: Mapping[str, int] = {}
    else:
        values = sample.counters.values
    folders = [f"hugepages-{setting.size // 1024}kB/stats/" for setting in sample.sizes]
    for name in stats(values):
        found = [values.get(folder + name) for folder in folders]
        rows.append((name, *("-" if n is None else units.thousands(n) for n in found)))
        if rates is not None and not counters_.is_gauge(name):
            moved = [rates.get(folder + name) for folder in folders]
            if any(moved):
                cells = ("-" if n is None else rate(r) for n, r in zip(found, moved, strict=True))
                rows.append(("  per second", *cells))
    head = ("", *(units.page(setting.size) for setting in sample.sizes))
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset({""}))


def stats(values: Mapping[str, int]) -> list[str]:
    """The files in stats/ of any folio size, gauges first."""
    found = {name.rpartition("/")[2] for name in values if "/stats/" in name}
    return sorted(found, key=lambda name: (not counters_.is_gauge(name), name))


def _in_use(sample: Sample) -> Iterator[str]:
    if isinstance(sample.counters, Unread):
        yield str(sample.counters)
        return
    size = sample.pmd_size or 0
    rows = [
        (label, units.size(count * size), units.thousands(count), name)
        for name, label in counters_.IN_USE_WORDS.items()
        if (count := sample.counters.values.get(name)) is not None
    ]
    head = ("OF", "BYTES", "PAGES", "COUNTER")
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset({"OF", "COUNTER"}))


def _counted(report: Report) -> str:
    now, before = report.sample.counters, report.before
    if before is None or isinstance(before.counters, Unread) or isinstance(now, Unread):
        return "COUNTED SINCE BOOT"
    return f"COUNTED SINCE BOOT, AND PER SECOND OF {now.time - before.counters.time:.1f}"


def _counters(sample: Sample, rates: Mapping[str, float | None] | None) -> Iterator[str]:
    found = sample.counters
    if isinstance(found, Unread):
        yield str(found)
        return
    rows = [
        (group.label if i == 0 else "", member.name, member.label)
        for group in counters_.GROUPS
        for i, member in enumerate(m for m in group.members if m.name in found.values)
    ]
    rows += [
        ("others" if i == 0 else "", text.printable(name), "")
        for i, name in enumerate(counters_.ungrouped(found))
    ]
    names = [row[1] for row in rows]
    columns = [
        [row[0] for row in rows],
        [units.thousands(found.values[name]) for name in names],
        *([] if rates is None else [[rate(rates.get(name)) for name in names]]),
        names,
        [row[2] for row in rows],
    ]
    head = ("", "TOTAL", *([] if rates is None else ["PER SECOND"]), "COUNTER", "MEANING")
    yield from aligned(head, columns, frozenset({"", "COUNTER", "MEANING"}))


def _free(sample: Sample) -> Iterator[str]:
    zones = sample.zones
    if isinstance(zones, Unread):
        yield str(zones)
        return
    orders = max((len(zone.free) for zone in zones), default=0)
    head = (
        "NODE",
        "ZONE",
        *(units.page(PAGE_SIZE << order) for order in range(orders)),
        "FREE",
        "2M BLOCKS",
    )
    rows = [
        (
            str(zone.node),
            text.printable(zone.name),
            *map(str, zone.free),
            units.size(zone.bytes_free),
            units.thousands(zone.huge),
        )
        for zone in zones
    ]
    yield from aligned(head, list(zip(*rows, strict=True)), frozenset({"ZONE"}))
    yield f"{blocks(sample.free_huge)} of 2 MB could be had now at most, larger ones cut"
    yield from _types(sample)


def _types(sample: Sample) -> Iterator[str]:
    if isinstance(sample.types, Unread):
        yield f"which of them may serve a process is not known: {sample.types}"
        return
    kinds: dict[bool, dict[str, int]] = {True: {}, False: {}}
    for found in sample.types:
        of_kind = kinds[found.serves]
        of_kind[found.kind] = of_kind.get(found.kind, 0) + found.huge
    serving, others = map(_of_kinds, (kinds[True], kinds[False]))
    least = "more than " if any(found.at_least for found in sample.types) else ""
    age = f" ({sample.types_age:.0f} s before)" if sample.types_age >= 1 else ""
    yield (
        f"{least}{units.thousands(sum(kinds[True].values()))} of them may serve a process"
        f"{f': {serving}' if serving else ''}{f'; not {others}' if others else ''}{age}"
    )


def _of_kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(
        f"{text.printable(kind)} {units.thousands(count)}" for kind, count in kinds.items() if count
    )


def blocks(count: int | None) -> str:
    """``1 block``, ``6 454 blocks``."""
    return "? blocks" if count is None else f"{units.thousands(count)} block{'s' * (count != 1)}"


def rate(per_second: float | None) -> str:
    """Per second: ``0``, ``3.5``, ``250``; ``?`` where it is not known."""
    if per_second is None:
        return "?"
    if per_second and per_second < 9.95:
        return f"{per_second:.1f}" if per_second >= 0.05 else "<0.1"
    return units.thousands(round(per_second))


def counted(counters: Counters | Unread) -> Mapping[str, int]:
    """The counters' values; {} where they could not be read."""
    return {} if isinstance(counters, Unread) else counters.values
