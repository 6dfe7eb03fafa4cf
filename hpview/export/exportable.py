"""What a screen shows, as data for other programs: made only when somebody wants it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from hpview.export import changes as changes_
from hpview.export import csv, json, machine_json, numa, pages
from hpview.export import why as why_
from hpview.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hpview.export.machine import Report
    from hpview.host.nodes import ByNode
    from hpview.inquiry.asking import Inquiry
    from hpview.loader import Progress
    from hpview.machine import Snapshot
    from hpview.pages.page import SlotPages
    from hpview.readlog import Read
    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

_AT_ONCE: Final = 512
"""Lines of CSV written together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """One thing that can be exported. All callables may run in any thread, and take a while.

    Attributes:
        name: First part of a file's name.
        words: What it is, to choose by: ``312 processes``.
        columns: Heading of the CSV: keys of the objects of ``table``.
        object: The JSON object.
        table: The objects of that object that are the lines of the CSV.
    """

    name: str
    words: str
    columns: Sequence[str]
    object: Callable[[], dict[str, Any]]
    table: Callable[[dict[str, Any]], Iterable[Mapping[str, Any]]]

    def as_json(self) -> Iterator[bytes]:
        """The file in pieces: JSON of one line."""
        for piece in json.pieces(self.object()):
            yield piece.encode()
        yield b"\n"

    def as_csv(self) -> Iterator[bytes]:
        """The file in pieces: CSV with a heading."""
        lines = csv.lines(self.table(self.object()), self.columns)
        while some := "".join(islice(lines, _AT_ONCE)):
            yield some.encode()


def processes(snapshot: Snapshot, words: str) -> Exportable:
    """A list of processes, ``hpview.ps/1``."""
    return Exportable(
        name="hpview-list",
        words=words,
        columns=json.PROCESS_KEYS,
        object=lambda: json.ps_object(snapshot),
        table=lambda found: found["processes"],
    )


def process(space: AddressSpace, progress: Progress, reads: Sequence[Read]) -> Exportable:
    """One process, ``hpview.scan/1``; CSV has a line for each VMA.

    Args:
        space: A copy of its own: it must not change while it is written.
        progress: What reading it took.
        reads: The log of the reads, or none.
    """
    scan = Scan(space, progress, tuple(reads))
    return Exportable(
        name=f"hpview-{space.tgid}",
        words=f"process {space.tgid}",
        columns=json.VMA_KEYS,
        object=lambda: json.scan_object(scan, log=bool(reads)),
        table=lambda found: found["vmas"],
    )


def slot(pid: int, slot: SlotPages) -> Exportable:
    """The pages of a slot, ``hpview.slot/1``; CSV has a line for each page."""
    return Exportable(
        name=f"hpview-{pid}-{slot.start:x}",
        words=f"pages of {slot.start:x}",
        columns=pages.PAGE_KEYS,
        object=lambda: pages.slot_object(pid, slot),
        table=pages.page_objects,
    )


def reads(pid: int, log: Sequence[Read]) -> Exportable:
    """The log of reads, ``hpview.reads/1``."""
    kept = tuple(log)
    return Exportable(
        name=f"hpview-{pid}-reads",
        words=f"{len(kept)} reads of process {pid}",
        columns=json.READ_KEYS,
        object=lambda: json.reads_object(pid, kept),
        table=lambda found: found["reads"],
    )


def changes(pid: int, rows: Records, epoch: float) -> Exportable:
    """What changed while a process was watched; arguments as of ``changes_object``."""
    return Exportable(
        name=f"hpview-{pid}-changes",
        words=f"{len(rows)} changes of process {pid}",
        columns=changes_.CHANGE_KEYS,
        object=lambda: changes_.changes_object(pid, rows, epoch),
        table=lambda found: found["changes"],
    )


def why(found: Inquiry, *, complete: bool) -> Exportable:
    """Why a process is not huge, ``hpview.why/1``; CSV has a line for each reason.

    Args:
        found: The answers.
        complete: All of the process was read.
    """
    pid = found.answers.space.tgid
    return Exportable(
        name=f"hpview-{pid}-why",
        words=f"why process {pid} is not huge",
        columns=why_.REASON_KEYS,
        object=lambda: why_.why_object(found, complete=complete),
        table=lambda made: made["reasons"],
    )


def machine(report: Report) -> Exportable:
    """The machine, ``hpview.machine/1``; CSV has a line for each counter."""
    return Exportable(
        name="hpview-machine",
        words="the machine",
        columns=machine_json.COUNTER_KEYS,
        object=lambda: machine_json.machine_object(report),
        table=lambda _found: machine_json.counter_objects(report),
    )


def nodes(found: ByNode, comm: str) -> Exportable:
    """The NUMA nodes of a process, ``hpview.numa/1``; CSV has a line for each."""
    return Exportable(
        name=f"hpview-{found.pid}-nodes",
        words=f"nodes of process {found.pid}",
        columns=numa.NODE_KEYS,
        object=lambda: numa.numa_object(found, comm),
        table=lambda made: made["nodes"],
    )
