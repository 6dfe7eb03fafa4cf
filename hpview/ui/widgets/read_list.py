"""The log of reads as a list that follows the newest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview.readlog import Log, told
from hpview.ui.paint import fitted
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.readlog import Read
    from hpview.ui.palette import Glyphs, Inks

_TITLES = (("#", 8), ("ASKED", 7), ("BYTES", 7), ("RECORDS", 8), ("MS", 8))


def read_row(read: Read, width: int, inks: Inks) -> list[Segment]:
    """One read: number, bytes asked for and got, records, milliseconds, and how it began."""
    values = (
        thousands(read.number),
        str(read.asked),
        "EAGAIN" if read.again else str(read.size),
        str(read.records),
        f"{read.seconds * 1000:.2f}",
    )
    line = "".join(f"{v:>{w}}" for v, (_, w) in zip(values, _TITLES, strict=True))
    words = fitted(told(read), max(0, width - len(line) - 2), more=inks.glyphs.more)
    return [
        Segment(line, inks.dim if read.again else inks.text),
        Segment(f"  {words}", inks.warn if read.again else inks.text),
    ]


class ReadList(RowList):
    """Reads by number; the newest is the current one until the user moves up."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._log = Log()
        self._dropped = 0

    @property
    def current(self) -> Read | None:
        """The read under the cursor."""
        return self._log[self.cursor] if self.cursor < len(self._log) else None

    def show(self, log: Log) -> None:
        """Take a log, or the same one grown."""
        follows = log is not self._log or self.cursor >= self.row_count - 1
        index = self.cursor - (log.dropped - self._dropped)
        self._log, self._dropped = log, log.dropped
        self.set_rows(len(log))
        self.put_cursor(len(log) - 1 if follows else index)

    def heading(self, width: int) -> list[Segment]:
        """Titles."""
        inks = self.inks
        line = "".join(f"{title:>{width}}" for title, width in _TITLES)
        return [Segment(f" {line}  RESUMED", inks.accent if self.has_focus else inks.strong)]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one read."""
        return read_row(self._log[y], width, self.inks) if y < len(self._log) else []
