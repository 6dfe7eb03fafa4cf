"""The screen of why memory of a process is not huge, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType

from hpview import units
from hpview.text import printable
from hpview.ui import signs, why_lines
from hpview.ui.reading import Observer
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.reason_list import ReasonList, bar
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.ui.asking import Asking
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.reading import Reading
    from hpview.ui.signs import Sign
    from hpview.ui.why_choice import WhyChoice

_AROUND: Final = 4
"""Lines of header, headline, bar and keys."""

_EXPLAINED: Final = 11
"""Lines that evidence and remedies get before the list has more than a few."""

_HIGH: Final = 36
"""Lines of a terminal from which on there are more notes."""


class WhyScreen(HpviewScreen):
    """Reasons with their bytes, and of the chosen one evidence and remedies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "jump", "Map", tooltip="Show the range on the map"),
        Binding(
            "n", "step_range(1)", "Range", key_display="n N", tooltip="Next range of this reason"
        ),
        Binding("N", "step_range(-1)", "Previous range", show=False),
        Binding(
            "right,l",
            "step_remedy(1)",
            "Remedy",
            key_display="h l",
            tooltip="Next remedy; y copies it",
        ),
        Binding("left,h", "step_remedy(-1)", "Previous remedy", show=False),
        Binding("d", "read_smaps", "smaps", tooltip="Read smaps once; asks first, for it costs"),
        Binding("R", "reread", "Reread", tooltip="Read the process again"),
        Binding("a,escape", "app.back", "Back"),
    ]
    HELP_SIGNS: ClassVar[tuple[Sign, ...]] = signs.WHY
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("Reasons", RowList),)

    def __init__(
        self,
        glyphs: Glyphs,
        reading: Reading,
        asking: Asking,
        choice: WhyChoice,
        go_to: Callable[[int], None],
    ) -> None:
        """Make the screen.

        Args:
            glyphs: The character set.
            reading: Of the process.
            asking: Why its memory is not huge.
            choice: Where the cursor was the last time.
            go_to: Shows an address on the screen below.
        """
        super().__init__(glyphs)
        self._reading = reading
        self._asking = asking
        self._choice = choice
        self._go_to = go_to
        self._confirming = False
        self._observer = Observer(progressed=self._draw_header)
        self._header = Lines(glyphs, id="why-header")
        self._headline = Lines(glyphs, id="why-headline")
        self._list = ReasonList(glyphs, id="reasons")
        self._detail = Lines(glyphs, id="why-detail")
        self._notes = Lines(glyphs, id="why-notes")

    def body(self) -> ComposeResult:
        """Header, headline and bar, reasons, the chosen one explained, notes."""
        yield self._header
        yield self._headline
        yield self._list
        yield self._detail
        yield self._notes

    def on_mount(self) -> None:
        """Show what there is, and what comes."""
        self._list.focus()
        self._reading.subscribe(self._observer)
        self._asking.subscribe(self._show)
        self._asking.need_pages()
        self._show()

    def on_unmount(self) -> None:
        """Hear of nothing more."""
        self._reading.unsubscribe(self._observer)
        self._asking.unsubscribe(self._show)

    def on_resize(self) -> None:
        """Share the lines anew."""
        self._share_lines()

    @property
    def at_rest(self) -> bool:
        """All that can be told is told."""
        return super().at_rest and self._asking.at_rest

    @property
    def _found(self) -> Inquiry | None:
        return self._asking.found

    # -- drawing ----------------------------------------------------------------------

    def _show(self) -> None:
        found = self._found
        if found is not None:
            self._list.set_placeholder(found.answers.breakdown.words())
            self._list.show(found, self._choice.key)
            if self._list.current is not None:
                self._choice.settle(self._list.current)
        else:
            words = self._asking.problem or self._reading.problem or "reading…"
            self._list.set_placeholder(words)
        self._share_lines()
        self._draw_header()
        self._headline.paint(self._headline_lines)
        self._draw_detail()

    def _share_lines(self) -> None:
        height = self.size.height
        self._notes.styles.height = notes = len(self._note_lines(self.size.width, self._notes.inks))
        room = height - _AROUND - notes
        wanted = max(1, len(self._list.rows)) + 1
        self._list.styles.height = min(wanted, max(room - _EXPLAINED, 4))
        self._notes.paint(self._note_lines)

    def _draw_header(self) -> None:
        self._header.paint(self._header_lines)

    def _draw_detail(self) -> None:
        self._detail.paint(self._detail_lines)

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        reading, found = self._reading, self._found
        title = f"{reading.pid} {printable(reading.space.comm)}".rstrip()
        sums = None if found is None else found.answers.breakdown
        state = "as it was" if reading.problem else "reading…" if reading.partial else ""
        return [why_lines.header(title, sums, state, width, inks)]

    def _headline_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        found = self._found
        if found is None:
            return []
        sums = found.answers.breakdown
        line = why_lines.headline(sums, width, inks)
        blank = Segment(" ", inks.text)
        return [line, [blank, *bar(found, self._list.rows, width - 2, inks)] if sums.able else []]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        row, found = self._list.current, self._found
        if row is None or found is None:
            return []
        if row.told is None:
            return why_lines.plain(why_lines.NOT_COUNTED, width, inks)
        height, choice = self._detail.size.height, self._choice
        space, findings = found.answers.space, choice.findings(found, row.told)
        place = why_lines.place_of(row.told, choice.place, space)
        out: list[list[Segment]] = [[]] if self.size.height >= _HIGH else []
        out.append(why_lines.title(row.told, place, width, inks))
        out += why_lines.explained(findings, choice.remedy, width, height - len(out), inks)
        room = height - len(out)
        return out + why_lines.places(row.told, choice.place, space, width, room, inks)

    def _note_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        if self._found is None:
            return []
        most = 5 if self.size.height >= _HIGH else 2
        asked = self._question if self._confirming else ""
        return why_lines.notes(self._found, asked, width, most, inks)

    # -- what is chosen ---------------------------------------------------------------

    @property
    def _told(self) -> Told | None:
        """The reason under the cursor."""
        row = self._list.current
        return None if row is None else row.told

    @on(RowList.Moved)
    def _moved(self) -> None:
        if self._list.current is not None:
            self._choice.settle(self._list.current)
        self._turned()

    def _turned(self) -> None:
        """Somebody looks at something else, and so has not agreed to what it costs."""
        self._confirming = False
        self._draw_detail()
        self._share_lines()

    @on(RowList.Opened)
    def action_jump(self) -> None:
        """Show the chosen range on the map."""
        if self._told is not None and self.is_active:
            self._go_to(int(self._told.places["start"][self._choice.place]))
            self.dismiss()

    def action_step_range(self, step: int) -> None:
        """Look at another range of the same reason."""
        if self._told is None:
            return
        if self._choice.step_range(self._told, step):
            self._turned()
        else:
            which = "last" if step > 0 else "largest"
            self.notify(f"this is the {which} range of this reason")

    def action_step_remedy(self, step: int) -> None:
        """Choose another remedy."""
        if self._told is not None and self._found is not None:
            self._choice.step_remedy(self._found, self._told, step)
            self._turned()

    # -- doing ------------------------------------------------------------------------

    @property
    def _question(self) -> str:
        totals = self._reading.space.totals
        return (
            f"Reading smaps of {thousands(totals.vmas)} VMAs with {units.size(totals.resident)} "
            "takes tens of milliseconds to seconds, in which whatever maps memory in the process "
            "waits: d again reads it."
        )

    def action_read_smaps(self) -> None:
        """Name the cost of reading smaps; the second time, read it."""
        if self._confirming:
            self._confirming = False
            self._asking.read_smaps()
        elif self._reading.problem:
            self.notify("the process is gone, or may not be read any more", severity="warning")
        else:
            self._confirming = True
        self._share_lines()

    def action_reread(self) -> None:
        """Read the process again."""
        self._reading.begin()

    def data(self) -> Sequence[Exportable]:
        """The answers."""
        return self._asking.data()

    def copy_text(self) -> str:
        """The text of the chosen remedy."""
        if self._told is None or self._found is None:
            return ""
        return self._choice.text(self._found, self._told)

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self._reading.pid}-why"
