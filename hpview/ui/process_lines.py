"""The lines around the panes of a process: header and detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment

from hpview import units
from hpview.inquiry.words import cell_forms
from hpview.space.columns import overlap
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui import describe
from hpview.ui.paint import bar, clipped, joined, width_of
from hpview.units import thousands
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hpview.reasons.answers import Answers
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks
    from hpview.ui.widgets.map_pane import MapPane

_WIDE = 100
_LONGEST_BAR = 48
_LEAST = 12
"""Terminal cells below which a reason is left out."""


def header(
    space: AddressSpace,
    pid: int,
    answers: Answers | None,
    width: int,
    inks: Inks,
    *,
    gone: bool = False,
) -> list[Segment]:
    """Which process, a bar of what backs it, and how much of it is huge that could be.

    Args:
        space: What is known.
        pid: The process.
        answers: What the rules say of it; None before they were asked.
        width: Terminal cells.
        inks: Styles.
        gone: What is shown is old.
    """
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
    right = _coverage(space, answers, size, inks)
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


def _coverage(
    space: AddressSpace, answers: Answers | None, size: Callable[[int], str], inks: Inks
) -> list[Segment]:
    """The share of what could be huge that is; before it is known, what is resident."""
    if answers is None:
        return [
            Segment(size(space.totals.resident), inks.strong),
            Segment(" resident ", inks.dim),
        ]
    found = answers.breakdown
    if not found.able:
        return [Segment("nothing resident can be huge ", inks.dim)]
    return [
        Segment("coverage ", inks.dim),
        Segment(units.percent(found.huge, found.able), inks.strong),
        Segment(" of ", inks.dim),
        Segment(size(found.able), inks.strong),
        Segment(" huge-able ", inks.dim),
    ]


_PAGES_FROM: Final = "pagemap"
"""By PAGEMAP_SCAN, or entry by entry where that cannot be used."""


def detail(
    space: AddressSpace, map_: MapPane, answers: Answers | None, width: int, inks: Inks
) -> list[list[Segment]]:
    """What is under the map's cursor: the cell, why it is not huge, its source; then its VMA.

    Args:
        space: What is known.
        map_: Whose cursor.
        answers: What the rules say of the process; None before they were asked.
        width: Terminal cells; where there is no room less is told of why.
        inks: Styles.
    """
    found = map_.cursor_range
    if found is None or map_.address is None:
        return []
    start, end = found
    dot = inks.glyphs.text(" · ")
    source = space.source.label
    if end - start < SLOT_SIZE and not map_.on_gap:
        (where, *words), read = describe.page_words(space, map_.pages, start, end)
        source = _PAGES_FROM if read else source
    else:
        where, *words = describe.cell_words(space, start, end)
    first = [
        Segment(f" {where}", inks.strong),
        Segment("  " + dot.join(words), inks.text),
    ]
    forms: tuple[str, ...] = ()
    if answers is not None and not map_.on_gap:
        forms = cell_forms(answers, start, end, map_.address)
    index = describe.index_in(space, start, end, map_.address)
    *facts, name = describe.vma_words(space, index, start) or [""]
    among = len(space.vmas[overlap(space.vmas, start, end)])
    if among > 1 and not map_.on_gap:
        facts.insert(0, f"one of {thousands(among)} VMAs here")
    second = " " + "".join(fact + dot for fact in facts)
    room = width - len(second) - 1
    name = clipped(name, room, tail=True, more=inks.glyphs.more)
    return [
        _with_reason(first, forms, source, width, inks),
        [Segment(second, inks.dim), Segment(name, inks.text)],
    ]


def _with_reason(
    first: list[Segment], forms: Sequence[str], source: str, width: int, inks: Inks
) -> list[Segment]:
    """A line with the longest form of the reason that leaves room for the source, else without."""
    dot = inks.glyphs.text(" · ")
    room = width - width_of(first)
    reasons = [printable(form) for form in forms]
    for words in reasons or [""]:
        left = [Segment(dot, inks.text), Segment(words, inks.accent)] if words else []
        for told in (f"source {source} ", f"{source} "):
            if width_of(left) + 1 + cell_len(told) <= room:
                return joined([*first, *left], [Segment(told, inks.dim)], width, inks)
    if not reasons or room < _LEAST:
        return first
    words = clipped(reasons[-1], room - len(dot) - 1, more=inks.glyphs.more)
    return [*first, Segment(dot, inks.text), Segment(words, inks.accent)]
