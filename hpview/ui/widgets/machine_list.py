"""Small tables as a list: a section of the machine screen, the nodes of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment

from hpview.ui.paint import fitted, joined, over, width_of
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.ui.machine.table import Row, Table
    from hpview.ui.palette import Glyphs


class _Line(NamedTuple):
    """A line of the list: a row of a table, its titles (-1), or nothing between two tables."""

    table: Table | None
    y: int

    @property
    def row(self) -> Row | None:
        if self.table is None or self.y < 0:
            return None
        return self.table.rows[self.y]


class TableList(RowList):
    """Tables below each other; the cursor stops where there is more to say."""

    def __init__(self, glyphs: Glyphs, name: str, question: str, *, id: str) -> None:
        """Make an empty one.

        Args:
            glyphs: The character set.
            name: What it is called, in the heading.
            question: What it answers.
            id: Of the widget.
        """
        super().__init__(glyphs, id=id)
        self._name = name
        self._question = question
        self._lines: list[_Line] = []
        self._state = ""

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._lines[self.cursor].row if self.cursor < len(self._lines) else None

    def show(self, tables: Sequence[Table], state: str) -> None:
        """Take what there is now; the cursor stays on its row.

        Args:
            tables: From top to bottom.
            state: What reading it took, for the heading.
        """
        before, top = self.current, self.top
        self._lines = _lines(tables)
        self._state = state
        self.set_rows(len(self._lines))
        found = self._found(before.key) if before is not None else None
        if found is None:
            found = self._stop(min(self.cursor, len(self._lines)), -1)
        self.cursor = found if found is not None else 0
        self.scroll_rows_to(top)
        self._reveal()
        self.refresh_heading()

    def _found(self, key: str) -> int | None:
        rows = ((i, line.row) for i, line in enumerate(self._lines))
        return next((i for i, row in rows if row is not None and row.key == key), None)

    def _stop(self, index: int, step: int) -> int | None:
        """The nearest line where the cursor stops, first in one direction."""
        ahead = range(index, len(self._lines)) if step > 0 else range(index, -1, -1)
        behind = range(index, -1, -1) if step > 0 else range(index, len(self._lines))
        return next((i for i in (*ahead, *behind) if self._stops(i)), None)

    def _stops(self, index: int) -> bool:
        row = self._lines[index].row if index < len(self._lines) else None
        return row is not None and row.detail is not None

    def _go(self, index: int) -> None:
        if not self._lines:
            return
        index = max(0, min(index, len(self._lines) - 1))
        found = self._stop(index, 1 if index >= self.cursor else -1)
        if found is not None:
            super()._go(found)
            self._reveal()

    def _reveal(self) -> None:
        """The row with the cursor; of the first one the titles too."""
        if self.cursor == self._stop(0, 1):
            self.scroll_rows_to(0)
        else:
            self.reveal(self.cursor)

    def heading(self, width: int) -> list[Segment]:
        """Name and question; what reading took."""
        inks = self.inks
        left = [
            Segment(f" {self._name}", inks.accent if self.has_focus else inks.strong),
            Segment(f"  {self._question}", inks.dim),
        ]
        state = [Segment(f"{inks.glyphs.text(self._state)} ", inks.dim)]
        line = joined(left, state, width, inks)
        rest = Segment(" " * max(0, width - width_of(line)), inks.text)
        return over([*line, rest], inks.cursor_away)

    def row(self, y: int, width: int) -> list[Segment]:
        """Draw a row; the cursor only where the keys go, for there may be more such lists."""
        if self.has_focus:
            return super().row(y, width)
        return [Segment(" ", self.inks.text), *self.paint_row(y, width - 1)]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw a line of a table."""
        line = self._lines[y] if y < len(self._lines) else _Line(None, 0)
        if line.table is None:
            return [Segment(fitted("", width), self.inks.text)]
        if line.y < 0:
            return line.table.titles(width, self.inks)
        out = line.table.row(line.y, width, self.inks)
        return [*out, Segment(" " * max(0, width - width_of(out)), self.inks.text)]


def _lines(tables: Sequence[Table]) -> list[_Line]:
    out: list[_Line] = []
    for table in tables:
        if not table.rows:
            continue
        if out:
            out.append(_Line(None, 0))
        out.append(_Line(table, -1))
        out += [_Line(table, y) for y in range(len(table.rows))]
    return out
