"""What only user space knows of a VMA: its name, and device and inode as maps prints them.

The iterator sees ``vma->vm_file``, which on overlayfs is the file of the layer
below; /proc/PID/maps and PROCMAP_QUERY tell the one that was opened
(file_user_path(), Linux 6.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hpview.errors import NoSuchProcess
from hpview.kernelfs import procmap_query
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import Mapping, read_maps

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class FactsReader(Protocol):
    """Looks VMAs up by their start."""

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping | None]:
        """One entry a start, in order; None where no VMA begins there any more."""
        ...

    def close(self) -> None:
        """Release descriptors; idempotent."""
        ...


class QueriedFacts:
    """By PROCMAP_QUERY: as many queries as VMAs, each of this moment."""

    def __init__(self, pid: int, root: Path = PROC) -> None:
        self._pid = pid
        self._root = root
        self._maps = procmap_query.MapsQuery(pid, root)

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping | None]:
        """See ``FactsReader``."""
        try:
            return [self._at(start) for start in starts.tolist()]
        except NoSuchProcess:
            self._maps.close()
        try:
            # After an exec the pid has another address space, with other names.
            self._maps = procmap_query.MapsQuery(self._pid, self._root)
            return [self._at(start) for start in starts.tolist()]
        except NoSuchProcess:
            return [None] * len(starts)

    def _at(self, start: int) -> Mapping | None:
        found = self._maps.query(start, exact=True)
        return found if found is not None and found.start == start else None

    def close(self) -> None:
        """See ``FactsReader``."""
        self._maps.close()


class TextFacts:
    """From the text of maps, read once and again when a VMA is missing."""

    def __init__(self, pid: int, root: Path = PROC) -> None:
        self._pid = pid
        self._root = root
        self._known = self._read()

    def _read(self) -> dict[int, Mapping]:
        return {m.start: m for m in read_maps(self._pid, self._root)}

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping | None]:
        """See ``FactsReader``."""
        wanted = starts.tolist()
        if not self._known.keys() >= set(wanted):
            try:
                self._known = self._read()
            except NoSuchProcess:
                return [None] * len(wanted)
        return [self._known.get(start) for start in wanted]

    def close(self) -> None:
        """See ``FactsReader``."""
        self._known = {}


def open_facts(pid: int, *, query: bool, root: Path = PROC) -> FactsReader:
    """The better reader of the two.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: The names cannot be read.
    """
    return QueriedFacts(pid, root) if query else TextFacts(pid, root)
