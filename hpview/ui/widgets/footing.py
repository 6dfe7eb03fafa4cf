"""The lines below the panes: legend with totals, load status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview import units
from hpview.control import END
from hpview.space.slots import CellClass
from hpview.ui.paint import width_of
from hpview.units import thousands
from hpview.wire import Backing, Source, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hpview.loader import Progress
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks

_LEGEND: Final = (
    ("2M", (CellClass.HUGE_2M,), Backing.PMD_2M),
    ("1G", (CellClass.HUGE_1G,), Backing.PUD_1G),
    ("4k", (CellClass.FULL_4K, CellClass.PART_4K, CellClass.SPARSE_4K), Backing.PTE_4K),
    ("swap", (CellClass.SWAP,), Backing.SWAP),
    ("zero", (CellClass.ZERO,), Backing.ZERO),
    ("none", (CellClass.EMPTY,), None),
    ("unread", (CellClass.UNKNOWN,), Backing.UNKNOWN),
)


def legend(sums: NDArray[np.int64], width: int, inks: Inks) -> list[Segment]:
    """Each backing's glyphs, word and bytes.

    Args:
        sums: Bytes by ``Backing``, shape (7,).
        width: Terminal cells; words get shorter and gaps narrower to fit.
        inks: Styles.
    """
    out: list[Segment] = []
    for size, gap in ((units.size, "   "), (units.short, "  "), (units.short, " ")):
        out = [Segment(" ", inks.text)]
        for word, kinds, backing in _LEGEND:
            if backing is Backing.UNKNOWN and not sums[backing]:
                continue
            out += [Segment(*inks.cell(kind)) for kind in kinds]
            out.append(Segment(f" {word}", inks.text))
            if backing is not None:
                total = int(sums[backing])
                out.append(Segment(f" {size(total)}", inks.strong if total else inks.dim))
            out.append(Segment(gap, inks.text))
        if width_of(out) <= width:
            break
    return out


def state_words(space: AddressSpace, progress: Progress | None) -> tuple[str, bool]:
    """How far reading has come, and whether that is as it should be."""
    if progress is None:
        return "reading…", True
    if not progress.done:
        return _on_the_way(progress), True
    if space.end_status is None:
        return "ended early", False
    if space.end_status is not Status.COMPLETE:
        return space.end_status.label, False
    if space.partial:
        return f"changed before all was read: {space.partial}", False
    return "complete", True


def _on_the_way(progress: Progress) -> str:
    where = f" at {progress.resume:012x}" if progress.resume is not None else ""
    if progress.paused:
        start = " inside the first record" if progress.chunks else " before the first read"
        return f"paused{where or start}"
    if not progress.toward:
        return f"reading…{where}"
    where = where.replace(" at", ", at")
    goal = "the end" if progress.toward >= END else f"{progress.toward:012x}"
    return f"reading on to {goal}{where}"


def status(
    space: AddressSpace, progress: Progress | None, reloads: int, width: int, inks: Inks
) -> list[Segment]:
    """State of loading, then what went wrong, then what it took.

    Args:
        space: What was read.
        progress: How far; None before the first batch.
        reloads: How often reading began anew.
        width: Terminal cells; where there is no room less of what it took is told, the
            source last of all.
        inks: Styles.
    """
    dot = inks.glyphs.text(" · ")
    words, fine = state_words(space, progress)
    out = [
        Segment(" ", inks.text),
        Segment(inks.glyphs.text(words), inks.strong if fine else inks.warn),
    ]
    if progress is not None and progress.paused and not progress.done:
        out.append(Segment(f"{dot}i, then space, goes on", inks.accent))
    for count, what in (
        (space.changed, "changed while reading: {}"),
        (space.read_errors, "not wholly read: {}"),
        (reloads, "read again: {}"),
    ):
        if count:
            out.append(Segment(dot + what.format(thousands(count)), inks.warn))
    if progress is not None:
        source = progress.source if space.source is Source.NONE else space.source
        facts = [
            f"{thousands(progress.chunks)} chunk{'s' * (progress.chunks != 1)}",
            f"{thousands(progress.records)} records",
            units.size(progress.bytes),
            f"{progress.seconds * 1000:.1f} ms",
            source.label,
        ]
        while len(facts) > 1 and width_of(out) + len(dot + dot.join(facts)) > width:
            del facts[-2]
        out.append(Segment(dot + dot.join(facts), inks.dim))
    return out
