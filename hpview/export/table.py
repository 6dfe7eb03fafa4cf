"""Tables of plain text for a terminal or a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import text, units
from hpview.export.columns import aligned, texts
from hpview.export.remarks import remarks
from hpview.kernelfs.maps import perms
from hpview.wire import VmaFlag, VmFlag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hpview.machine import Process, Snapshot
    from hpview.scan import Scan
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_PS_HEAD: Final = (
    "PID", "USER", "RESIDENT", "2M", "1G", "4K", "SWAP", "COVERAGE", "GAP", "COMMAND",
)  # fmt: skip
_SCAN_HEAD: Final = ("ADDRESS", "SIZE", "PERM", "2M", "1G", "4K", "SWAP", "NAME")
_LEFT: Final = frozenset({"USER", "COMMAND", "ADDRESS", "PERM", "NAME"})
_SUMS: Final = ("bytes_2m", "bytes_1g", "bytes_4k", "bytes_swap")
_PERMS: Final = np.uint64(VmFlag.READ | VmFlag.WRITE | VmFlag.EXEC | VmFlag.MAYSHARE)
_MARKS: Final = 16
_WIRE: Final = (1 << _MARKS) - 1


def ps(snapshot: Snapshot, width: int | None = None) -> Iterator[str]:
    """The process list, largest first; ``?`` is what could not be read, ``~`` an estimate.

    Args:
        snapshot: All processes.
        width: Columns to cut lines to; None leaves command lines whole.
    """
    processes = sorted(snapshot.processes, key=lambda p: -p.resident)
    columns = [
        [str(p.pid) for p in processes],
        [text.printable(p.user) for p in processes],
        [units.short(p.resident) + ("+" if p.partial else "") for p in processes],
        *([_mark(p) + _size(_sizes(p)[i]) for p in processes] for i in range(3)),
        [_size(p.bytes_swap) for p in processes],
        [_mark(p) + _coverage(p) for p in processes],
        [_mark(p) + _size(p.bytes_gap) for p in processes],
        [text.printable(p.shown_command) for p in processes],
    ]
    for line in aligned(_PS_HEAD, columns, _LEFT):
        yield line[:width]
    yield ""
    hidden = f", {snapshot.unreadable} of them not readable" if snapshot.unreadable else ""
    yield (
        f"{len(processes)} processes{hidden} · {snapshot.source.label} · "
        f"{snapshot.seconds * 1000:.0f} ms"
    )


def scan(result: Scan) -> Iterator[str]:
    """The VMAs of one process and its totals."""
    space, progress = result.space, result.progress
    vmas = space.vmas
    ranges = zip(vmas["start"].tolist(), vmas["end"].tolist(), strict=True)
    names = texts(vmas["name"], lambda number: text.printable(space.name(number)))
    noted = texts(_noted(vmas), lambda both: _remarks(both & _WIRE, both >> _MARKS))
    columns = [
        list(map("%012x-%012x".__mod__, ranges)),
        texts(vmas["end"] - vmas["start"], units.short),
        texts(vmas["vm_flags"] & _PERMS, perms),
        *(texts(vmas[name], units.short) for name in _SUMS),
        [name + remark for name, remark in zip(names, noted, strict=True)],
    ]
    yield from aligned(_SCAN_HEAD, columns, _LEFT)
    totals = space.totals
    yield ""
    yield (
        f"{space.tgid} {text.printable(space.comm)}: resident {units.size(totals.resident)}, "
        f"2M {units.size(totals.bytes_2m)}, 1G {units.size(totals.bytes_1g)}, "
        f"4k {units.size(totals.bytes_4k)}, swap {units.size(totals.bytes_swap)}, "
        f"huge {units.percent(totals.huge, totals.resident)} of resident"
    )
    yield (
        f"{totals.vmas} VMAs · {progress.chunks} chunk{'s' * (progress.chunks != 1)} · "
        f"{progress.records} records · "
        f"{progress.seconds * 1000:.1f} ms · {_source(space)} · {state(result)}"
    )


def _source(space: AddressSpace) -> str:
    count = int(np.count_nonzero(space.vmas["flags"] & VmaFlag.ESTIMATE))
    return f"{space.source.label}, of {count} VMAs an estimate" if count else space.source.label


def state(result: Scan) -> str:
    """Whether the whole was read, and if not, why not."""
    space = result.space
    if space.execs:
        return "called exec() while being read: incomplete"
    if space.partial:
        return f"changed before all was read: {space.partial} mappings, incomplete"
    if space.read_errors:
        return f"could not be read in part: {space.read_errors} mappings, incomplete"
    said = space.end_status.label if space.end_status is not None else "cut short"
    return f"{said}, changed while reading: {space.changed}" if space.changed else said


def _noted(vmas: Records) -> NDArray[np.uint64]:
    """``flags`` and ``marks`` in one number, shape (n,)."""
    both: NDArray[np.uint64] = vmas["flags"] | vmas["marks"].astype(np.uint64) << np.uint64(_MARKS)
    return both


def _remarks(flags: int, marks: int) -> str:
    found = remarks(flags, marks)
    return f" ({', '.join(found)})" if found else ""


def _sizes(p: Process) -> tuple[int | None, ...]:
    return p.bytes_2m, p.bytes_1g, p.bytes_4k


def _mark(p: Process) -> str:
    return "~" * p.estimate


def _coverage(p: Process) -> str:
    if p.huge is None or p.bytes_gap is None:
        return "?"
    return units.percent(p.huge, p.huge + p.bytes_gap)


def _size(count: int | None) -> str:
    return "?" if count is None else units.short(count)
