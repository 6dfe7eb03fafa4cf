r"""``hpview.scan/1`` and ``hpview.ps/1``: JSON for other programs.

Sizes are bytes, counts are 4 kB pages, addresses are "0x..." strings since
JSON numbers lose bits above 2**53. Output is ASCII. A byte that is not UTF-8
stands as ``\\xNN``, as everywhere in hpview; other control characters are JSON's own
escapes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hpview import text
from hpview.export.remarks import remarks
from hpview.kernelfs.maps import MINOR_BITS, perms
from hpview.wire import PAGE_SIZE, SLOT_SIZE, Backing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hpview.machine import Process, Snapshot
    from hpview.machine_state import MachineState
    from hpview.readlog import Read
    from hpview.scan import Scan
    from hpview.space.address_space import AddressSpace

_POPULATED: Final = {
    int(backing): backing.label
    for backing in (Backing.PTE_4K, Backing.PMD_2M, Backing.PUD_1G, Backing.SWAP)
}

_AT_ONCE: Final = 256
"""Elements of a list encoded in one call: some 40 kB of text."""

PROCESS_KEYS: Final = (
    "pid",
    "ppid",
    "user",
    "comm",
    "cmdline",
    "cgroup",
    "resident",
    "bytes_2m",
    "bytes_1g",
    "bytes_4k",
    "bytes_swap",
    "bytes_gap",
    "bytes_hugetlb",
    "coverage",
    "vmas",
    "complete",
    "estimate",
)
VMA_KEYS: Final = (
    "start",
    "end",
    "perms",
    "offset",
    "dev",
    "inode",
    "name",
    "bytes_2m",
    "bytes_1g",
    "bytes_4k",
    "bytes_swap",
    "remarks",
)
READ_KEYS: Final = ("asked", "bytes", "records", "ms", "again", "resume", "exact")
"""Keys of the objects below: of a process, of a VMA but for its runs, of a read."""


def scan_object(scan: Scan, *, log: bool = False) -> dict[str, Any]:
    """The object of ``hpview scan --format json``, schema ``hpview.scan/1``.

    Args:
        scan: The process.
        log: Add ``reads``, the log of reads.
    """
    space = scan.space
    totals = space.totals
    found = {
        "schema": "hpview.scan/1",
        "pid": space.tgid,
        "comm": text.well_formed(space.comm),
        "source": space.source.label,
        "complete": scan.complete,
        "page_size": PAGE_SIZE,
        "slot_size": SLOT_SIZE,
        "chunks": scan.progress.chunks,
        "totals": {
            "bytes_2m": totals.bytes_2m,
            "bytes_1g": totals.bytes_1g,
            "bytes_4k": totals.bytes_4k,
            "bytes_swap": totals.bytes_swap,
            "vmas": totals.vmas,
        },
        "vmas": _vmas(space),
    }
    if log:
        found["reads"] = [_read(read) for read in scan.reads]
    return found


def ps_object(snapshot: Snapshot) -> dict[str, Any]:
    """The object of ``hpview ps --format json``, schema ``hpview.ps/1``.

    What could not be read is null. ``bytes_gap`` is what of ``bytes_4k`` could be huge by
    what it maps, ``coverage`` the share of huge memory in both, 0 to 1, null of nothing;
    ``bytes_hugetlb`` is a part of ``bytes_2m`` and ``bytes_1g``.
    """
    return {
        "schema": "hpview.ps/1",
        "source": snapshot.source.label,
        "machine": _machine(snapshot.state),
        "processes": [_process(p) for p in snapshot.processes],
    }


def reads_object(pid: int, reads: Sequence[Read]) -> dict[str, Any]:
    """The log of reading a process, schema ``hpview.reads/1``."""
    return {"schema": "hpview.reads/1", "pid": pid, "reads": [_read(read) for read in reads]}


def pieces(value: dict[str, Any]) -> Iterator[str]:
    """``dumps(value)`` in pieces: long lists are written some elements at a time.

    One call of the encoder holds the interpreter until it is done, and with it the keys of
    whoever saves from the app.
    """
    before = "{"
    for key, member in value.items():
        head = f"{before}{json.dumps(key)}:"
        before = ","
        if not isinstance(member, list):
            yield head + dumps(member)
            continue
        yield f"{head}["
        for at in range(0, len(member), _AT_ONCE):
            yield "," * (at > 0) + dumps(member[at : at + _AT_ONCE])[1:-1]
        yield "]"
    yield "}" if value else "{}"


def dumps(value: object) -> str:
    """One line of ASCII."""
    return json.dumps(value, separators=(",", ":"))


def _read(read: Read) -> dict[str, Any]:
    return {
        "asked": read.asked,
        "bytes": read.size,
        "records": read.records,
        "ms": round(read.seconds * 1000, 3),
        "again": read.again,
        "resume": read.resume.value if read.resume is not None else None,
        "exact": read.exact,
    }


def _machine(state: MachineState) -> dict[str, Any]:
    """Settings of huge pages; pools are counted in pages of their own size."""
    return {
        "thp": state.thp,
        "defrag": state.defrag,
        "khugepaged_pages_to_scan": state.scan_pages,
        "khugepaged_scan_sleep_ms": state.scan_sleep,
        "free_2m_blocks": state.free_huge,
        "hugetlb": [
            {
                "page_size": pool.page_size,
                "total": pool.total,
                "free": pool.free,
                "reserved": pool.reserved,
                "surplus": pool.surplus,
            }
            for pool in state.pools
        ],
    }


def _process(p: Process) -> dict[str, Any]:
    return {
        "pid": p.pid,
        "ppid": p.ppid,
        "user": text.well_formed(p.user),
        "comm": text.well_formed(p.comm),
        "cmdline": text.well_formed(p.cmdline),
        "cgroup": text.well_formed(p.cgroup),
        "resident": p.resident,
        "bytes_2m": p.bytes_2m,
        "bytes_1g": p.bytes_1g,
        "bytes_4k": p.bytes_4k,
        "bytes_swap": p.bytes_swap,
        "bytes_gap": p.bytes_gap,
        "bytes_hugetlb": p.bytes_hugetlb,
        "coverage": p.coverage,
        "vmas": p.vmas,
        "complete": p.bytes_2m is not None and not p.partial,
        "estimate": p.estimate,
    }


def _vmas(space: AddressSpace) -> list[dict[str, Any]]:
    vmas = space.vmas
    runs = _runs(space)
    first = [*space.runs["start"].searchsorted(vmas["start"]).tolist(), len(runs)]
    columns: Sequence[list[int]] = [
        vmas[name].tolist()
        for name in (
            "start",
            "end",
            "vm_flags",
            "pgoff",
            "dev",
            "ino",
            "bytes_2m",
            "bytes_1g",
            "bytes_4k",
            "bytes_swap",
            "flags",
            "marks",
        )
    ]
    return [
        {
            "start": hex(start),
            "end": hex(end),
            "perms": perms(vm_flags),
            "offset": hex(pgoff * PAGE_SIZE),
            "dev": f"{dev >> MINOR_BITS:02x}:{dev & ((1 << MINOR_BITS) - 1):02x}",
            "inode": ino,
            "name": text.well_formed(space.name_of(i)),
            "bytes_2m": bytes_2m,
            "bytes_1g": bytes_1g,
            "bytes_4k": bytes_4k,
            "bytes_swap": bytes_swap,
            "runs": [run for run in runs[first[i] : first[i + 1]] if run is not None],
            **_remarks(flags, marks),
        }
        for i, (
            start,
            end,
            vm_flags,
            pgoff,
            dev,
            ino,
            bytes_2m,
            bytes_1g,
            bytes_4k,
            bytes_swap,
            flags,
            marks,
        ) in enumerate(zip(*columns, strict=True))
    ]


def _remarks(flags: int, marks: int) -> dict[str, list[str]]:
    """What is wrong with the numbers of a VMA, if anything."""
    found = remarks(flags, marks)
    return {"remarks": found} if found else {}


def _runs(space: AddressSpace) -> list[dict[str, Any] | None]:
    """One object a populated run, None for the others, to keep their places."""
    runs = space.runs
    names = ("start", "end", "backing", "present", "swapped")
    return [
        {
            "start": hex(start),
            "end": hex(end),
            "backing": _POPULATED[backing],
            "present": present,
            "swapped": swapped,
        }
        if backing in _POPULATED
        else None
        for start, end, backing, present, swapped in zip(
            *(runs[name].tolist() for name in names), strict=True
        )
    ]
