"""The lines below the list: exactly what is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview.text import printable
from hpview.ui.paint import fitted, width_of
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.process import Process
    from hpview.roster.arrange import Line
    from hpview.ui.palette import Inks


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
    dot = inks.glyphs.text(" · ")
    more = inks.glyphs.more
    if line.group is not None:
        name = printable(process.user) or "(none)"
        first = [
            Segment(f" {thousands(line.below)} processes ", inks.strong),
            Segment(f" {dot.join(_sizes(process))}", inks.text),
        ]
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
        told = [Segment(words, inks.text) for words in _sizes(process)]
    told.append(Segment(f"parent {process.ppid}", inks.dim))
    if process.cgroup:
        told.append(Segment(f"cgroup {printable(process.cgroup)}", inks.dim))
    for segment in told:
        if width_of([*first, segment]) + len(dot) <= width:
            first += [Segment(dot, inks.dim), segment]
    command = fitted(printable(process.shown_command), width - 2, more=more)
    return [first, [Segment(f" {command}", inks.text)]]


def _sizes(process: Process) -> list[str]:
    """Exact bytes, those of nothing left out."""
    sizes = (
        ("resident", process.resident),
        ("2M", process.bytes_2m),
        ("1G", process.bytes_1g),
        ("4k", process.bytes_4k),
        ("swap", process.bytes_swap),
    )
    told = [f"{word} {thousands(size)}" for word, size in sizes if size]
    return [f"{' '.join(told[:1]) or 'resident 0'} B", *told[1:]]
