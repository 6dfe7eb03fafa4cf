"""The screen of all processes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType

from hpview.errors import AccessDenied
from hpview.export import exportable
from hpview.machine_state import UNREAD
from hpview.roster.arrange import Shape
from hpview.text import printable
from hpview.ui import signs
from hpview.ui.paint import fitted
from hpview.ui.screens.columns import ColumnsScreen
from hpview.ui.screens.live import LiveScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.process_detail import detail_lines
from hpview.ui.widgets.process_list import ProcessList
from hpview.ui.widgets.process_strip import Facts, gap, legend_line, machine_line, sums
from hpview.ui.widgets.prompt import Prompt
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands
from hpview.wire import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.signs import Sign


_PLACEHOLDER: Final = "words, user:root, cov<50, gap>1G, !term"


class ProcessesScreen(LiveScreen):
    """Every process, refreshed while it is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Look at the process; fold or unfold a group"),
        # With priority the focus has moved before the next key is looked at; else what is typed
        # fast behind the slash goes where the slash went, to the list.
        Binding(
            "slash",
            "filter",
            "Filter",
            tooltip="Filter: words, user:NAME, cov<50, gap>1G",
            priority=True,
        ),
        Binding("escape", "unfilter", "Clear filter", show=False, tooltip="Clear the filter"),
        Binding(
            "less_than_sign,comma",
            "sort(-1)",
            "Sort",
            key_display="< >",
            tooltip="Sort by the column to the left",
        ),
        Binding(
            "greater_than_sign,full_stop",
            "sort(1)",
            "Sort",
            show=False,
            tooltip="Sort by the column to the right",
        ),
        Binding("r", "reverse", "Reverse", show=False, tooltip="Reverse the order"),
        Binding("t", "put_together('TREE')", "Tree", tooltip="Children below parents, or flat"),
        Binding("u", "put_together('USER')", "User", tooltip="Group by user, or flat"),
        Binding("c", "put_together('CGROUP')", "Cgroup", tooltip="Group by cgroup, or flat"),
        Binding("o", "columns", "Columns", tooltip="Choose the columns"),
        Binding("m", "machine", "Machine", tooltip="Whether it has huge pages, and who holds them"),
        Binding("R", "read", "Refresh", show=False, tooltip="Refresh now"),
    ]
    HELP_SIGNS: ClassVar[tuple[Sign, ...]] = signs.LIST
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("List", RowList), ("", ProcessList))

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings) -> None:
        super().__init__(services, glyphs, settings)
        self._list = ProcessList(glyphs, settings, id="processes")
        self._list.set_placeholder("reading the processes…")
        self._strip = Lines(glyphs, id="machine")
        self._notice = Lines(glyphs, id="notice")
        self._notice.display = False
        self._told: tuple[str, ...] = ()
        self._detail = Lines(glyphs, id="process-detail")
        self._prompt = Prompt(glyphs, id="prompt")

    def body(self) -> ComposeResult:
        """Machine strip, list, filter, detail lines."""
        yield self._strip
        yield self._notice
        yield self._list
        yield self._detail
        yield self._prompt

    def on_mount(self) -> None:
        """Paint what does not wait for data."""
        self._strip.paint(self._strip_lines)
        self._detail.paint(self._detail_lines)
        self._show_notices()
        self._list.focus()
        super().on_mount()

    def _show_notices(self) -> None:
        """Why something is done without: a line each."""
        told = self.services.notices()
        if told == self._told:
            return
        self._told = told
        self._notice.display = bool(told)
        self._notice.styles.height = len(told)
        self._notice.paint(self._notice_lines)

    def _notice_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        more = inks.glyphs.text("…")
        return [
            [Segment(fitted(f" {printable(notice)}", width, more=more), inks.warn)]
            for notice in self._told
        ]

    def show_census(self) -> None:
        """Draw what there is now."""
        self._show_notices()
        self._list.show(self.census.processes)
        self._strip.tooltip = Text(printable(self.polled_because)) if self.polled_because else None
        self._rearranged()

    def _rearranged(self) -> None:
        """Paint what hangs on the list at once: a message would come a frame later."""
        self._say_why_empty()
        self._strip.paint(self._strip_lines)
        self._moved()

    def _say_why_empty(self) -> None:
        words = f"no process matches {printable(self._list.words)!r}"
        self._list.set_placeholder(words if self._list.words else "no processes")

    def _strip_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        processes = self.census.processes
        facts = Facts(
            matching=len(self._list.shown),
            processes=len(processes),
            sums=sums(processes),
            gap=gap(processes),
            live=self.live,
            polled_because=printable(self.polled_because),
        )
        state = self.snapshot.state if self.snapshot is not None else UNREAD
        return [
            machine_line(state, width, inks),
            legend_line(self.snapshot, facts, width, inks),
        ]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        process = self._list.current
        refusal = str(self._refusal(process.pid)) if process is not None else ""
        return detail_lines(self._list.current_line, refusal, width, inks)

    def _refusal(self, pid: int) -> AccessDenied:
        """Why there is nothing of a process; the iterator asks for no right to trace it."""
        if self.snapshot is not None and self.snapshot.source is Source.BPF:
            return AccessDenied(pid, "the kernel shows nothing of it")
        return AccessDenied(pid)

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._detail.paint(self._detail_lines)

    @on(RowList.Opened)
    def action_open(self) -> None:
        """Open the process under the cursor; of a group, fold or unfold it."""
        process = self._list.current
        if process is not None:
            self.post_message(self.ProcessChosen(process.pid))
        else:
            self._list.toggle_fold()

    def action_put_together(self, shape: str) -> None:
        """Show a tree, groups, or the flat list again."""
        self._list.put_together(Shape[shape])
        self._moved()

    def action_columns(self) -> None:
        """Choose the columns."""
        self.app.push_screen(
            ColumnsScreen(
                self.glyphs, self.settings, self._list.fitting, self._list.columns_changed
            )
        )

    def action_machine(self) -> None:
        """Show the machine."""
        self.post_message(self.MachineWanted())

    @on(RowList.HeadingClicked)
    def _sort_at(self, event: RowList.HeadingClicked) -> None:
        self._list.sort_at(event.x)
        self._moved()

    def action_sort(self, step: int) -> None:
        """Sort by a neighbouring column."""
        self._list.move_sort(step)
        self._moved()

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._list.flip()
        self._moved()

    def action_filter(self) -> None:
        """Type a filter."""
        self._prompt.open("/", _PLACEHOLDER, self._list.words)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the filter itself a slash is text."""
        if action == "filter" and self._prompt.is_typed_into:
            return False
        return super().check_action(action, parameters)

    def action_unfilter(self) -> None:
        """Drop the filter."""
        self._prompt.close()
        self._list.filter("")
        self._rearranged()
        self._list.focus()

    @on(Prompt.Changed)
    def _filter(self, event: Prompt.Changed) -> None:
        self._prompt.tell(self._list.filter(event.text))
        self._rearranged()

    @on(Prompt.Submitted)
    def _filtered(self, event: Prompt.Submitted) -> None:
        self._list.focus()
        if not event.text:
            self._prompt.close()

    def data(self) -> Sequence[Exportable]:
        """The processes shown, and all where a filter hides some."""
        snapshot = self.snapshot
        if snapshot is None:
            return ()
        snapshot = replace(snapshot, processes=self.census.processes)
        shown = replace(snapshot, processes=tuple(self._list.shown))
        both = (shown, snapshot) if self._list.words else (shown,)
        words = ("{} shown", "all {}") if self._list.words else ("{} processes",)
        return [
            exportable.processes(some, form.format(thousands(len(some.processes))))
            for some, form in zip(both, words, strict=True)
        ]

    def copy_text(self) -> str:
        """The pid."""
        process = self._list.current
        return str(process.pid) if process is not None else ""

    def picture_name(self) -> str:
        """There is no pid here."""
        return "hpview-list"
