"""The lines above the list: the machine, the legend with its totals, what reading took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment

from hpview import units
from hpview.machine_state import UNREAD
from hpview.space.cell_class import CellClass
from hpview.ui.paint import bar, joined, width_of
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hpview.kernelfs.hugetlb import Pool
    from hpview.machine import Process, Snapshot
    from hpview.machine_state import MachineState
    from hpview.ui.palette import Inks

_LEGEND: Final = (
    (CellClass.HUGE_2M, "2M"),
    (CellClass.HUGE_1G, "1G"),
    (CellClass.FULL_4K, "4k"),
    (CellClass.SWAP, "swap"),
)
_FORMS: Final = (
    (units.size, "   ", True),
    (units.size, "  ", True),
    (units.size, "  ", False),
    (units.short, "  ", True),
    (units.short, "  ", False),
)
"""Of the legend, ever shorter: its sizes, what separates them, and whether the gap is told."""
_BAR: Final = 8
"""Terminal cells below which a bar says nothing."""


class Facts(NamedTuple):
    """What the strip tells beside the snapshot.

    Attributes:
        matching: How many processes match the filter.
        processes: All processes there are now.
        sums: Bytes in 2M, 1G, 4k and swap, of all.
        gap: Bytes that could be huge and are not, of all.
        live: Processes appear and vanish at once.
        polled_because: Why they do not, or "" while that is open.
    """

    matching: int
    processes: int
    sums: tuple[int, int, int, int]
    gap: int
    live: bool
    polled_because: str


def sums(processes: Sequence[Process]) -> tuple[int, int, int, int]:
    """Bytes in 2M, 1G, 4k and swap, of the processes that could be read."""
    return (
        sum(p.bytes_2m or 0 for p in processes),
        sum(p.bytes_1g or 0 for p in processes),
        sum(p.bytes_4k or 0 for p in processes),
        sum(p.bytes_swap for p in processes if p.bytes_2m is not None),
    )


def gap(processes: Sequence[Process]) -> int:
    """Bytes that could be huge and are not, of the processes that could be read."""
    return sum(p.bytes_gap or 0 for p in processes)


def machine_line(state: MachineState, width: int, inks: Inks) -> list[Segment]:
    """Settings and free huge memory, as much as fits."""
    dot = inks.glyphs.text(" · ")
    out: list[Segment] = []
    for facts in _machine_facts(state):
        out = [Segment(" hpview  ", inks.strong)]
        for number, (word, value) in enumerate(facts):
            out += [
                Segment(f"{dot if number else ''}{word} ", inks.dim),
                Segment(value, inks.text),
            ]
        if width_of(out) <= width:
            break
    return out


def _machine_facts(state: MachineState) -> list[list[tuple[str, str]]]:
    """The facts, each a word and a value, in ever shorter forms."""
    thp = ("THP", state.thp or "?")
    defrag = ("defrag", state.defrag or "?")
    pace = ("khugepaged", _pace(state))
    free = "?" if state.free_huge is None else thousands(state.free_huge)
    room = "?" if state.free_huge is None else f"{free} ({units.size(state.free_huge << 21)})"
    pools = [pool for pool in state.pools if pool.total]
    long = [(_pool_name(pool), _pool(pool)) for pool in pools]
    short = [(_pool_name(pool), f"{pool.available} of {pool.total} free") for pool in pools]
    none = [] if pools else [("hugetlb pool", "?" if state is UNREAD else "none")]
    blocks = "2M blocks free"
    return [
        [thp, defrag, pace, (blocks, room), *(long or none)],
        [thp, defrag, pace, (blocks, free), *(short or none)],
        [thp, defrag, pace, ("free 2M", free), *short],
        [thp, defrag, pace, ("free 2M", free)],
        [thp, pace, ("free 2M", free)],
        [thp, ("free 2M", free)],
    ]


def _pace(state: MachineState) -> str:
    """Pages a scan and seconds between two: ``4096/10s``."""
    if state.scan_pages is None or state.scan_sleep is None:
        return "?"
    return f"{state.scan_pages}/{state.scan_sleep / 1000:g}s"


def _pool_name(pool: Pool) -> str:
    """``pool 2M``."""
    return f"pool {units.short(pool.page_size).replace('.0', '')}"


def _pool(pool: Pool) -> str:
    reserved = f", {thousands(pool.reserved)} reserved" if pool.reserved else ""
    return f"{thousands(pool.total)}, {thousands(pool.free)} free{reserved}"


def legend_line(snapshot: Snapshot | None, facts: Facts, width: int, inks: Inks) -> list[Segment]:
    """What each glyph means and how much of it there is; how many processes, what it took."""
    dot = inks.glyphs.text(" · ")
    out: list[Segment] = []
    for right in _reading_facts(snapshot, facts):
        told = [Segment(f"{dot.join(right)} ", inks.dim)] if right else []
        more = "+" if snapshot is not None and snapshot.unreadable else ""
        for size, gap, ends in _FORMS:
            legend = _legend(facts.sums if snapshot else None, size, gap, inks, more)
            if ends and snapshot:
                words = f" {size(facts.gap)}{more}"
                legend += [
                    Segment(f"{gap}gap", inks.text),
                    Segment(words, inks.strong if facts.gap else inks.dim),
                ]
            spare = width - width_of(legend) - width_of(told) - len(gap) - 2
            if spare < 0 or (size is units.size and spare < _BAR):
                continue
            out = _with_bar(legend, facts, min(spare, width // 4), gap, inks)
            return joined(out, told, width, inks) if told else out
    return out or _legend(facts.sums, units.short, " ", inks)


def _reading_facts(snapshot: Snapshot | None, facts: Facts) -> list[list[str]]:
    """How many processes and what reading took, in ever shorter forms."""
    if snapshot is None:
        return [[]]
    every = f"{thousands(facts.processes)} processes"
    some = f"{thousands(facts.matching)} of {every}" if facts.matching < facts.processes else every
    unread = [f"{thousands(snapshot.unreadable)} unreadable"] * bool(snapshot.unreadable)
    took = [snapshot.source.label, f"{snapshot.seconds * 1000:.0f} ms"]
    live = ["live"] * facts.live + ["polled"] * bool(facts.polled_because)
    why = [f"polled: {facts.polled_because}"] if facts.polled_because else live
    return [
        [some, *unread, *took, *why],
        [some, *unread, *took, *live],
        [some, *took, *live],
        [some, *took],
        [some],
        [],
    ]


def _legend(
    found: tuple[int, int, int, int] | None,
    size: Callable[[int], str],
    gap: str,
    inks: Inks,
    more: str = "",
) -> list[Segment]:
    out: list[Segment] = []
    for number, (kind, word) in enumerate(_LEGEND):
        out += [
            Segment(gap if number else " ", inks.text),
            Segment(*inks.cell(kind)),
            Segment(f" {word}", inks.text),
        ]
        if found is not None:
            total = found[number]
            out.append(Segment(f" {size(total)}{more}", inks.strong if total else inks.dim))
    return out


def _with_bar(
    legend: list[Segment], facts: Facts, room: int, gap: str, inks: Inks
) -> list[Segment]:
    if room < _BAR:
        return legend
    huge_2m, huge_1g, small, swap = facts.sums
    # in the order of the bars of the list
    parts = [
        (CellClass.HUGE_1G, huge_1g),
        (CellClass.HUGE_2M, huge_2m),
        (CellClass.FULL_4K, small),
        (CellClass.SWAP, swap),
    ]
    # Not what is resident: memory that processes share is in the tables of each of them.
    word = " mapped " if room >= 2 * _BAR else " "
    return [
        Segment(word, inks.dim),
        *bar(parts, room - len(word) + 1, inks),
        Segment(gap[1:], inks.text),
        *legend,
    ]
