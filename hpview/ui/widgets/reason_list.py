"""The list of reasons why memory of a process is not huge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from hpview import units
from hpview.space.cell_class import CellClass
from hpview.ui.paint import fitted, shares, width_of
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.reasons.reason import Reason
    from hpview.ui.palette import Glyphs, Inks

MARKS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
"""What a reason is called in the bar, by its place in the list."""

_WORDS: Final = 35
_BYTES: Final = 6
_SHARE: Final = 6
_SLOTS: Final = 7
_VMAS: Final = 7
_ADDRESS: Final = 12
_WIDE: Final = 100
"""Terminal cells from which on VMAs and the ends of ranges are shown."""


class Row:
    """What stands on a line: a reason, or the title of those that are not counted.

    Attributes:
        told: The reason; None for the title.
        mark: In the bar, or "".
    """

    def __init__(self, told: Told | None, mark: str) -> None:
        self.told = told
        self.mark = mark

    @property
    def key(self) -> tuple[Reason | None, bool]:
        """What it is, whatever its place."""
        told = self.told
        return (None, False) if told is None else (told.share.reason, told.counted)


def rows_of(found: Inquiry) -> list[Row]:
    """The lines: what is counted, a title, what is not."""
    counted = [one for one in found.told if one.counted]
    beside = [one for one in found.told if not one.counted]
    rows = [Row(one, mark) for one, mark in zip(counted, MARKS, strict=False)]
    return rows + ([Row(None, "")] * bool(beside)) + [Row(one, "") for one in beside]


def bar(found: Inquiry, rows: Sequence[Row], width: int, inks: Inks) -> list[Segment]:
    """What is huge, then each reason by its mark, in proportion."""
    sums = found.answers.breakdown
    marked = [row for row in rows if row.mark]
    sizes = [sums.huge, *(row.told.share.bytes for row in marked if row.told is not None)]
    counts = shares(sizes, width)
    glyph, style = inks.cell(CellClass.HUGE_2M)
    out = [Segment(glyph * counts[0], style)]
    glyph = inks.glyphs.cells[CellClass.FULL_4K]
    styles = inks.cells[CellClass.FULL_4K], inks.shaded[CellClass.FULL_4K]
    for number, (row, count) in enumerate(zip(marked, counts[1:], strict=True)):
        style = styles[number % 2]
        out.append(Segment(row.mark[:count], style + Style(color=inks.strong.color, bold=True)))
        out.append(Segment(glyph * (count - 1), style))
    return [segment for segment in out if segment.text]


class ReasonList(RowList):
    """Reasons, the weightiest first; the current one stays current whatever its place."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self.rows: list[Row] = []
        self._missed = 0
        self._beside = 0

    @property
    def current(self) -> Row | None:
        """The line under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, found: Inquiry, key: tuple[Reason | None, bool] | None) -> None:
        """Take other answers.

        Args:
            found: The answers.
            key: Of the row that is to be the current one, if there is such a row.
        """
        self.rows = rows_of(found)
        sums = found.answers.breakdown
        self._missed, self._beside = sums.gap, sums.beside
        self.set_rows(len(self.rows))
        at = [row.key for row in self.rows]
        self.put_cursor(at.index(key) if key in at else 0)

    def on_resize(self) -> None:
        """Show as many rows above the cursor as there is room for."""
        super().on_resize()
        self.scroll_rows_to(min(self.top, max(0, self.cursor - self.page + 1)))

    def heading(self, width: int) -> list[Segment]:
        """Titles."""
        inks = self.inks
        where = "LARGEST RANGE"
        vmas = f"{'VMAS':>{_VMAS}}" if width >= _WIDE else ""
        return [
            Segment("   ", inks.dim),
            Segment(f"{'REASON':<{_WORDS}}", inks.accent if self.has_focus else inks.strong),
            Segment(
                f"{'BYTES':>{_BYTES}}{'SHARE':>{_SHARE}}{'SLOTS':>{_SLOTS}}{vmas}  {where}",
                inks.dim,
            ),
        ]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one reason."""
        if y >= len(self.rows):
            return []
        row, inks = self.rows[y], self.inks
        if row.told is None:
            words = f"not counted: {units.size(self._beside)} of files and small mappings"
            return [Segment(f"  {words}", inks.dim)]
        return self._reason(row, row.told, width)

    def _reason(self, row: Row, one: Told, width: int) -> list[Segment]:
        inks, share = self.inks, one.share
        text = inks.text if one.counted else inks.dim
        words = share.reason.short + ("" if one.finding.certain else " ?")
        percent = units.percent(share.bytes, self._missed) if one.counted else ""
        vmas = f"{thousands(one.vmas):>{_VMAS}}" if width + 1 >= _WIDE else ""
        out = [
            Segment(f"{row.mark or ' '} ", inks.accent),
            Segment(fitted(words, _WORDS, more=inks.glyphs.more), text),
            Segment(f"{units.short(share.bytes):>{_BYTES}}", inks.strong if one.counted else text),
            Segment(f"{percent:>{_SHARE}}{thousands(share.slots):>{_SLOTS}}{vmas}  ", text),
            Segment(f"{share.start:0{_ADDRESS}x}", text),
        ]
        end = f"-{share.end:0{_ADDRESS}x}" if width + 1 >= _WIDE else ""
        size = f"{end}  {units.short(share.end - share.start):>4}"
        return [*out, Segment(fitted(size, max(0, width - width_of(out))), inks.dim)]
