"""The lines below the list: exactly what is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview import units
from hpview.text import printable
from hpview.ui.paint import fitted, width_of
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.process import Process
    from hpview.roster.arrange import Line
    from hpview.ui.palette import Inks


_WORDY: Final = 150
"""Terminal cells from which on there is room for a sentence."""


def detail_lines(line: Line | None, refusal: str, width: int, inks: Inks) -> list[list[Segment]]:
    """Two lines: numbers to the byte, then the command line.

    Args:
        line: What is under the cursor.
        refusal: Why there is nothing about the backing of a process.
        width: Terminal cells.
        inks: Styles.
    """
    if line is None:
        return [[]]
    process = line.process
    more = inks.glyphs.more
    if line.group is not None:
        name = printable(process.user) or "(none)"
        first = [Segment(f" {thousands(line.below)} processes", inks.strong)]
        _append(first, [Segment(words, inks.text) for words in _told(process, width)], width, inks)
        return [first, [Segment(f" {fitted(name, width - 2, tail=True, more=more)}", inks.dim)]]
    first = [
        Segment(f" {process.pid} ", inks.strong),
        Segment(printable(process.user), inks.dim),
    ]
    if process.pending:
        told = [Segment(inks.glyphs.text("not read yet…"), inks.text)]
    elif process.huge is None:
        told = [Segment(refusal, inks.warn)]
    else:
        told = [Segment(words, inks.text) for words in _told(process, width)]
    told.append(Segment(f"parent {process.ppid}", inks.dim))
    if process.cgroup:
        told.append(Segment(f"cgroup {printable(process.cgroup)}", inks.dim))
    _append(first, told, width, inks)
    command = fitted(printable(process.shown_command), width - 2, more=more)
    return [first, [Segment(f" {command}", inks.text)]]


def _append(line: list[Segment], told: list[Segment], width: int, inks: Inks) -> None:
    """Append what has room, dots in between."""
    dot, style = inks.glyphs.text(" · "), inks.dim
    for segment in told:
        if width_of([*line, segment]) + len(dot) <= width:
            line += [Segment(dot, style), segment]


def _told(process: Process, width: int) -> list[str]:
    """Exact bytes, those of nothing left out, and what is huge of what could be."""
    sizes = (
        ("2M", process.bytes_2m),
        ("1G", process.bytes_1g),
        ("4k", process.bytes_4k),
        ("swap", process.bytes_swap),
    )
    told = [f"{word} {thousands(size)}" for word, size in sizes if size]
    return [f"resident {units.exact(process.resident)}", *_coverage(process, width), *told]


def _coverage(process: Process, width: int) -> list[str]:
    huge, gap = process.huge, process.bytes_gap
    if huge is None or gap is None:
        return []
    if process.coverage is None:
        return ["nothing that could be huge"]
    share = f"coverage {units.percent(huge, huge + gap)}"
    if not gap:
        return [f"{share}, no gap"]
    if width < _WORDY:
        return [f"{share}, gap {units.exact(gap)}"]
    return [f"{share}: {units.exact(gap)} of {units.size(huge + gap)} could be huge and are not"]
