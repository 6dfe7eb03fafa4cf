"""The list of processes: sorted, filtered, and steady while it is refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.ui.widgets import process_columns
from hpview.ui.widgets.process_columns import COLUMNS, KEYS
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from rich.segment import Segment

    from hpview.machine import Process
    from hpview.ui.palette import Glyphs


def arranged(processes: tuple[Process, ...], sort: str, reverse: bool, words: str) -> list[Process]:
    """The processes that match, in order.

    Args:
        processes: By pid; equals stay in this order.
        sort: Key of a column.
        reverse: Against the column's own direction.
        words: What pid, user or command must contain, in any case; "" matches all.
    """
    column = COLUMNS[KEYS.index(sort)]
    wanted = words.casefold()
    found = [
        p
        for p in processes
        if not wanted or wanted in f"{p.pid}\0{p.user}\0{p.comm}\0{p.cmdline}".casefold()
    ]
    known = [p for p in found if column.value(p) is not None]
    unknown = [p for p in found if column.value(p) is None]
    known.sort(key=column.value, reverse=column.falling != reverse)  # type: ignore[arg-type]
    return known + unknown


class ProcessList(RowList):
    """Processes, the current one remembered by pid and start time."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._all: tuple[Process, ...] = ()
        self._shown: list[Process] = []
        self.sort = "resident"
        self.reverse = False
        self.words = ""

    @property
    def current(self) -> Process | None:
        """The process under the cursor."""
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    @property
    def shown(self) -> list[Process]:
        """The processes that match, in order."""
        return self._shown

    def show(self, processes: tuple[Process, ...]) -> None:
        """Take a new set of processes."""
        self._all = processes
        self._arrange()

    def filter(self, words: str) -> None:
        """Show only processes that contain these words."""
        self.words = words
        self._arrange()

    def move_sort(self, step: int) -> None:
        """Sort by a column to the left or to the right."""
        self.sort_by(KEYS[(KEYS.index(self.sort) + step) % len(KEYS)])

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same one again: the other way round."""
        self.reverse = not self.reverse if key == self.sort else False
        self.sort = key
        self._arrange()

    def flip(self) -> None:
        """Reverse the order."""
        self.sort_by(self.sort)

    def sort_at(self, x: int) -> None:
        """Sort by the column at a terminal cell of the heading."""
        for place in process_columns.places(self.room - 1):
            if place.x <= x - 1 <= place.x + place.width:
                self.sort_by(place.column.key)

    def _arrange(self) -> None:
        before = self.current
        line = self.cursor - self.top
        was_visible = 0 <= line < self.page
        self._shown = arranged(self._all, self.sort, self.reverse, self.words)
        index = min(self.cursor, max(0, len(self._shown) - 1))
        if before is not None:
            same = (before.pid, before.start_time)
            found = (i for i, p in enumerate(self._shown) if (p.pid, p.start_time) == same)
            index = next(found, index)
        self.cursor = index
        self.set_rows(len(self._shown))
        if was_visible and not self.top <= index < self.top + self.page:
            self.scroll_rows_to(index - line)
        self.post_message(self.Moved(self, index))

    def heading(self, width: int) -> list[Segment]:
        """Titles, and which column is sorted by."""
        falling = COLUMNS[KEYS.index(self.sort)].falling != self.reverse
        titles = process_columns.heading(width - 1, self.sort, falling, self.inks)
        return [type(titles[0])(" ", self.inks.dim), *titles]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one process."""
        return process_columns.process_row(self._shown[y], width, self.inks)
