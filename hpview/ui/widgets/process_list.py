"""The list of processes: sorted, filtered, put together, and steady while it is refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType

from hpview.roster.arrange import Arrangement, Shape, View, arranged
from hpview.roster.fields import FIELDS, Table
from hpview.roster.query import parse
from hpview.ui.widgets import columns, process_columns
from hpview.ui.widgets.process_row import line_segments
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from hpview.machine import Process
    from hpview.roster.arrange import Identity, Line
    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs
    from hpview.ui.widgets.columns import Place

_DEFAULT_SORT = "resident"


class ProcessList(RowList):
    """Processes, the current one remembered by pid and start time.

    Attributes:
        asked: What was typed into the filter.
        shape: How processes are put together.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "fold", "Fold", show=False, tooltip="Fold, or go to the parent"),
        Binding("right,l", "unfold", "Unfold", show=False, tooltip="Unfold"),
    ]

    def __init__(self, glyphs: Glyphs, settings: Settings, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._settings = settings
        self._table = Table(())
        self._arrangement = Arrangement([], [])
        self._folded: dict[Shape, frozenset[Identity]] = {}
        self.asked = parse("")
        self.shape = Shape.FLAT

    @property
    def sort(self) -> str:
        """Key of the field that is sorted by."""
        return self._settings.sort if self._settings.sort in FIELDS else _DEFAULT_SORT

    @property
    def words(self) -> str:
        """What was typed into the filter."""
        return self.asked.text

    @property
    def current_line(self) -> Line | None:
        """The line under the cursor."""
        lines = self._arrangement.lines
        return lines[self.cursor] if self.cursor < len(lines) else None

    @property
    def current(self) -> Process | None:
        """The process under the cursor; None on the heading of a group."""
        line = self.current_line
        return line.process if line is not None and line.group is None else None

    @property
    def shown(self) -> list[Process]:
        """The processes that match, in order, folded away or not."""
        return self._arrangement.matching

    def show(self, processes: Sequence[Process]) -> None:
        """Take a new set of processes."""
        self._table = Table(processes)
        self._arrange()

    def filter(self, text: str) -> tuple[str, ...]:
        """Show only the processes that match; returns what is wrong with the text."""
        self.asked = parse(text)
        self._arrange()
        return self.asked.problems

    def put_together(self, shape: Shape) -> None:
        """Change the shape; the same one again goes back to the flat list."""
        self.shape = Shape.FLAT if self.shape is shape else shape
        self._arrange()

    def columns_changed(self) -> None:
        """Draw the columns that the settings name."""
        self.refresh()

    def placed(self, width: int) -> tuple[Place, ...]:
        """The columns on a line of so many terminal cells."""
        wanted = process_columns.chosen_columns(self._settings.columns)
        return process_columns.places(width, wanted)

    def fitting(self) -> list[str]:
        """The columns that have room now."""
        return [place.key for place in self.placed(self.room - 1)]

    def move_sort(self, step: int) -> None:
        """Sort by a visible column to the left or to the right."""
        self.sort_by(columns.beside(self.placed(self.room - 1), self.sort, step))

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same one again: the other way round."""
        again = key == self.sort
        self._settings.reverse = again and not self._settings.reverse
        self._settings.sort = key
        self._arrange()

    def flip(self) -> None:
        """Reverse the order."""
        self.sort_by(self.sort)

    def sort_at(self, x: int) -> None:
        """Sort by the column at a terminal cell of the heading."""
        key = columns.column_at(self.placed(self.room - 1), x - 1)
        if key is not None:
            self.sort_by(key)

    def action_fold(self) -> None:
        """Fold what lies below the cursor; where nothing does, go to what it hangs below."""
        line = self.current_line
        if line is None:
            return
        if line.below and not line.hidden:
            self._fold(line.identity, fold=True)
        elif (above := self._arrangement.above(self.cursor)) is not None:
            self.action_move_to(above)

    def action_unfold(self) -> None:
        """Unfold what lies below the cursor."""
        line = self.current_line
        if line is not None and line.hidden:
            self._fold(line.identity, fold=False)

    def toggle_fold(self) -> None:
        """Fold or unfold what lies below the cursor."""
        line = self.current_line
        if line is not None and line.below:
            self._fold(line.identity, fold=not line.hidden)

    def _fold(self, identity: Identity, *, fold: bool) -> None:
        folded = self._folded.get(self.shape, frozenset())
        self._folded[self.shape] = folded | {identity} if fold else folded - {identity}
        self._arrange()
        self.post_message(self.Moved(self, self.cursor))

    def _arrange(self) -> None:
        before = self.current_line
        line = self.cursor - self.top
        was_visible = 0 <= line < self.page
        folded = self._folded.get(self.shape, frozenset())
        view = View(self.asked, self.sort, self._settings.reverse, self.shape, folded)
        self._arrangement = arranged(self._table, view)
        index = self._place(before)
        self.cursor = index
        self.set_rows(len(self._arrangement.lines))
        if was_visible and not self.top <= index < self.top + self.page:
            self.scroll_rows_to(index - line)

    def _place(self, before: Line | None) -> int:
        """Where the cursor goes: to the same line, or to what it is folded away under."""
        same = min(self.cursor, max(0, len(self._arrangement.lines) - 1))
        if before is None:
            return same
        found = self._arrangement.place(before.identity)
        if found is None and before.group is None:
            found = self._arrangement.cover(before.process, self._table, self.shape)
        return same if found is None else found

    def heading(self, width: int) -> list[Segment]:
        """Titles, and which column is sorted by."""
        titles = process_columns.heading(
            self.placed(width - 1),
            self.sort,
            reverse=self._settings.reverse,
            shape=self.shape.value,
            inks=self.inks,
        )
        return [Segment(" ", self.inks.dim), *titles]

    def content(self, y: int) -> Hashable:
        """All that a row shows, and in which columns."""
        line = self._arrangement.lines[y]
        told = line.group is None, line.twig, line.below, line.hidden, line.matches
        return line.process, told, tuple(self._settings.columns)

    def forget_rows(self) -> None:
        """Keep them: what was read again mostly stays as it was."""

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one line."""
        wide = width >= process_columns.WIDE
        line = self._arrangement.lines[y]
        return line_segments(line, self.placed(width), wide=wide, inks=self.inks)
