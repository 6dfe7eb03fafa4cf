"""Tables of plain text for a terminal or a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import text, units
from hpview.kernelfs.maps import perms
from hpview.space.vma import Mark
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hpview.machine import Snapshot
    from hpview.scan import Scan

_PS_HEAD: Final = ("PID", "USER", "RESIDENT", "2M", "1G", "4K", "SWAP", "HUGE", "COMMAND")
_SCAN_HEAD: Final = ("ADDRESS", "SIZE", "PERM", "2M", "1G", "4K", "SWAP", "NAME")
_LEFT: Final = frozenset({"USER", "COMMAND", "ADDRESS", "PERM", "NAME"})


def ps(snapshot: Snapshot, width: int | None = None) -> Iterator[str]:
    """The process list, largest first; ``?`` is what could not be read.

    Args:
        snapshot: All processes.
        width: Columns to cut lines to; None leaves command lines whole.
    """
    rows = []
    for p in sorted(snapshot.processes, key=lambda p: -p.resident):
        huge = p.huge
        rows.append(
            (
                str(p.pid),
                text.printable(p.user),
                units.short(p.resident),
                *(_size(n) for n in (p.bytes_2m, p.bytes_1g, p.bytes_4k)),
                units.short(p.bytes_swap),
                "?" if huge is None else units.percent(huge, p.resident),
                text.printable(p.shown_command),
            )
        )
    for line in _aligned(_PS_HEAD, rows):
        yield line[:width]
    yield ""
    hidden = f", {snapshot.unreadable} of them not readable" if snapshot.unreadable else ""
    yield (
        f"{len(rows)} processes{hidden} · {snapshot.source.label} · "
        f"{snapshot.seconds * 1000:.0f} ms"
    )


def scan(result: Scan) -> Iterator[str]:
    """The VMAs of one process and its totals."""
    space, progress = result.space, result.progress
    vmas = space.vmas
    names = (
        "start",
        "end",
        "vm_flags",
        "flags",
        "marks",
        "bytes_2m",
        "bytes_1g",
        "bytes_4k",
        "bytes_swap",
    )
    rows = []
    for i, row in enumerate(zip(*(vmas[name].tolist() for name in names), strict=True)):
        start, end, vm_flags, flags, marks, *sums = row
        rows.append(
            (
                f"{start:012x}-{end:012x}",
                units.short(end - start),
                perms(vm_flags),
                *(units.short(n) for n in sums),
                text.printable(space.name_of(i)) + _remarks(flags, marks),
            )
        )
    yield from _aligned(_SCAN_HEAD, rows)
    totals = space.totals
    yield ""
    yield (
        f"{space.tgid} {text.printable(space.comm)}: resident {units.size(totals.resident)}, "
        f"2M {units.size(totals.bytes_2m)}, 1G {units.size(totals.bytes_1g)}, "
        f"4k {units.size(totals.bytes_4k)}, swap {units.size(totals.bytes_swap)}, "
        f"huge {units.percent(totals.huge, totals.resident)} of resident"
    )
    yield (
        f"{totals.vmas} VMAs · {progress.chunks} chunks · {progress.records} records · "
        f"{progress.seconds * 1000:.1f} ms · {space.source.label} · {state(result)}"
    )


def state(result: Scan) -> str:
    """Whether the whole was read, and if not, why not."""
    space = result.space
    if space.execs:
        return "called exec() while being read: incomplete"
    if space.partial:
        return f"changed before all was read: {space.partial} mappings, incomplete"
    said = space.end_status.label if space.end_status is not None else "cut short"
    return f"{said}, changed while reading: {space.changed}" if space.changed else said


def _remarks(flags: int, marks: int) -> str:
    remarks = [
        word
        for flag, word in (
            (VmaFlag.SKIPPED, "not walked"),
            (VmaFlag.READ_ERROR, "partly unreadable"),
            (VmaFlag.ESTIMATE, "estimate"),
        )
        if flags & flag
    ]
    if marks & Mark.CHANGED:
        remarks.append("changed while reading")
    return f" ({', '.join(remarks)})" if remarks else ""


def _size(count: int | None) -> str:
    return "?" if count is None else units.short(count)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns two spaces apart, numbers to the right, the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if name in _LEFT else cell.rjust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()
