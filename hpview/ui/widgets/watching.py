"""The status line while a process is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview.ui.marks import counted
from hpview.ui.paint import joined, width_of
from hpview.ui.watch import seconds_words
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks
    from hpview.ui.watch import Watch


def watching(watch: Watch, space: AddressSpace, width: int, inks: Inks) -> list[Segment]:
    """How often, what is marked, what the newest reading took.

    Args:
        watch: It is on.
        space: The newest reading.
        width: Terminal cells; where there is no room noughts and words are left out.
        inks: Styles.
    """
    dot = Segment(inks.glyphs.text(" · "), inks.dim)
    head = [Segment(f" watch {seconds_words(watch.interval)}", inks.accent)]
    if watch.cost is None:
        return [*head, dot, Segment(inks.glyphs.text("reading…"), inks.dim)]
    took = watch.cost * 1000
    cost = [dot, Segment(f"scan {took:.{0 if took >= 10 else 1}f} ms", inks.dim)]
    counts = watch.marks.counts
    head.append(Segment(", lately", inks.dim))
    out = head
    for groups, tail in (
        (counted(counts, inks), cost),
        (counted(counts, inks), []),
        (counted(counts, inks, zeros=False), cost),
        (counted(counts, inks, zeros=False), []),
        (counted(counts, inks, zeros=False, words=False), cost),
    ):
        out = [*head, *(part for group in groups for part in (dot, group)), *tail]
        if width_of(out) < width:
            break
    changed = space.changed
    words = f"changed while reading: {thousands(changed)} " if changed else ""
    source = [Segment(words, inks.warn), Segment(f"{space.source.label} ", inks.dim)]
    return joined(out, source, width, inks)
