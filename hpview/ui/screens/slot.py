"""The screen of one slot: its pages, and what is known of the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType

from hpview.errors import NothingMapped
from hpview.export import exportable
from hpview.space.parts import part_at, part_beside
from hpview.text import printable
from hpview.ui import slot_lines
from hpview.ui.asking import Asking
from hpview.ui.collapsing import Span
from hpview.ui.page_aspects import Aspect, offered
from hpview.ui.reading import Observer, Reading
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.screens.collapse import offer
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.page_grid import PageGrid
from hpview.ui.widgets.page_legend import bit_legend, look_legend
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.segment import Segment
    from textual.app import ComposeResult

    from hpview.errors import HpviewError
    from hpview.export.exportable import Exportable
    from hpview.pages.page import SlotPages
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs, Inks

_HIGH: Final = 30
"""Lines of a terminal from which on folio, VMA and reasons have lines of their own."""


class SlotScreen(HpviewScreen):
    """The pages of the part of a slot that one VMA covers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_aspect", "Aspect", tooltip="Show other facts of the pages"),
        Binding(
            "left_square_bracket",
            "step_slot(-1)",
            "Slot",
            key_display="[ ]",
            tooltip="Previous slot in which something is mapped",
        ),
        Binding("right_square_bracket", "step_slot(1)", "Next slot", show=False),
        Binding(
            "n",
            "find_missing(1)",
            "Missing",
            key_display="n N",
            tooltip="Next page that is not present",
        ),
        Binding("N", "find_missing(-1)", "Previous page that is not present", show=False),
        Binding(
            "c", "collapse", "Collapse", tooltip="Have the kernel make it huge now; asks first"
        ),
        Binding("R", "reread", "Reread", tooltip="Read these pages again"),
        Binding("escape", "leave", "Back", tooltip="Back to the map, at this page"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("Pages", PageGrid),)

    def __init__(
        self,
        services: Services,
        glyphs: Glyphs,
        settings: Settings,
        pid: int,
        address: int,
        reading: Reading | None = None,
        asking: Asking | None = None,
    ) -> None:
        """Make the screen.

        Args:
            services: Where the pages come from.
            glyphs: What to draw with.
            settings: Holds the aspect that was looked at last.
            pid: The process.
            address: Anywhere in the slot; if nothing is mapped there, what is mapped
                first in its slot is shown.
            reading: Of the process by another screen; without one the process is read
                first.
            asking: What that screen asks of it.
        """
        super().__init__(glyphs)
        self.pid = pid
        self._services = services
        self._settings = settings
        self._reading = reading or Reading(self, services, pid)
        self._asking = asking or Asking(self, services, self._reading)
        self._own_reading = reading is None
        self._observer = Observer(grew=self._draw_detail, done=lambda *_: self._process_read())
        self._address = address
        self._part: tuple[int, int] | None = None
        self._token = 0
        self._outdated = False
        self._problem = ""
        self._header = Lines(glyphs, id="slot-header")
        self._why = Lines(glyphs, id="slot-why")
        self._grid = PageGrid(glyphs, id="pages")
        self._detail = Lines(glyphs, id="page-detail")
        self._notes = Lines(glyphs, id="page-notes")
        self._legend = Lines(glyphs, id="page-legend")

    def body(self) -> ComposeResult:
        """Header, why it is not huge, pages, the one under the cursor, sources, legend."""
        yield self._header
        yield self._why
        yield self._grid
        yield self._detail
        yield self._notes
        yield self._legend

    def on_mount(self) -> None:
        """Begin to read."""
        self._grid.set_placeholder("reading…")
        self._grid.focus()
        self._reading.subscribe(self._observer)
        self._asking.subscribe(self._draw_why)
        self._asking.need_pages()
        self._header.paint(self._header_lines)
        if self._own_reading:
            self._reading.begin()
        else:
            self._open(self._address)

    def on_unmount(self) -> None:
        """Listen no more to the reading of another screen."""
        self._reading.unsubscribe(self._observer)
        self._asking.unsubscribe(self._draw_why)

    def on_resize(self) -> None:
        """Give more lines to words where there are many."""
        self._share_lines()

    @property
    def slot(self) -> SlotPages | None:
        """The pages that are shown; None before there are any."""
        return self._grid.slot

    @property
    def address(self) -> int:
        """Of the page under the cursor, or of the nearest one that is mapped."""
        if self.slot is None:
            return self._address
        return max(self.slot.start, min(self._grid.address, self.slot.end - PAGE_SIZE))

    @property
    def shows_data(self) -> bool:
        """The pages of some slot were read."""
        return self.slot is not None

    @property
    def at_rest(self) -> bool:
        """The pages were read, and why they are not huge is known."""
        return super().at_rest and self._asking.at_rest

    def _process_read(self) -> None:
        """The VMAs are known now, which matters to the first slot only."""
        if self._own_reading and self.slot is None:
            self._open(self._address)

    def _open(self, address: int) -> None:
        """Show the slot of an address with the cursor on the address."""
        part = part_at(self._reading.space.vmas, address)
        if part is not None and not part[0] <= address < part[1]:
            address = part[0]
        self._grid.put_cursor(address % SLOT_SIZE // PAGE_SIZE)
        self._ask(address, part)

    def _ask(self, address: int, part: tuple[int, int] | None) -> None:
        """Read the pages around an address; what is shown stays until they have come."""
        self._token += 1
        self._part = part
        self._read(address, self._token)

    @work(
        thread=True,
        exclusive=True,
        group="slot",
        exit_on_error=False,
        description="Reading the pages of a slot",
    )
    def _read(self, address: int, token: int) -> None:
        space = self._reading.space
        found = self._services.pages(self.pid, address)
        self._services.require_same(space)
        if len(found):
            self.app.call_from_thread(self.take, token, found)
            return
        raise NothingMapped(self.pid, address)

    def take(self, token: int, slot: SlotPages) -> None:
        """Show what was read, unless something else was asked for meanwhile."""
        if token != self._token or not self.is_running:
            return
        self._problem = ""
        self._part = slot.start, slot.end
        aspect = next((one for one in Aspect if one == self._settings.aspect), Aspect.STATE)
        self._grid.aspect = aspect
        self._grid.show(slot)
        self._share_lines()
        self._header.paint(self._header_lines)
        self._draw_why()
        self._legend.paint(self._legend_lines)
        if self._outdated and not self._reading.paused:
            self._reading.begin(quiet=True)
        self._outdated = False
        self.post_message(self.Settled())

    def failed(self, error: HpviewError) -> None:
        """Say that what is shown is no longer so, or why there is nothing."""
        self._problem = printable(str(error))
        if self._own_reading and self._reading.busy:
            self._reading.fail(error)
        self._part = None if self.slot is None else (self.slot.start, self.slot.end)
        self._grid.set_placeholder(self._problem)
        self._header.paint(self._header_lines)

    def _draw_why(self) -> None:
        self._why.paint(self._why_lines)

    def _why_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        answers = self._asking.answers
        if self.slot is None or answers is None:
            return []
        return [slot_lines.why(answers, self.slot.start, width, inks)]

    def _draw_detail(self) -> None:
        self._detail.paint(self._detail_lines)

    def _share_lines(self) -> None:
        reasons = len(self.slot.reasons) if self.slot is not None else 0
        self._notes.styles.height = 1 + reasons * self._high
        self._detail.styles.height = 2 + self._high
        self._notes.paint(self._note_lines)
        self._draw_detail()

    @property
    def _high(self) -> bool:
        return self.size.height >= _HIGH

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        process = f"{self.pid} {printable(self._reading.space.comm)}".rstrip()
        address = self._address if self.slot is None else self.slot.start
        return [slot_lines.header(process, address, self.slot, self._problem, width, inks)]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self.slot is None:
            return []
        place, space = self._grid.cursor, self._reading.space
        return slot_lines.detail(self.slot, place, space, width, inks, high=self._high)

    def _note_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self.slot is None:
            return []
        return slot_lines.notes(self.slot, width, inks, high=self._high)

    def _legend_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self.slot is None:
            return []
        return [
            look_legend(self.slot, self._grid.aspect, width, inks),
            bit_legend(self.slot, width, inks, letters=self._grid.has_letters),
        ]

    @on(PageGrid.Moved)
    def _moved(self) -> None:
        self._draw_detail()
        self._legend.paint(self._legend_lines)

    def action_next_aspect(self) -> None:
        """Show other facts of the same pages."""
        if self.slot is None:
            return
        aspects = offered(self.slot)
        aspect = aspects[(aspects.index(self._grid.aspect) + 1) % len(aspects)]
        self._settings.aspect = aspect.value
        self._grid.show_aspect(aspect)

    def action_find_missing(self, step: int) -> None:
        """Go to the nearest page that is not present, or tell that there is none."""
        if self.slot is not None and not self._grid.find_missing(step):
            where = "behind" if step > 0 else "before"
            self.notify(f"no page is missing {where} this one", markup=False)

    def action_step_slot(self, step: int) -> None:
        """Show a neighbouring part of a slot, the cursor at the same place in it."""
        if self._part is None:
            return
        part = part_beside(self._reading.space.vmas, *self._part, step)
        if part is not None:
            self._ask(part[0], part)
            return
        where = "behind" if step > 0 else "before"
        more = ": the process is still being read" if self._reading.busy else ""
        self.notify(f"nothing is mapped {where} this slot{more}", markup=False)

    def action_reread(self) -> None:
        """Read these pages again, then the process: why they are not huge hangs on all of it."""
        self._outdated = True
        self._ask(self.slot.start if self.slot is not None else self._address, self._part)

    def action_collapse(self) -> None:
        """Offer to collapse this slot."""
        if self.slot is not None:
            start = self.slot.start // SLOT_SIZE * SLOT_SIZE
            span = Span(start, start + SLOT_SIZE, self.slot.start)
            offer(self, self._services, self._reading, span, self._tried)

    def _tried(self, tried: bool | None) -> None:
        if tried:
            self.action_reread()

    def action_leave(self) -> None:
        """Go back to where these pages are on the map."""
        self.post_message(self.SlotLeft(self.pid, self.address))

    def data(self) -> Sequence[Exportable]:
        """The pages that are shown."""
        return [exportable.slot(self.pid, self.slot)] if self.slot is not None else ()

    def copy_text(self) -> str:
        """The address of the page under the cursor."""
        return hex(self._grid.address) if self.slot is not None else ""

    def picture_name(self) -> str:
        """With the pid and the address of the slot."""
        start = self.slot.start if self.slot is not None else self._address
        return f"hpview-{self.pid}-{start:x}"
