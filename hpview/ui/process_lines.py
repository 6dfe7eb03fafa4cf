"""The lines around the panes of a process: header and detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview import units
from hpview.space.columns import overlap
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui import describe
from hpview.ui.paint import bar, clipped, joined, width_of
from hpview.units import thousands
from hpview.wire import SLOT_SIZE, Source

if TYPE_CHECKING:
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks
    from hpview.ui.widgets.map_pane import MapPane

_WIDE = 100
_LONGEST_BAR = 48


def header(
    space: AddressSpace, pid: int, width: int, inks: Inks, *, gone: bool = False
) -> list[Segment]:
    """Which process, a bar of what backs it, and its sums; whether all that is old."""
    totals = space.totals
    name = printable(space.comm)
    left = [
        Segment(" hpview ", inks.dim),
        Segment(f"{inks.glyphs.crumb} ", inks.dim),
        Segment(f"{pid} {name}".rstrip(), inks.strong),
        Segment("  ", inks.text),
    ]
    if gone:
        left.append(Segment("as it was  ", inks.warn))
    size = units.size if width >= _WIDE else units.short
    right = [
        Segment(units.percent(totals.huge, totals.resident), inks.strong),
        Segment(" huge of ", inks.dim),
        Segment(size(totals.resident), inks.strong),
        Segment(" resident ", inks.dim),
    ]
    if totals.bytes_swap:
        right += [
            Segment(inks.glyphs.text("· "), inks.dim),
            Segment(size(totals.bytes_swap), inks.strong),
            Segment(" swapped ", inks.dim),
        ]
    parts = [
        (CellClass.HUGE_1G, totals.bytes_1g),
        (CellClass.HUGE_2M, totals.bytes_2m),
        (CellClass.FULL_4K, totals.bytes_4k),
    ]
    room = min(_LONGEST_BAR, width - width_of(left) - width_of(right) - 3)
    if room >= 4:
        left += [*bar(parts, room, inks)]
    return joined(left, right, width, inks)


def detail(space: AddressSpace, map_: MapPane, width: int, inks: Inks) -> list[list[Segment]]:
    """What is under the map's cursor: the cell and its source, then its VMA."""
    found = map_.cursor_range
    if found is None or map_.address is None:
        return []
    start, end = found
    dot = inks.glyphs.text(" · ")
    source = space.source.label
    if end - start < SLOT_SIZE and not map_.on_gap:
        (where, *words), read = describe.page_words(space, map_.pages, start, end)
        source = Source.PAGEMAP_SCAN.label if read else source
    else:
        where, *words = describe.cell_words(space, start, end)
    first = [
        Segment(f" {where}", inks.strong),
        Segment("  " + dot.join(words), inks.text),
    ]
    index = describe.index_in(space, start, end, map_.address)
    *facts, name = describe.vma_words(space, index, start) or [""]
    among = len(space.vmas[overlap(space.vmas, start, end)])
    if among > 1 and not map_.on_gap:
        facts.insert(0, f"one of {thousands(among)} VMAs here")
    second = " " + "".join(fact + dot for fact in facts)
    room = width - len(second) - 1
    name = clipped(name, room, tail=True, more=inks.glyphs.more)
    return [
        joined(first, [Segment(f"source {source} ", inks.dim)], width, inks),
        [Segment(second, inks.dim), Segment(name, inks.text)],
    ]
