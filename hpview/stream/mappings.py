"""Which VMAs there are: by query, and in bulk by the text of maps; before 6.11 by text alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from hpview.errors import NoSuchProcess
from hpview.kernelfs.files import MmFile
from hpview.kernelfs.maps import MINOR_BITS, parse_numbers
from hpview.stream.task_vma import Vma
from hpview.wire import PAGE_SIZE, VmFlag

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

    from hpview.kernelfs.maps import MapsText
    from hpview.kernelfs.procmap_query import MapsQuery

U64 = NDArray[np.uint64]

_PAGE_SHIFT: Final = 12
_HUGETLB: Final = int(VmFlag.HUGETLB)
_COLUMNS: Final = len(Vma._fields)
_START, _END, _FLAGS, _PGOFF, _DEV, _INO, _PAGE_SIZE = range(_COLUMNS)

# PROCMAP_QUERY_VMA_{READABLE,WRITABLE,EXECUTABLE,SHARED} to vm_flags; maps prints
# the same four from the same bits, SHARED being VM_MAYSHARE (fs/proc/task_mmu.c).
_VM_FLAGS: Final = tuple(
    flags & 7 | (int(VmFlag.MAYSHARE) if flags & 8 else 0) for flags in range(16)
)

_WORTH_READING: Final = 8
"""VMAs below which so many queries are cheaper than a read of text and its parsing."""

_LONGEST_READ: Final = 4096
"""The buffer behind maps: more comes of no read (seq_read_iter())."""

_LARGE_READ: Final = 1 << 16


class Mappings(Protocol):
    """The VMAs of one address space. All of them raise NoSuchProcess once it is gone."""

    def refresh(self) -> None:
        """The lock is taken anew: what was known before is not to be trusted."""
        ...

    def find_vma(self, address: int) -> Vma | None:
        """The lowest VMA that ends above ``address``."""
        ...

    def behind(self, vma: Vma, count: int) -> U64:
        """Up to ``count`` VMAs behind one that was found since ``refresh``.

        Returns:
            Rows of ``Vma``, shape (n, 7); fewer than asked for only at the end.
        """
        ...


class QueryMappings:
    """PROCMAP_QUERY and the text of maps beside it.

    A query finds the place; a descriptor of maps that is read on and on tells many
    VMAs at once. What was read ahead before ``refresh`` is out of date: such VMAs are
    asked for again one by one, up to where the text goes on. Only from a line on
    that a query has confirmed the text is believed, until the next ``refresh``.

    Args:
        query: Answers of this moment, each consistent in itself.
        lines: Of the same address space; what none has been read of yet may be given again.
        page_sizes: By device of hugetlb file systems and others; filled in here.
    """

    def __init__(
        self,
        query: MapsQuery,
        lines: Lines,
        page_sizes: MutableMapping[int, int] | None = None,
    ) -> None:
        self._query = query.query_raw
        self._lines = lines
        self._page_sizes = {} if page_sizes is None else page_sizes

    def refresh(self) -> None:
        """See ``Mappings``."""
        self._lines.distrust()

    def find_vma(self, address: int) -> Vma | None:
        """See ``Mappings``."""
        raw = self._query(address)
        if raw is None:
            return None
        start, end, flags, page_size, offset, ino, major, minor = raw
        vm_flags = _VM_FLAGS[flags & 15]
        if page_size > PAGE_SIZE:
            vm_flags |= _HUGETLB
        dev = major << MINOR_BITS | minor
        return Vma(start, end, vm_flags, offset >> _PAGE_SHIFT, dev, ino, page_size)

    def behind(self, vma: Vma, count: int) -> U64:
        """See ``Mappings``."""
        asked: list[Vma] = []
        lines = self._lines if count >= _WORTH_READING else _NO_LINES
        lines.confirm(vma, count)
        while len(asked) < count and not lines.trusted:
            found = self.find_vma(vma.end)
            if found is None:
                break
            vma = found
            asked.append(vma)
            lines.confirm(vma, count - len(asked))
        told = np.array(asked, np.uint64).reshape(-1, _COLUMNS)
        if len(asked) < count and lines.trusted:
            told = np.concatenate((told, self._sized(lines.take(count - len(asked)))))
        return told

    def _sized(self, rows: U64) -> U64:
        """Fill in page sizes; what has no device is no hugetlb (a SysV segment may be inode 0)."""
        files = rows[:, _DEV] != 0
        for dev in np.unique(rows[files, _DEV]).tolist():
            here = files & (rows[:, _DEV] == dev)
            _set_page_size(rows, here, self._page_size(dev, int(rows[here.argmax(), _START])))
        return rows

    def _page_size(self, dev: int, address: int) -> int:
        """Of one device, which has one for all its files; learnt from a VMA of it."""
        if dev not in self._page_sizes:
            found = self.find_vma(address)
            if found is None or found.dev != dev:
                return PAGE_SIZE
            self._page_sizes[dev] = found.page_size
        return self._page_sizes[dev]


def _vmas(numbers: U64) -> U64:
    """Rows of ``Vma`` without hugetlb page sizes, from lines of maps."""
    out = np.full((len(numbers), _COLUMNS), PAGE_SIZE, np.uint64)
    out[:, :_PAGE_SIZE] = numbers
    out[:, _PGOFF] >>= np.uint64(_PAGE_SHIFT)
    return out


def _set_page_size(rows: U64, which: NDArray[np.bool_], page_size: int) -> None:
    rows[which, _PAGE_SIZE] = page_size
    if page_size > PAGE_SIZE:
        rows[which, _FLAGS] |= np.uint64(_HUGETLB)


class Lines:
    """The text of maps, line by line, and how far it is to be believed.

    Attributes:
        trusted: The lines to come were made since ``distrust``, and follow one that
            a query has confirmed.
    """

    def __init__(self, text: MapsText | None) -> None:
        self._open = self._text = text
        self._rows = _vmas(np.zeros((0, 6), np.uint64))
        self._stale = 0
        self._line_size = 64
        self.trusted = False

    def distrust(self) -> None:
        """What was read so far, be it half a line, is out of date from now on."""
        self.trusted = False
        half = self._text is not None and self._text.inside_line
        self._stale = len(self._rows) + half

    def confirm(self, vma: Vma, count: int) -> None:
        """Drop the lines up to a VMA that is there now, and see whether its own is right.

        Args:
            vma: Found by a query since ``distrust``.
            count: About so many lines behind it will be wanted.
        """
        while not len(self._rows) or self._rows[-1, _END] < vma.end:
            self._drop(len(self._rows))
            if not self._more(count + 1):
                return
        upto = int(np.searchsorted(self._rows[:, _END], vma.end, side="right"))
        same = upto > self._stale and self._rows[upto - 1, :_PGOFF].tolist() == [
            vma.start,
            vma.end,
            vma.vm_flags & ~_HUGETLB,
        ]
        self._drop(upto)
        # Before 6.17 maps went on where the next VMA was: what came below it was missed.
        self.trusted = same

    def take(self, count: int) -> U64:
        """The next lines as rows of ``Vma``, up to ``count`` of them."""
        parts = [self._rows]
        while (missing := count - sum(map(len, parts))) > 0 and self._more(missing):
            parts.append(self._rows)
        self._rows = np.concatenate(parts)
        out = self._rows[:count].copy()
        self._drop(len(out))
        return out

    def close(self) -> None:
        """Close the text."""
        if self._open is not None:
            self._open.close()

    def _more(self, count: int) -> bool:
        """Read about so many further lines in place of those in hand; False at the end."""
        if self._text is None:
            return False
        data = b""
        while (missing := count - data.count(b"\n")) > 0:
            part = self._text.read(min(missing * self._line_size, _LONGEST_READ))
            if part is None:
                # It stays at its end, whatever will be mapped behind it.
                self._text = None
                break
            data += part
        self._rows = _vmas(parse_numbers(data))
        if len(self._rows):
            self._line_size = -(-len(data) // len(self._rows))
        return True

    def _drop(self, count: int) -> None:
        self._rows = self._rows[count:]
        self._stale = max(self._stale - count, 0)


_NO_LINES: Final = Lines(None)


class _WholeText(MmFile):
    """One open /proc/PID/maps, read from its beginning each time."""

    def __init__(self, pid: int, root: Path) -> None:
        super().__init__(pid, "maps", root)

    def read(self) -> bytes:
        """All of it; nothing once the address space is gone."""
        parts = []
        os.lseek(self._fd, 0, os.SEEK_SET)
        while part := self.read_on(_LARGE_READ):
            parts.append(part)
        # A text that was broken off by an exit looks like a shorter one.
        return b"".join(parts) if parts and self.lives() else b""


class TextMappings:
    """The text of maps, read whole each time the lock would be taken.

    It is that of the address space the process had at ``bind``.

    Args:
        pid: Process, or thread if ``root`` is a task folder.
        root: /proc, or /proc/TGID/task.
        page_sizes: Page size of a hugetlb file system, by its device.
    """

    def __init__(self, pid: int, root: Path, page_sizes: Mapping[int, int]) -> None:
        self._pid = pid
        self._root = root
        self._text: _WholeText | None = None
        self._page_sizes = page_sizes
        self._rows = _vmas(np.zeros((0, 6), np.uint64))

    def bind(self) -> _WholeText:
        """Open the text, if it is not; otherwise done by the first ``refresh``."""
        if self._text is None:
            self._text = _WholeText(self._pid, self._root)
        return self._text

    def refresh(self) -> None:
        """Read maps.

        Raises:
            NoSuchProcess: The address space is gone, by exit or exec.
        """
        data = self.bind().read()
        if not data:
            raise NoSuchProcess(self._pid)
        self._rows = rows = _vmas(parse_numbers(data))
        for dev, page_size in self._page_sizes.items():
            _set_page_size(rows, rows[:, _DEV] == dev, page_size)

    def find_vma(self, address: int) -> Vma | None:
        """See ``Mappings``."""
        rows = self._above(address)
        return Vma(*rows[0].tolist()) if len(rows) else None

    def behind(self, vma: Vma, count: int) -> U64:
        """See ``Mappings``."""
        return self._above(vma.end)[:count].copy()

    def close(self) -> None:
        """Close the text; idempotent."""
        if self._text is not None:
            self._text.close()

    def _above(self, address: int) -> U64:
        at = np.searchsorted(self._rows[:, _END], np.uint64(address), side="right")
        return self._rows[int(at) :]
