"""The screen of the machine: can it give huge pages, who has them, who pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container

from hpview.export import exportable
from hpview.export.machine import Report
from hpview.host.unread import Unread
from hpview.settings import LONGEST
from hpview.ui.machine import numbers
from hpview.ui.machine.readings import LEDGER, PROCESSES, SAMPLE, Readings
from hpview.ui.machine.sections import SECTIONS, Source
from hpview.ui.paint import joined
from hpview.ui.screens.tables import TablesScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.machine_list import TableList
from hpview.ui.widgets.machine_overview import MachineOverview
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from hpview.export.exportable import Exportable
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.ui.machine.sections import Section
    from hpview.ui.machine.seen import Seen
    from hpview.ui.palette import Glyphs, Inks

    T = TypeVar("T")

_GRIDS: Final = ((240, 50, 3), (150, 54, 2))
"""Columns and lines from which on all sections are shown, and in how many columns."""

_LOW: Final = 22
"""Lines below which the overview is one line."""


class MachineScreen(TablesScreen):
    """Sections below an overview; read again and again while it is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Look at the process under the cursor"),
        *(
            Binding(
                str(number),
                f"section({number})",
                "Section",
                key_display=f"1-{len(SECTIONS)}",
                show=number == 1,
                tooltip=f"{section.name.capitalize()}: {section.question}",
            )
            for number, section in enumerate(SECTIONS, 1)
        ),
        Binding("tab,right,l", "step(1)", "Next", tooltip="The next section", priority=True),
        Binding(
            "shift+tab,left,h",
            "step(-1)",
            "Before",
            show=False,
            tooltip="The section before",
            priority=True,
        ),
        Binding("space", "pause", "Pause", tooltip="Read no more by itself, or again"),
        Binding("R", "read", "Read now", tooltip="Read now what is shown, even when paused"),
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("Section", RowList),)

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings) -> None:
        super().__init__(glyphs, "machine-detail")
        self.readings = Readings(self, services, self._draw)
        self.paused = False
        self._settings = settings
        self._timer: Timer | None = None
        self._chosen = 1
        self._columns = 1
        self._header = Lines(glyphs, id="machine-header")
        self._overview = MachineOverview(glyphs)
        self._lists = [
            TableList(glyphs, f"{n} {section.name.upper()}", section.question, id=f"section-{n}")
            for n, section in enumerate(SECTIONS, 1)
        ]

    def body(self) -> ComposeResult:
        """Header, overview, sections, detail."""
        yield self._header
        yield self._overview
        with Container(id="machine-sections"):
            yield from self._lists
        yield self.detail

    def on_mount(self) -> None:
        """Begin to read."""
        for shown in self._lists:
            shown.set_placeholder("reading…")
        self._lay_out()
        self.settings_changed()

    def settings_changed(self) -> None:
        """Read as often as the user chose."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(self._settings.refresh, self._tick)
        self._draw()

    def on_screen_resume(self) -> None:
        """Read at once when it comes to the top."""
        self._tick()

    def on_resize(self, event: events.Resize) -> None:
        """All sections at once where there is room."""
        width, height = event.size
        self._columns = next((n for w, h, n in _GRIDS if width >= w and height >= h), 1)
        self._overview.styles.height = len(SECTIONS) if height >= _LOW else 1
        self.fit_detail(width, height)
        self._lay_out()

    # -- what is shown ----------------------------------------------------------------

    @property
    def seen(self) -> Seen:
        """What was read."""
        return self.readings.seen

    @property
    def shows_data(self) -> bool:
        """Something was read."""
        return self.seen.sample is not None

    @property
    def current_list(self) -> TableList:
        """The section that was chosen."""
        return self._lists[self._chosen - 1]

    @property
    def _shown(self) -> list[tuple[Section, TableList]]:
        """The sections on the screen."""
        both = list(zip(SECTIONS, self._lists, strict=True))
        return both if self._columns > 1 else [both[self._chosen - 1]]

    @property
    def _wanted(self) -> set[Source]:
        return {source for section, _ in self._shown for source in section.needs}

    def _lay_out(self) -> None:
        """Lay the sections out, give the chosen one the focus, read what it needs."""
        for number in (1, 2, 3):
            self.set_class(number == self._columns, f"-columns-{number}")
        shown = [each for _, each in self._shown]
        for each in self._lists:
            each.display = each in shown
        self.current_list.focus()
        self._draw()
        self._tick()

    def _tick(self) -> None:
        if self.is_active and not self.paused:
            self.readings.look(self._wanted)

    def _draw(self) -> None:
        for section, shown in self._shown:
            shown.show(section.tables(self.seen), self._state(section))
        ages = [self.readings.age(section.needs) for section in SECTIONS]
        self._overview.show(self.seen, self._chosen, ages)
        self._header.paint(self._header_lines)
        self.draw_detail()

    def _state(self, section: Section) -> str:
        """What reading a section took, if that was something of its own."""
        needs, costs = section.needs, self.readings.costs
        if Source.LEDGER in needs and self.seen.ledger is not None:
            pages = thousands(self.seen.ledger.pages)
            return f"{pages} pages read · {numbers.seconds(costs[LEDGER])}"
        if Source.PROCESSES in needs and PROCESSES in costs:
            many = thousands(len(self.seen.processes))
            return f"{many} processes · {numbers.seconds(costs[PROCESSES])}"
        return ""

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        left = [
            Segment(" hpview ", inks.dim),
            Segment(f"{inks.glyphs.crumb} ", inks.dim),
            Segment("machine", inks.strong),
        ]
        took = self.readings.costs.get(SAMPLE)
        cost = inks.glyphs.text(f" · {numbers.seconds(took)} ") if took is not None else " "
        if self.paused:
            right = [Segment("paused: space goes on", inks.warn), Segment(cost, inks.dim)]
        else:
            every = self._settings.refresh
            often = f"every {every:g} s" if every < LONGEST else "read once"
            right = [Segment(often, inks.accent), Segment(cost, inks.dim)]
        return [joined(left, right, width, inks)]

    # -- keys -------------------------------------------------------------------------

    @on(RowList.Opened)
    def action_open(self) -> None:
        """Open the process under the cursor."""
        row = self.current_list.current
        if row is not None and row.pid is not None:
            self.post_message(self.ProcessChosen(row.pid))

    def action_section(self, number: int) -> None:
        """Show a section."""
        self._chosen = number
        self._lay_out()

    def action_step(self, step: int) -> None:
        """Show a neighbouring section."""
        self.action_section((self._chosen - 1 + step) % len(SECTIONS) + 1)

    @on(MachineOverview.Chosen)
    def _clicked(self, event: MachineOverview.Chosen) -> None:
        self.action_section(event.number)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click into a section chooses it."""
        if isinstance(event.widget, TableList) and event.widget is not self.current_list:
            self._chosen = self._lists.index(event.widget) + 1
            self._draw()

    def action_pause(self) -> None:
        """Read no more by itself, or again."""
        self.paused = not self.paused
        self._header.paint(self._header_lines)
        if not self.paused:
            self.action_read()

    def action_read(self) -> None:
        """Read now."""
        self.readings.look(self._wanted, now=True)

    def data(self) -> Sequence[Exportable]:
        """All that was read, of whatever section."""
        seen = self.seen
        if seen.sample is None:
            return ()
        report = Report(
            sample=seen.sample,
            before=seen.before,
            ledger=_or_unread(seen.ledger),
            delays=_or_unread(seen.delays),
            snapshot=_or_unread(seen.snapshot),
        )
        return [exportable.machine(report)]

    def picture_name(self) -> str:
        """There is no pid here."""
        return "hpview-machine"


def _or_unread(part: T | None) -> T | Unread:
    """What was read, or that nobody asked for it yet."""
    return Unread("the machine screen", "its section was not opened") if part is None else part
