"""What only user space knows of a VMA: its name, and device and inode as maps prints them.

The iterator sees ``vma->vm_file``, which on overlayfs is the file of the layer
below; /proc/PID/maps and PROCMAP_QUERY tell the one that was opened
(file_user_path(), Linux 6.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from hpview.errors import AccessDenied, BackendUnavailable, NoMemoryMap, NoSuchProcess
from hpview.kernelfs import procmap_query
from hpview.kernelfs.files import PROC
from hpview.kernelfs.maps import NAME_COLUMN, Mapping, MapsText, parse_maps, read_maps
from hpview.kernelfs.task import readable_task
from hpview.wire import Kind, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_TEXT_SIZE: Final = 1 << 14


class FactsReader(Protocol):
    """Looks VMAs up by their start."""

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        """What is known of the VMAs that begin at ``starts``, in any order.

        Left out are those that are no more, and may be those without file and name.
        """
        ...

    def close(self) -> None:
        """Release descriptors; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the VMAs of some records.

    Attributes:
        starts: Starts of those of which something is known, shape (n,).
        mappings: What is known of each.
    """

    starts: NDArray[np.uint64]
    mappings: list[Mapping]


def facts_of(pieces: Sequence[bytes], reader: FactsReader | None, offset: int) -> Facts | None:
    """Look up the VMAs that records tell of.

    Args:
        pieces: Whole records, one after the other.
        reader: Looks them up; None where that is not permitted.
        offset: Where the first piece stands in its stream, for error messages only.

    Returns:
        None without a reader, or a VMA.
    """
    if reader is None or not pieces:
        return None
    found_starts = []
    for piece in pieces:
        found_starts.append(decode(piece, offset=offset).of(Kind.VMA)["start"])
        offset += len(piece)
    starts = np.concatenate(found_starts)
    if not len(starts):
        return None
    found = reader.lookup(starts)
    return Facts(np.array([m.start for m in found], dtype=np.uint64), found)


class StreamedFacts:
    """From the text of maps, read along with the stream, and by PROCMAP_QUERY behind it.

    A query a VMA would cost more than the stream itself. The text goes on where it
    stopped, so what is asked for again, because it changed, is not in it.

    Args:
        pid: Process.
        root: Where procfs is mounted.
        refused: Told when queries fail; the whole text is read for each from then on.
    """

    def __init__(
        self,
        pid: int,
        root: Path = PROC,
        refused: Callable[[BackendUnavailable], None] = lambda _: None,
    ) -> None:
        self._pid = pid
        self._root = root
        self._refused = refused
        self._whole: TextFacts | None = None
        query = self._opened()
        try:
            self._text = MapsText(*readable_task(pid, root))
        except BaseException:
            query.close()
            raise
        self._query: procmap_query.MapsQuery | None = query
        self._reached = 0
        self._ended = False

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        """See ``FactsReader``."""
        if not len(starts):
            return []
        behind = self._reached
        read = self._read_to(int(starts.max()))
        fresh = (starts >= np.uint64(behind)) & (starts < np.uint64(self._reached))
        wanted = set(starts[fresh].tolist())
        found = [mapping for mapping in read if mapping.start in wanted]
        return found + self._again(starts[~fresh])

    def _again(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        """Those that the text has passed."""
        if self._whole is None:
            try:
                asked = [self._ask(start) for start in starts.tolist()]
            except BackendUnavailable as err:
                self._refused(err)
                self._whole = TextFacts(self._pid, self._root, read=False)
            else:
                return [mapping for mapping in asked if mapping is not None]
        return self._whole.lookup(starts)

    def _read_to(self, address: int) -> list[Mapping]:
        """Read lines until one begins above ``address``; those with a name."""
        found: list[Mapping] = []
        while self._reached <= address and not self._ended:
            lines = self._text.read(_TEXT_SIZE)
            if lines is None:
                self._ended = True
                break
            if not lines:
                continue
            # Names begin behind a column that lines without one do not reach.
            rows = lines.split(b"\n")[:-1]
            named = [row + b"\n" for row in rows if len(row) >= NAME_COLUMN]
            found += parse_maps(b"".join(named))
            self._reached = int(rows[-1].split(b"-", 1)[0], 16) + 1
        return found

    def _opened(self) -> procmap_query.MapsQuery:
        # The files of a leader that has exited are empty, though its threads live on.
        return procmap_query.MapsQuery(*readable_task(self._pid, self._root))

    def _ask(self, start: int) -> Mapping | None:
        for _ in range(2):
            if self._query is None:
                return None
            try:
                found = self._query.query(start, exact=True)
            except NoSuchProcess:
                # After an exec the pid has another address space, with other names.
                self._query.close()
                self._query = self._reopened()
                continue
            return found if found is not None and found.start == start else None
        return None

    def _reopened(self) -> procmap_query.MapsQuery | None:
        try:
            return self._opened()
        except (NoSuchProcess, NoMemoryMap, AccessDenied):
            return None

    def close(self) -> None:
        """See ``FactsReader``."""
        if self._query is not None:
            self._query.close()
        self._text.close()


class TextFacts:
    """From the text of maps, read once and again when a VMA is missing.

    Args:
        pid: Process.
        root: Where procfs is mounted.
        read: Read it now, which tells whether it may be read.
    """

    def __init__(self, pid: int, root: Path = PROC, *, read: bool = True) -> None:
        self._pid = pid
        self._root = root
        self._known = self._read() if read else {}

    def _read(self) -> dict[int, Mapping]:
        return {m.start: m for m in read_maps(*readable_task(self._pid, self._root))}

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        """See ``FactsReader``."""
        wanted = starts.tolist()
        if not self._known.keys() >= set(wanted):
            try:
                self._known = self._read()
            except (NoSuchProcess, NoMemoryMap, AccessDenied):
                return []
        return [self._known[start] for start in wanted if start in self._known]

    def close(self) -> None:
        """See ``FactsReader``."""
        self._known = {}


class FactsOpener:
    """Opens the better reader of the two that has not failed yet.

    Args:
        query: PROCMAP_QUERY works, as far as is known.
        tell: Takes a sentence once it does not.
    """

    def __init__(self, *, query: bool, tell: Callable[[str], None] = lambda _: None) -> None:
        self._query = query
        self._tell = tell

    def open(self, pid: int, root: Path = PROC) -> FactsReader:
        """A reader for one process.

        Raises:
            NoSuchProcess, NoMemoryMap, AccessDenied: The names cannot be read.
        """
        try:
            if self._query:
                return StreamedFacts(pid, root, self._refused)
            return TextFacts(pid, root)
        except AccessDenied as err:
            self._tell(f"names of mappings are missing: {err}")
            raise

    def _refused(self, err: BackendUnavailable) -> None:
        self._query = False
        self._tell(f"{procmap_query.INSTEAD}: {err}")
