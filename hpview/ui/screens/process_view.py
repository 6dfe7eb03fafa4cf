"""What the screen of one process shows: VMAs and map, which move together, and the lines around."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on
from textual.containers import Container
from textual.screen import ModalScreen

from hpview.export import exportable
from hpview.space import runs as runs_
from hpview.space.listing import Only
from hpview.ui import describe, process_lines, signs
from hpview.ui.asking import Asking
from hpview.ui.page_reader import PageReader
from hpview.ui.reading import READ_GROUP, Observer, Reading
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.why import WhyScreen
from hpview.ui.travel import Travel
from hpview.ui.vma_filter import VmaFilter
from hpview.ui.watch import Watch
from hpview.ui.why_choice import WhyChoice
from hpview.ui.widgets import footing
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.prompt import Prompt
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_list import VmaList
from hpview.ui.widgets.watching import watching as watch_status
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from textual.app import ComposeResult
    from textual.timer import Timer

    from hpview.errors import HpviewError
    from hpview.export.exportable import Exportable
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.signs import Sign

_DRAW_EVERY = 0.2
"""Seconds between two drawings while more arrives."""

_ALONE = ("-list-alone", "-map-alone")


class ProcessView(HpviewScreen):
    """One process, drawn as its records arrive; ``ProcessScreen`` adds the keys."""

    HELP_SIGNS: ClassVar[tuple[Sign, ...]] = signs.MAP

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings, pid: int) -> None:
        super().__init__(glyphs)
        self.pid = pid
        self.reading = Reading(self, services, pid)
        self._why_choice = WhyChoice()
        self.asking = Asking(self, services, self.reading)
        self.watching = Watch(self, self.reading, settings, self._is_looked_at)
        self._services = services
        self._settings = settings
        self._sums: NDArray[np.int64] | None = None
        self._alone = ""
        self._next_draw = 0.0
        self._drawn = 0
        self._late: Timer | None = None
        self._header = Lines(glyphs, id="process-header")
        self._vmas = VmaList(glyphs, self.asking.mains, id="vmas")
        self._map = MemoryMap(glyphs, settings.zoom, id="map")
        self._prompt = Prompt(glyphs, id="prompt")
        self._detail = Lines(glyphs, id="cell-detail")
        self._legend = Lines(glyphs, id="legend")
        self._status = Lines(glyphs, id="status")
        self._pages = PageReader(
            self, services, pid, lambda: self.space, self._map, self._draw_detail
        )
        self._travel = Travel(self.reading, self._map, self._arrived)
        self._filter = VmaFilter(self._vmas, self.asking.mains)

    def body(self) -> ComposeResult:
        """Header, the two panes, prompt, detail, legend, status."""
        yield self._header
        with Container(id="panes"):
            yield self._vmas
            yield self._map
        yield self._prompt
        yield self._detail
        yield self._legend
        yield self._status

    def on_mount(self) -> None:
        """Begin to read."""
        self._map.set_placeholder("reading…")
        self._map.focus()
        self.reading.subscribe(
            Observer(grew=self._grew, progressed=self._draw_status, done=self._done)
        )
        self.watching.subscribe(self._draw_watch)
        self.asking.subscribe(self._draw_why)
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

    @property
    def at_rest(self) -> bool:
        """All that was read is drawn, and no reading is under way, but for one that is paused."""
        if self._late is not None or not self.asking.at_rest:
            return False
        own = (worker for worker in self.app.workers if worker.node is self)
        under_way = {worker.group for worker in own if not worker.is_finished}
        return not under_way or (self.reading.held and under_way == {READ_GROUP})

    # -- reading ----------------------------------------------------------------------

    def _done(self, _before: AddressSpace, _now: AddressSpace) -> None:
        self._map.set_placeholder("no memory mapped")
        if self._late is not None:
            self._draw()
        self._pages.renew(self.watching.newest)
        self._pages.look()
        self._travel.end()
        self.post_message(self.Settled())

    def failed(self, error: HpviewError) -> None:
        """Say in the panes why there is nothing in them."""
        self.watching.stop()
        self._travel.stop()
        self.reading.fail(error)
        self._map.set_placeholder(self.reading.problem)
        self._header.paint(self._header_lines)

    def settings_changed(self) -> None:
        """Watch as often as is wanted now."""
        self.watching.settings_changed()

    def _is_looked_at(self) -> bool:
        """Whether a new reading is seen at once: boxes such as the help cover little."""
        return self.is_active or isinstance(
            self.app.screen, ChangesScreen | WhyScreen | ModalScreen
        )

    # -- drawing ----------------------------------------------------------------------

    def _grew(self) -> None:
        """Draw now, or soon: drawing all of it takes longer than taking in a little more.

        Where there are fewer VMAs than are drawn it cannot wait: what the panes show by
        number may be no more.
        """
        wait = self._next_draw - time.monotonic()
        fewer = len(self.space.vmas) < self._drawn
        if wait <= 0 or fewer or self.reading.paused or not self.reading.busy:
            self._draw()
        elif self._late is None:
            self._late = self.set_timer(wait, self._draw)

    def _draw(self) -> None:
        """Show the address space as it is known now."""
        if self._late is not None:
            self._late.stop()
            self._late = None
        self._next_draw = time.monotonic() + _DRAW_EVERY
        self._drawn = len(self.space.vmas)
        self._sums = None
        self._vmas.show(self.space)
        self._map.show(self.space)
        self._travel.go_on()
        self._follow_map()
        self._header.paint(self._header_lines)
        self._legend.paint(self._legend_lines)
        self._draw_detail()
        self.asking.renew()

    def _draw_why(self) -> None:
        """Other answers came."""
        self._vmas.show_reasons()
        self._header.paint(self._header_lines)
        self._draw_detail()

    def _draw_watch(self) -> None:
        self._map.mark(self.watching.marks)
        self._draw_status()

    def _draw_status(self) -> None:
        tail = "not read yet" if self.reading.partial else ""
        self._vmas.set_tail(tail)
        self._map.set_tail(tail)
        self._status.paint(self._status_lines)

    def _draw_detail(self) -> None:
        if self._map.cell <= SLOT_SIZE:
            self.asking.need_pages_at(self._map.address)
        self._detail.paint(self._detail_lines)

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        gone = bool(self.reading.problem)
        answers = self.asking.answers
        return [process_lines.header(self.space, self.pid, answers, width, inks, gone=gone)]

    def _legend_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self._sums is None:
            self._sums = runs_.bytes_by_backing(self.space.runs)
        return [footing.legend(self._sums, width, inks)]

    def _status_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        reading = self.reading
        for words in (reading.problem, self._travel.words):
            if words:
                return [[Segment(f" {words}", inks.warn)]]
        if self.watching.on and reading.progress is not None and reading.progress.done:
            return [watch_status(self.watching, self.space, width, inks)]
        only, listed = self._vmas.only, ""
        if only is not Only.ALL:
            listed = f" listed: only {only.value}{inks.glyphs.text(' ·')}"
        room = width - len(listed)
        line = footing.status(self.space, reading.progress, reading.reloads, room, inks)
        return [[Segment(listed, inks.accent), *line]]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        return process_lines.detail(self.space, self._map, self.asking.answers, width, inks)

    # -- the two panes, which move together -------------------------------------------

    def _follow_map(self) -> None:
        """Make the VMA under the map's cursor the current one of the list."""
        found = self._map.cursor_range
        if found is None or self._map.address is None:
            return
        index = describe.index_in(self.space, *found, self._map.address)
        if index >= 0 and index != self._vmas.index:
            self._vmas.put_index(index)

    def _keep_together(self) -> None:
        """Other VMAs are listed: the cursor of the map goes to one that is."""
        self._follow_map()
        found = self._map.cursor_range
        if found is not None and self._map.address is not None:
            index = describe.index_in(self.space, *found, self._map.address)
            if self._vmas.index not in (-1, index):
                self._show_vma(self._vmas.index)

    def _arrived(self) -> None:
        """The map's cursor was moved to another place."""
        self._follow_map()
        self._draw_detail()
        self._draw_status()

    def go_to(self, address: int) -> None:
        """Put the cursor on an address, be it read already or not."""
        self._travel.stop()
        self._map.go_to(address)
        self._arrived()

    @on(MemoryMap.Moved)
    def _map_moved(self, event: MemoryMap.Moved) -> None:
        self._travel.stop()
        if event.last:
            self._travel.to_end()
        self._arrived()

    @on(MemoryMap.Scrolled)
    def _map_scrolled(self) -> None:
        self._pages.look()

    @on(MemoryMap.Opened)
    def _map_opened(self) -> None:
        address = self._map.address
        if self._travel.dive(self._settings):
            self._arrived()
        elif address is not None and not self._map.on_gap:
            self.post_message(self.SlotChosen(self.reading, self.asking, address))

    @on(RowList.Moved)
    def _list_moved(self) -> None:
        # Where the cursor is now: the list may be shorter than when the message was sent.
        self._show_vma(self._vmas.index)

    @on(RowList.Opened)
    def _list_opened(self) -> None:
        self._map.focus()

    @on(RowList.HeadingClicked)
    def _heading_clicked(self, event: RowList.HeadingClicked) -> None:
        self._vmas.sort_at(event.x)

    def _show_vma(self, index: int) -> None:
        if 0 <= index < len(self.space.vmas):
            self._travel.stop()
            self._map.go_to(int(self.space.vmas["start"][index]))
            self._draw_detail()

    def _focus_pane(self, pane: MemoryMap | VmaList) -> None:
        if self._alone:
            self._stand_alone("-list-alone" if pane is self._vmas else "-map-alone")
        pane.focus()

    def _stand_alone(self, pane: str) -> None:
        self._alone = pane
        for name in _ALONE:
            self.set_class(name == pane, name)

    def data(self) -> Sequence[Exportable]:
        """The process as far as it is known."""
        reading = self.reading
        if reading.progress is None or not self.shows_data:
            return ()
        # Records that arrive meanwhile must not change what is being written.
        space = copy.deepcopy(reading.space)
        own = exportable.process(space, reading.progress, tuple(reading.log))
        return [own, *self.asking.data()]

    def copy_text(self) -> str:
        """The first address of the cell, or of the VMA in the list."""
        if self._vmas.has_focus and self._vmas.index >= 0:
            return hex(int(self.space.vmas["start"][self._vmas.index]))
        found = self._map.cursor_range
        return hex(found[0]) if found is not None else ""

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self.pid}"
