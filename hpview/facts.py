"""What only user space knows of a VMA: its name, and device and inode as maps prints them.

The iterator sees ``vma->vm_file``, which on overlayfs is the file of the layer
below; /proc/PID/maps and PROCMAP_QUERY tell the one that was opened
(file_user_path(), Linux 6.7).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from hpview.errors import NoSuchProcess
from hpview.kernelfs import procmap_query
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import NAME_COLUMN, Mapping, MapsText, parse_maps, read_maps

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_NAMED: Final = re.compile(rb"^.{%d,}\n" % NAME_COLUMN, re.MULTILINE)
"""Lines with a name: the others end before its column."""

_TEXT_SIZE: Final = 1 << 14


class FactsReader(Protocol):
    """Looks VMAs up by their start."""

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping | None]:
        """One entry a start, in order; None where there is no name, or no VMA any more."""
        ...

    def close(self) -> None:
        """Release descriptors; idempotent."""
        ...


class StreamedFacts:
    """From the text of maps, read along with the stream, and by PROCMAP_QUERY behind it.

    A query a VMA would cost more than the stream itself. The text goes on where it
    stopped, so what is asked for again, because it changed, is not in it.
    """

    def __init__(self, pid: int, root: Path = PROC) -> None:
        self._pid = pid
        self._root = root
        self._query = procmap_query.MapsQuery(pid, root)
        try:
            self._text = MapsText(pid, root)
        except BaseException:
            self._query.close()
            raise
        self._reached = 0
        self._ended = False
        self._ahead: dict[int, Mapping] = {}

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping | None]:
        """See ``FactsReader``."""
        if not len(starts):
            return []
        behind = self._reached
        self._read_to(int(starts.max()))
        beyond = self._reached
        return [
            self._ahead.pop(start, None) if behind <= start < beyond else self._ask(start)
            for start in starts.tolist()
        ]

    def _read_to(self, address: int) -> None:
        """Read lines until one begins above ``address``."""
        while self._reached <= address and not self._ended:
            lines = self._text.read(_TEXT_SIZE)
            if lines is None:
                self._ended = True
                return
            for mapping in parse_maps(b"".join(_NAMED.findall(lines))):
                self._ahead[mapping.start] = mapping
            if lines:
                self._reached = (
                    int(lines[lines.rfind(b"\n", 0, -1) + 1 :].split(b"-", 1)[0], 16) + 1
                )

    def _ask(self, start: int) -> Mapping | None:
        for _ in range(2):
            try:
                found = self._query.query(start, exact=True)
            except NoSuchProcess:
                # After an exec the pid has another address space, with other names.
                self._query.close()
                try:
                    self._query = procmap_query.MapsQuery(self._pid, self._root)
                except NoSuchProcess:
                    return None
                continue
            return found if found is not None and found.start == start else None
        return None

    def close(self) -> None:
        """See ``FactsReader``."""
        self._query.close()
        self._text.close()


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
    return StreamedFacts(pid, root) if query else TextFacts(pid, root)
