"""Is the machine able to give huge pages now: settings, free blocks, how faults fare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.host.counters import IN_USE_WORDS, source
from hpview.host.unread import Unread
from hpview.kernelfs.buddyinfo import HUGE_ORDER
from hpview.kernelfs.thp import DIRECTORY
from hpview.text import printable
from hpview.ui.machine import counters, numbers, words
from hpview.ui.machine.table import NOTHING, Cell, Column, Detail, Part, Row, Table, cell
from hpview.units import thousands
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.host.sample import Sample
    from hpview.kernelfs.buddyinfo import Zone
    from hpview.kernelfs.pagetypeinfo import TypedFree
    from hpview.kernelfs.thp import Knob
    from hpview.ui.machine.seen import Seen
    from hpview.ui.machine.table import Ink

BLOCK: Final = PAGE_SIZE << HUGE_ORDER


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: who may have huge pages, whether there are any, how faults fare."""
    sample = seen.sample
    if sample is None:
        return [[Part("reading…", "dim")]]
    room = (
        []
        if sample.free_huge is None
        else [Part(f"{units.size(sample.free_huge * BLOCK)} in them")]
    )
    facts = [_mode(sample), _blocks(sample), _faults(seen), _setting(sample, "defrag")]
    return [*facts[:3], room, *facts[3:]]


def tables(seen: Seen) -> tuple[Table, ...]:
    """Settings, free memory, rates, what is in use."""
    if seen.sample is None:
        return ()
    return (
        settings(seen.sample, of_khugepaged=False),
        _free(seen.sample),
        _by_type(seen.sample),
        counters.table(seen, "HAD, AND NOT HAD", ("fault", "shmem", "zero", "compaction")),
        _in_use(seen),
    )


def _mode(sample: Sample) -> list[Part]:
    mode = _value(sample, "enabled")
    if mode is None:
        return [Part("this kernel has no THP", "warn")]
    return [Part("THP ", "dim"), Part(mode, "warn" if mode == "never" else "strong")]


def _blocks(sample: Sample) -> list[Part]:
    free = sample.free_huge
    if free is None:
        return [Part("free blocks not readable", "warn")]
    return [Part(thousands(free), "strong" if free else "warn"), Part(" 2M blocks free")]


def _faults(seen: Seen) -> list[Part]:
    got, fell = (seen.rates.get(f"thp_fault_{name}") for name in ("alloc", "fallback"))
    if got is None or fell is None:
        return [Part("faults: no rate yet", "dim")]
    if not got + fell:
        return [Part("no huge faults now", "dim")]
    tried = Part(f"{numbers.rate(got + fell)} faults/s, ")
    return [tried, Part(f"{numbers.share(fell, got + fell)} fell back", "warn" if fell else "text")]


def _setting(sample: Sample, name: str) -> list[Part]:
    value = _value(sample, name)
    return [] if value is None else [Part(f"{name} ", "dim"), Part(value)]


def _value(sample: Sample, name: str) -> str | None:
    return next((printable(knob.value) for knob in sample.knobs if knob.name == name), None)


def settings(sample: Sample, *, of_khugepaged: bool) -> Table:
    """The settings of khugepaged, or all others."""
    wanted = [k for k in sample.knobs if k.name.startswith("khugepaged/") == of_khugepaged]
    columns = (
        Column("SETTING", right=False),
        Column("VALUE", right=False),
        Column("ONE OF" if any(k.choices for k in wanted) else "", right=False, rank=1, least=12),
    )
    return Table(columns, [_knob(knob) for knob in wanted])


def _knob(knob: Knob) -> Row:
    name, value = printable(knob.name.rpartition("/")[2]), printable(knob.value)
    others: list[Part] = []
    for choice in knob.choices:
        chosen = choice == knob.value
        shown = f"[{printable(choice)}]" if chosen else printable(choice)
        others += [Part(" ", "dim")] * bool(others)
        others.append(Part(shown, "strong" if chosen else "dim"))
    return Row(
        f"knob {knob.name}",
        (cell(name), cell(value, "strong"), Cell(tuple(others))),
        Detail(
            name,
            value,
            f"/sys/{DIRECTORY}/{printable(knob.name)}",
            words.KNOBS.get(knob.name, words.UNKNOWN),
        ),
    )


