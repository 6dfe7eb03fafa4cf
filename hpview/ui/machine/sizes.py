"""Which folio sizes are on, and used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.host import counters as counters_
from hpview.host.unread import Unread
from hpview.kernelfs.thp import DIRECTORY
from hpview.text import printable
from hpview.ui.machine import counters, numbers, words
from hpview.ui.machine.table import Cell, Column, Detail, Part, Row, Table, cell
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.host.sample import Sample
    from hpview.kernelfs.thp import SizeSetting
    from hpview.ui.machine.seen import Seen
    from hpview.ui.machine.table import Ink

_OLD: Final = Detail(
    "folio sizes",
    "none told",
    f"/sys/{DIRECTORY}/hugepages-*kB",
    "Kernels before Linux 6.8 have huge pages of 2 MB only, and no settings by size.",
)


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: the sizes that are on, and what they give now."""
    sample = seen.sample
    if sample is None:
        return [[Part("reading…", "dim")]]
    if not sample.sizes:
        return [[Part("2M only: this kernel has no settings by size", "dim")]]
    facts = []
    for setting in sample.sizes:
        on = in_force(sample, setting.enabled, "enabled")
        shared = in_force(sample, setting.shmem_enabled, "shmem_enabled")
        rate = seen.rates.get(stat(setting.size, "anon_fault_alloc"))
        now = f" {numbers.rate(rate)}/s" if rate else ""
        kinds = [f"{on}{now}"] if _is_on(on) else []
        kinds += [f"shmem {shared}"] if _is_on(shared) else []
        if kinds:
            size = Part(units.page(setting.size), "strong")
            facts.append([size, Part(f" {', '.join(kinds)}")])
    return facts or [[Part("all are off", "warn")]]


def tables(seen: Seen) -> tuple[Table, ...]:
    """The sizes, then every counter by size."""
    sample = seen.sample
    if sample is None:
        return ()
    if not sample.sizes:
        row = Row("sizes", (cell(_OLD.meaning, "dim"),), _OLD)
        return (Table((Column("FOLIO SIZES", right=False),), (row,)),)
    if isinstance(sample.counters, Unread):
        unread = counters.unread_row(sample.counters)
        return (_settings(seen, sample), Table((Column("COUNTED", right=False),), (unread,)))
    return (_settings(seen, sample), _counts(seen, sample))


def stat(size: int, name: str) -> str:
    """A counter of a size, as ``Counters.values`` names it."""
    return f"hugepages-{size // 1024}kB/stats/{name}"


def in_force(sample: Sample, value: str | None, knob: str) -> str | None:
    """What a size's setting comes to: that of all sizes where it inherits."""
    if value != "inherit":
        return value
    return next((found.value for found in sample.knobs if found.name == knob), value)


def _is_on(value: str | None) -> bool:
    return value not in (None, "never", "deny")


def _settings(seen: Seen, sample: Sample) -> Table:
    columns = (
        Column("SIZE", right=False),
        Column("ANONYMOUS", right=False),
        Column("SHARED", right=False),
        Column("IN USE"),
        Column("PARTLY", rank=3),
        Column("FAULTS/S"),
        Column("FELL BACK", rank=1),
        Column("SPLIT/S", rank=2),
    )
    return Table(columns, [_size(seen, sample, setting) for setting in sample.sizes])


def _size(seen: Seen, sample: Sample, setting: SizeSetting) -> Row:
    size = setting.size
    folios = seen.value(stat(size, "nr_anon"))
    partly = seen.value(stat(size, "nr_anon_partially_mapped"))
    got, fell, split = (
        seen.rates.get(stat(size, name))
        for name in ("anon_fault_alloc", "anon_fault_fallback", "split")
    )
    share = numbers.share(fell, got + fell) if got is not None and fell is not None else "-"
    in_use = numbers.UNKNOWN if folios is None else units.size(folios * size) if folios else "0"
    used = any(_is_on(in_force(sample, *own)) for own in _settings_of(setting))
    name = units.page(size)
    return Row(
        f"size {size}",
        (
            cell(name, "strong" if used else "dim"),
            _mode(sample, setting.enabled, "enabled"),
            _mode(sample, setting.shmem_enabled, "shmem_enabled"),
            cell(in_use, "text" if folios else "dim"),
            cell(numbers.count(partly), "warn" if partly else "dim"),
            cell(numbers.rate(got), "strong" if got else "dim"),
            cell(share, "warn" if fell else "dim"),
            cell(numbers.rate(split), "text" if split else "dim"),
        ),
        Detail(
            f"folios of {name}",
            f"enabled {setting.enabled or 'not there'} · "
            f"shmem_enabled {setting.shmem_enabled or 'not there'} · "
            f"{numbers.count(folios)} of anonymous memory, {numbers.count(partly)} partly mapped",
            f"/sys/{DIRECTORY}/hugepages-{size // 1024}kB",
            "Its settings; inherit takes those of all sizes, which are in brackets.",
        ),
    )


def _settings_of(setting: SizeSetting) -> tuple[tuple[str | None, str], ...]:
    """Its values, each with the setting that it may inherit."""
    return (setting.enabled, "enabled"), (setting.shmem_enabled, "shmem_enabled")


def _mode(sample: Sample, value: str | None, knob: str) -> Cell:
    if value is None:
        return cell(numbers.UNKNOWN, "dim")
    found = in_force(sample, value, knob)
    ink: Ink = "text" if _is_on(found) else "dim"
    parts = [Part(printable(value), ink)]
    if value == "inherit":
        parts.append(Part(f" ({printable(found or '?')})", ink))
    return Cell(tuple(parts))


def _counts(seen: Seen, sample: Sample) -> Table:
    """A row for each counter, a column for each size; small ones go first where room is short."""
    sizes = [setting.size for setting in sample.sizes]
    used = [any(seen.value(stat(size, name)) for name in _names(seen)) for size in sizes]
    columns = (
        Column("COUNTED SO FAR", right=False),
        *(
            Column(units.page(size), rank=len(sizes) - at + (0 if used[at] else len(sizes)))
            for at, size in enumerate(sizes)
        ),
    )
    return Table(columns, [_count(seen, name, sizes) for name in _names(seen)])


def _names(seen: Seen) -> list[str]:
    """The files in stats/ of any size: how many there are first."""
    if seen.sample is None or isinstance(seen.sample.counters, Unread):
        return []
    found = {name.rpartition("/")[2] for name in seen.sample.counters.values if "/stats/" in name}
    return sorted(found, key=lambda name: (not counters_.is_gauge(name), name))


def _count(seen: Seen, name: str, sizes: Sequence[int]) -> Row:
    values = [seen.value(stat(size, name)) for size in sizes]
    known = [
        f"{units.page(size)} {thousands(value)}"
        for size, value in zip(sizes, values, strict=True)
        if value
    ]
    return Row(
        f"stat {name}",
        (
            cell(printable(name)),
            *(cell(numbers.count(value), "text" if value else "dim") for value in values),
        ),
        Detail(
            printable(name),
            " · ".join(known) or "none so far",
            f"/sys/{DIRECTORY}/hugepages-*kB/stats/{printable(name)}",
            words.SIZES.get(name, words.UNKNOWN),
        ),
    )
