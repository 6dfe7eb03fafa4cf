"""The list of what changed in a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.segment import Segment

from hpview import units
from hpview.space.changes import ChangeKind
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui.marks import WORDS
from hpview.ui.paint import fitted, width_of
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.watch import Watch

_TIME: Final = 8
_WORD: Final = 9
_ADDRESS: Final = 12
_SIZE: Final = 5
_WIDE: Final = 110
"""Terminal cells from which on the end of a range is shown, too, and amounts have air."""

_PARTS: Final = (
    ("huge", CellClass.HUGE_2M),
    ("4k", CellClass.PART_4K),
    ("swap", CellClass.SWAP),
)


def shown_name(row: np.void) -> str:
    """The name of the VMA, printable."""
    name = printable(str(row["name"]))
    return name or ("…" if row["file"] else "anon")


def amount_width(width: int) -> int:
    """Terminal cells for what was or is there, on a line of so many."""
    return 15 if width >= _WIDE else 12


def amount(row: np.void, when: str, width: int, inks: Inks) -> list[Segment]:
    """What was (``was``) or is there, glyph and size of each kind of page, in ``width`` cells."""
    out = []
    air = " " * (width >= amount_width(_WIDE))
    for field, kind in _PARTS:
        size = int(row[f"{when}_{field}"])
        if size:
            glyph, style = inks.cell(kind)
            out += [Segment(glyph, style), Segment(f"{air}{units.short(size)} ", inks.text)]
    out = out or [Segment(inks.glyphs.cells[CellClass.EMPTY], inks.dim)]
    return Segment.adjust_line_length(out, width, inks.text)


class ChangeList(RowList):
    """Changes, the newest reading first."""

    def __init__(self, glyphs: Glyphs, watch: Watch, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.kind: ChangeKind | None = None
        self._watch = watch
        self._log = watch.log.rows
        self._order: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._dropped = 0

    @property
    def current(self) -> np.void | None:
        """The change under the cursor."""
        if self.cursor >= len(self._order):
            return None
        row: np.void = self._log[self._order[self.cursor]]
        return row

    def show(self, kind: ChangeKind | None) -> None:
        """Take the log as it is now; the cursor stays on its change unless on the first row.

        Args:
            kind: Show these only; None shows all.
        """
        log = self._watch.log
        at = self._order[self.cursor] + self._dropped if self.cursor < len(self._order) else -1
        follow = self.cursor == 0
        above = self.cursor - self.top
        self.kind = kind
        self._log, self._dropped = log.rows, log.total - len(log.rows)
        order = np.argsort(-self._log["scan"].astype(np.int64), kind="stable")
        self._order = order[self._log["kind"][order] == kind] if kind else order
        self.set_rows(len(self._order))
        found = np.flatnonzero(self._order + self._dropped == at)
        index = int(found[0]) if len(found) and not follow else 0
        self.put_cursor(index)
        self.scroll_rows_to(index - above if index else 0)

    def heading(self, width: int) -> list[Segment]:
        """Titles."""
        inks = self.inks
        address = 2 * _ADDRESS + 1 if width >= _WIDE else _ADDRESS
        title = f"{'TIME':<{_TIME}}  {'WHAT':<{_WORD + 2}}"
        room = amount_width(width)
        rest = f"{'ADDRESS':<{address}} {'SIZE':>{_SIZE}}  "
        rest += f"{'WAS':<{room + 3}}{'IS':<{room}}NAME"
        return [
            Segment(" ", inks.dim),
            Segment(title, inks.accent if self.has_focus else inks.strong),
            Segment(rest, inks.dim),
        ]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one change."""
        if y >= len(self._order):
            return []
        inks = self.inks
        room = amount_width(width + 1)
        row = self._log[self._order[y]]
        kind = ChangeKind(int(row["kind"]))
        start, end = int(row["start"]), int(row["end"])
        # The time is bright where a reading begins.
        first = y == 0 or self._log["scan"][self._order[y - 1]] != row["scan"]
        clock = time.strftime("%H:%M:%S", self._watch.wall_time(float(row["when"])))
        where = f"{start:0{_ADDRESS}x}"
        if width + 1 >= _WIDE:
            where += f"-{end:0{_ADDRESS}x}"
        out = [
            Segment(f"{clock:<{_TIME}}  ", inks.text if first else inks.dim),
            Segment(f"{inks.glyphs.marks[kind]} ", inks.accent),
            Segment(f"{WORDS[kind]:<{_WORD}}", inks.strong),
            Segment(where, inks.text),
            Segment(f" {fitted(units.short(end - start), _SIZE, right=True)}  ", inks.text),
            *amount(row, "was", room, inks),
            Segment(f" {inks.glyphs.becomes} ", inks.dim),
            *amount(row, "is", room, inks),
        ]
        name = inks.glyphs.text(shown_name(row))
        rest = max(0, width - width_of(out))
        own = bool(row["name"])
        text = fitted(name, rest, tail=True, more=inks.glyphs.more)
        return [*out, Segment(text, inks.text if own else inks.dim)]
