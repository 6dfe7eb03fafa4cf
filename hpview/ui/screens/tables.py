"""What screens of small tables do alike: the lines that tell of the row under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.machine_detail import detail_height, detail_lines
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from rich.segment import Segment

    from hpview.ui.machine.table import Detail
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.widgets.machine_list import TableList


class TablesScreen(HpviewScreen):
    """A screen of ``TableList``, one of which has the keys, over ``detail``.

    Args:
        glyphs: The character set.
        detail: Id of the lines below.
    """

    def __init__(self, glyphs: Glyphs, detail: str) -> None:
        super().__init__(glyphs)
        self.detail = Lines(glyphs, id=detail)

    @property
    def current_list(self) -> TableList:
        """The one that has the keys."""
        raise NotImplementedError

    @property
    def _told(self) -> Detail | None:
        row = self.current_list.current
        return None if row is None else row.detail

    def fit_detail(self, width: int, height: int) -> None:
        """Give the source a line of its own where the screen is narrow."""
        self.detail.styles.height = detail_height(width, height)

    @on(RowList.Moved)
    def draw_detail(self) -> None:
        """Tell of the row under the cursor."""
        self.detail.paint(self._detail_lines)

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        return detail_lines(self._told, self.detail.size.height, width, inks)

    def copy_text(self) -> str:
        """What the row under the cursor says."""
        told = self._told
        return "" if told is None else f"{told.field}: {told.value}"
