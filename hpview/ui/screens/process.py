"""The screen of one process: VMAs, map, and how far reading has come."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container

from hpview import units
from hpview.export import exportable
from hpview.space import runs as runs_
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui import describe
from hpview.ui.paint import bar, fitted, joined, width_of
from hpview.ui.reading import Observer, Reading
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets import footing
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_list import VmaList

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from textual.app import ComposeResult

    from hpview.errors import HpviewError
    from hpview.export.exportable import Exportable
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs, Inks


class ProcessScreen(HpviewScreen):
    """One process, drawn as its records arrive."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "switch_pane", "Pane", tooltip="Go to the other pane"),
        Binding("left_square_bracket", "step_vma(-1)", "Previous VMA", show=False),
        Binding("right_square_bracket", "step_vma(1)", "Next VMA", show=False),
        Binding(
            "plus,equals_sign",
            "zoom(-1)",
            "Zoom",
            key_display="+ -",
            tooltip="Smaller cells, from 2 MiB",
        ),
        Binding("minus", "zoom(1)", "Zoom out", show=False, tooltip="Larger cells, up to 64 GiB"),
        Binding("R", "reread", "Reread", tooltip="Read the process again"),
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (
        ("Map", MemoryMap),
        ("VMA list", RowList),
    )

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings, pid: int) -> None:
        super().__init__(glyphs)
        self.pid = pid
        self.reading = Reading(self, services, pid)
        self._settings = settings
        self._sums: NDArray[np.int64] | None = None
        self._header = Lines(glyphs, id="process-header")
        self._vmas = VmaList(glyphs, id="vmas")
        self._map = MemoryMap(glyphs, id="map")
        self._detail = Lines(glyphs, id="cell-detail")
        self._legend = Lines(glyphs, id="legend")
        self._status = Lines(glyphs, id="status")

    def body(self) -> ComposeResult:
        """Header, the two panes, detail, legend, status."""
        yield self._header
        with Container(id="panes"):
            yield self._vmas
            yield self._map
        yield self._detail
        yield self._legend
        yield self._status

    def on_mount(self) -> None:
        """Begin to read."""
        self._map.set_placeholder("reading…")
        self._map.focus()
        self.reading.subscribe(
            Observer(grew=self._draw, progressed=self._draw_status, done=self._done)
        )
        self.reading.begin()
        self._draw_status()

    @property
    def space(self) -> AddressSpace:
        """What is known of the process."""
        return self.reading.space

    @property
    def shows_data(self) -> bool:
        """Some of the process was read."""
        return len(self.space.vmas) > 0

    def _done(self, _before: AddressSpace, _now: AddressSpace) -> None:
        self._map.set_placeholder("no memory mapped")
        self.post_message(self.Settled())

    def _draw(self) -> None:
        """Show the address space as it is known now."""
        self._sums = None
        self._vmas.show(self.space)
        self._map.show(self.space)
        self._follow_map()
        self._header.paint(self._header_lines)
        self._legend.paint(self._legend_lines)
        self._detail.paint(self._detail_lines)

    def _draw_status(self) -> None:
        self._status.paint(self._status_lines)

    def failed(self, error: HpviewError) -> None:
        """Say in the panes why there is nothing in them."""
        self.reading.fail(error)
        self._map.set_placeholder(self.reading.problem)

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        totals = self.space.totals
        name = printable(self.space.comm)
        left = [
            Segment(" hpview ", inks.dim),
            Segment(f"{inks.glyphs.crumb} ", inks.dim),
            Segment(f"{self.pid} {name}".rstrip(), inks.strong),
            Segment("  ", inks.text),
        ]
        size = units.size if width >= 100 else units.short
        right = [
            Segment(units.percent(totals.huge, totals.resident), inks.strong),
            Segment(" huge of ", inks.dim),
            Segment(size(totals.resident), inks.strong),
            Segment(" resident ", inks.dim),
        ]
        if totals.bytes_swap:
            right += [
                Segment(inks.glyphs.text("· "), inks.dim),
                Segment(size(totals.bytes_swap), inks.strong),
                Segment(" swapped ", inks.dim),
            ]
        parts = [
            (CellClass.HUGE_1G, totals.bytes_1g),
            (CellClass.HUGE_2M, totals.bytes_2m),
            (CellClass.FULL_4K, totals.bytes_4k),
        ]
        room = min(48, width - width_of(left) - width_of(right) - 3)
        if room >= 4:
            left += [*bar(parts, room, inks)]
        return [joined(left, right, width, inks)]

    def _legend_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self._sums is None:
            self._sums = runs_.bytes_by_backing(self.space.runs)
        return [footing.legend(self._sums, width, inks)]

    def _status_lines(self, _width: int, inks: Inks) -> list[list[Segment]]:
        reading = self.reading
        if reading.problem:
            return [[Segment(f" {reading.problem}", inks.warn)]]
        return [footing.status(self.space, reading.progress, reading.reloads, inks)]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        found = self._map.cursor_range
        if found is None or self._map.address is None:
            return []
        start, end = found
        dot = inks.glyphs.text(" · ")
        where, *words = describe.cell_words(self.space, start, end)
        first = [
            Segment(f" {where}", inks.strong),
            Segment("  " + dot.join(words), inks.text),
        ]
        source = [Segment(f"source {self.space.source.label} ", inks.dim)]
        index = describe.index_in(self.space, start, end, self._map.address)
        *facts, name = describe.vma_words(self.space, index, start) or [""]
        second = " " + "".join(fact + dot for fact in facts)
        room = max(0, width - len(second) - 1)
        name = fitted(name, min(room, len(name)), tail=True, more=inks.glyphs.more)
        return [
            joined(first, source, width, inks),
            [Segment(second, inks.dim), Segment(name, inks.text)],
        ]

    def _follow_map(self) -> None:
        """Make the VMA under the map's cursor the current one of the list."""
        found = self._map.cursor_range
        if found is None or self._map.address is None:
            return
        index = describe.index_in(self.space, *found, self._map.address)
        if index >= 0 and index != self._vmas.cursor:
            self._vmas.put_cursor(index)

    @on(MemoryMap.Moved)
    def _map_moved(self) -> None:
        self._follow_map()
        self._detail.paint(self._detail_lines)

    @on(RowList.Moved)
    def _list_moved(self, event: RowList.Moved) -> None:
        self._show_vma(event.index)

    @on(RowList.Opened)
    def _list_opened(self) -> None:
        self._map.focus()

    def _show_vma(self, index: int) -> None:
        if 0 <= index < len(self.space.vmas):
            self._map.go_to(int(self.space.vmas["start"][index]))
            self._detail.paint(self._detail_lines)

    def action_step_vma(self, step: int) -> None:
        """Go to a neighbouring VMA."""
        self._vmas.put_cursor(self._vmas.cursor + step)
        self._show_vma(self._vmas.cursor)

    def action_switch_pane(self) -> None:
        """Move the focus to the other pane."""
        (self._map if self._vmas.has_focus else self._vmas).focus()

    def action_zoom(self, step: int) -> None:
        """Make cells larger or smaller about the cursor."""
        if self._map.zoom(step):
            self._follow_map()
            self._detail.paint(self._detail_lines)

    def action_reread(self) -> None:
        """Read the process again."""
        self.reading.begin()
        self._draw_status()

    def data(self) -> Sequence[Exportable]:
        """The process as far as it is known."""
        reading = self.reading
        if reading.progress is None or not self.shows_data:
            return ()
        # Records that arrive meanwhile must not change what is being written.
        space = copy.deepcopy(reading.space)
        return [exportable.process(space, reading.progress, reading.reads)]

    def copy_text(self) -> str:
        """The first address of the cell, or of the VMA in the list."""
        index = self._vmas.cursor
        if self._vmas.has_focus and index < len(self.space.vmas):
            return hex(int(self.space.vmas["start"][index]))
        found = self._map.cursor_range
        return hex(found[0]) if found is not None else ""

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self.pid}"