def _free(sample: Sample) -> Table:
    zones = sample.zones
    found = () if isinstance(zones, Unread) else zones
    orders = range(max((len(zone.free) for zone in found), default=0))
    columns = (
        Column("FREE MEMORY", right=False),
        Column("2M BLOCKS"),
        Column("IN ALL"),
        # small blocks make no huge page: they go first
        *(Column(units.page(PAGE_SIZE << n), rank=len(orders) - n) for n in orders),
    )
    if isinstance(zones, Unread):
        return Table(columns, (counters.unread_row(zones),))
    rows = [_zone(zone, len(orders)) for zone in zones]
    if len(rows) > 1:
        rows.append(_all_zones(sample, zones, len(orders)))
    return Table(columns, rows)


def _zone(zone: Zone, orders: int) -> Row:
    name = f"node {zone.node} {printable(zone.name)}"
    free = [*map(thousands, zone.free), *[""] * (orders - len(zone.free))]
    return Row(
        f"zone {zone.node} {zone.name}",
        (
            cell(name),
            cell(thousands(zone.huge), "strong" if zone.huge else "warn"),
            cell(units.size(zone.bytes_free)),
            *(cell(words, "dim" if words == "0" else "text") for words in free),
        ),
        Detail(
            name,
            f"{thousands(zone.huge)} blocks of 2 MB · {units.exact(zone.bytes_free)} free",
            "/proc/buddyinfo",
            "What is free in blocks of each size; a larger block gives several of 2 MB.",
        ),
    )


def _all_zones(sample: Sample, zones: Sequence[Zone], orders: int) -> Row:
    blocks = sum(zone.huge for zone in zones)
    free = sum(zone.bytes_free for zone in zones)
    serve = ""
    if sample.serving is not None:
        serve = f" · {thousands(sample.serving)} may serve a process"
    return Row(
        "zone all",
        (
            cell("all zones"),
            cell(thousands(blocks), "strong" if blocks else "warn"),
            cell(units.size(free), "strong"),
            *[NOTHING] * orders,
        ),
        Detail(
            "all zones",
            f"{thousands(blocks)} blocks of 2 MB · {units.exact(free)} free{serve}",
            "/proc/buddyinfo",
            "At most so many huge pages can be had without moving memory: zones keep some back.",
        ),
    )


def _by_type(sample: Sample) -> Table:
    columns = (
        Column("OF THESE, BLOCKS FOR", right=False),
        Column("2M BLOCKS"),
        Column("", right=False, least=10, rank=1),
    )
    types = sample.types
    if isinstance(types, Unread):
        return Table(columns, (counters.unread_row(types),))
    kinds = dict.fromkeys(found.kind for found in types)
    age = sample.types_age
    rows = [_type(kind, [f for f in types if f.kind == kind], age) for kind in kinds]
    return Table(columns, rows)


def _type(kind: str, found: Sequence[TypedFree], age: float) -> Row:
    blocks = sum(each.huge for each in found)
    least = any(each.at_least for each in found)
    name, serves = printable(kind), found[0].serves
    where = [
        f"node {each.node} {printable(each.zone)} {_at_least(each.huge, each.at_least)}"
        for each in found
        if each.huge
    ]
    use = "may serve a process" if serves else "kept from processes"
    return Row(
        f"type {kind}",
        (
            cell(name),
            cell(_at_least(blocks, least), "strong" if blocks and serves else "dim"),
            cell(use, "dim"),
        ),
        Detail(
            name,
            f"{' · '.join(where) or 'none'} · {age:.0f} s old",
            "/proc/pagetypeinfo",
            "Blocks are sorted by what they hold; a huge page may be taken from any"
            " but HighAtomic and Isolate.",
        ),
    )


def _at_least(blocks: int, least: bool) -> str:
    return f">{thousands(blocks)}" if least else thousands(blocks)


def _in_use(seen: Seen) -> Table:
    columns = (
        Column("HUGE PAGES IN USE", right=False),
        Column("BYTES"),
        Column("PAGES", rank=1),
    )
    size = (seen.sample.pmd_size if seen.sample else None) or BLOCK
    rows = []
    for name, label in IN_USE_WORDS.items():
        pages = seen.value(name)
        room = numbers.UNKNOWN if pages is None else units.size(pages * size)
        exact = "this kernel does not count it" if pages is None else units.exact(pages * size)
        ink: Ink = "text" if pages else "dim"
        shown = (cell(label), cell(room, ink), cell(numbers.count(pages), ink))
        rows.append(Row(name, shown, Detail(name, exact, source(name), words.COUNTERS[name])))
    return Table(columns, rows)
