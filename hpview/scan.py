"""One process read to its end: what ``hpview scan`` and the tests look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess
from hpview.loader import load
from hpview.space.address_space import AddressSpace
from hpview.wire import Status

if TYPE_CHECKING:
    from hpview.loader import Progress
    from hpview.readlog import Read
    from hpview.services import Readers

_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Scan:
    """A process as far as it was read.

    Attributes:
        space: What was found.
        progress: What reading it took.
        reads: The log of the reads, those of attempts given up included.
    """

    space: AddressSpace
    progress: Progress
    reads: tuple[Read, ...]

    @property
    def complete(self) -> bool:
        """All of it was read, of one and the same address space."""
        space = self.space
        return space.complete and not (space.execs or space.partial or space.read_errors)


def scan(readers: Readers, pid: int) -> Scan:
    """Read a process; again, a few times, when it calls exec() or cuts a half-read VMA meanwhile.

    Raises:
        HpviewError: It cannot be read, or nothing of it could.
    """
    reads: list[Read] = []
    result = _scan_once(readers, pid, reads)
    for _ in range(_ATTEMPTS - 1):
        if not (result.space.execs or result.space.partial):
            break
        try:
            result = _scan_once(readers, pid, reads)
        except (NoSuchProcess, NoMemoryMap):
            break  # what there was of it is known
    if not len(result.space.vmas):
        match result.space.end_status:
            case Status.VANISHED:
                raise NoSuchProcess(pid)
            case Status.PERMISSION:
                raise AccessDenied(pid, "the kernel shows nothing of it")
    return result


def _scan_once(readers: Readers, pid: int, reads: list[Read]) -> Scan:
    space = AddressSpace()
    for batch in load(lambda: readers.open(pid), lambda: readers.facts(pid)):
        for data in batch.data:
            space.feed(data)
        if batch.facts is not None:
            space.set_names(batch.facts.starts, batch.facts.mappings)
        reads.extend(batch.reads)
        progress = batch.progress
    return Scan(space, progress, tuple(reads))
