"""The screen of all processes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input
from textual.worker import get_current_worker

from hpview import units
from hpview.errors import AccessDenied
from hpview.export import exportable
from hpview.machine import Stopped
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui.paint import bar, joined, thousands
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.process_list import ProcessList
from hpview.ui.widgets.rows import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.worker import Worker

    from hpview.export.exportable import Exportable
    from hpview.machine import Process, Snapshot
    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.ui.palette import Glyphs, Inks


class ProcessesScreen(HpviewScreen):
    """Every process, refreshed while it is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Look at the process"),
        # With priority the focus has moved before the next key is looked at; else what is typed
        # fast behind the slash goes where the slash went, to the list.
        Binding(
            "slash", "filter", "Filter", tooltip="Filter by pid, user or command", priority=True
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
        Binding("r", "reverse", "Reverse", tooltip="Reverse the order"),
        Binding("R", "read", "Refresh", show=False, tooltip="Refresh now"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("List", RowList),)

    def __init__(self, services: Services, glyphs: Glyphs, settings: Settings) -> None:
        super().__init__(glyphs)
        self._services = services
        self._settings = settings
        self._snapshot: Snapshot | None = None
        self._reading = False
        self._not_before = 0.0
        self._timer: Timer | None = None
        self._list = ProcessList(glyphs, id="processes")
        self._list.set_placeholder("reading the processes…")
        self._strip = Lines(glyphs, id="machine")
        self._notice = Lines(glyphs, id="notice")
        self._detail = Lines(glyphs, id="process-detail")
        self._prompt = Lines(glyphs, id="filter-prompt")
        self._input = Input(id="filter", placeholder="pid, user or command", compact=True)

    def body(self) -> ComposeResult:
        """Machine strip, list, filter, detail line."""
        yield self._strip
        yield self._notice
        yield self._list
        yield self._detail
        with Horizontal(id="filter-line"):
            yield self._prompt
            yield self._input

    def on_mount(self) -> None:
        """Paint what does not wait for data."""
        self._strip.paint(self._strip_lines)
        self._detail.paint(self._detail_lines)
        self._prompt.paint(lambda _width, inks: [[Segment(" /", inks.accent)]])
        notice = printable(self._services.notice)
        self._notice.display = bool(notice)
        self._notice.paint(lambda _width, inks: [[Segment(f" {notice}", inks.warn)]])
        self._list.focus()
        self.settings_changed()

    def settings_changed(self) -> None:
        """Refresh as often as the user chose."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(self._settings.refresh, self._tick)

    def on_screen_resume(self) -> None:
        """Refresh at once when the list comes back to the top."""
        self.action_read()

    @property
    def shows_data(self) -> bool:
        """There is a list, if an old one."""
        return self._snapshot is not None

    def _tick(self) -> None:
        """Refresh, but spend no more than a tenth of the time on it."""
        if time.monotonic() >= self._not_before:
            self.action_read()

    def action_read(self) -> None:
        """Take a snapshot unless one is being taken or nobody sees it."""
        if self.is_active and not self._reading:
            self._reading = True
            self._read()

    @work(
        thread=True,
        exclusive=True,
        group="snapshot",
        exit_on_error=False,
        description="Reading all processes",
    )
    def _read(self) -> None:
        worker = get_current_worker()
        try:
            snapshot = self._services.snapshot(lambda: worker.is_cancelled)
        except Stopped:
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self._take, snapshot)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Allow the next snapshot after one that failed; the base class tells the failure."""
        if event.worker.is_finished:
            self._reading = False

    def _take(self, snapshot: Snapshot) -> None:
        first = self._snapshot is None
        self._reading = False
        self._snapshot = snapshot
        self._not_before = time.monotonic() + 9 * snapshot.seconds
        self._list.show(snapshot.processes)
        self._say_why_empty()
        self._strip.paint(self._strip_lines)
        if first:
            self.post_message(self.Settled())

    def _say_why_empty(self) -> None:
        words = f"no process matches {printable(self._list.words)!r}"
        self._list.set_placeholder(words if self._list.words else "no processes")

    def _strip_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        left = [Segment(" hpview ", inks.strong)]
        snapshot = self._snapshot
        if snapshot is None:
            words = f" {self._services.backend}"
            return [[*left, Segment(words, inks.dim)]]
        huge_1g = sum(p.bytes_1g or 0 for p in snapshot.processes)
        huge_2m = sum(p.bytes_2m or 0 for p in snapshot.processes)
        small = sum(p.bytes_4k or 0 for p in snapshot.processes)
        swap = sum(p.bytes_swap for p in snapshot.processes)
        parts = [
            (CellClass.HUGE_1G, huge_1g),
            (CellClass.HUGE_2M, huge_2m),
            (CellClass.FULL_4K, small),
        ]
        count = f"{thousands(len(snapshot.processes))} processes"
        unread = [f"{thousands(snapshot.unreadable)} unreadable"] * bool(snapshot.unreadable)
        took = [snapshot.source.label, f"{snapshot.seconds * 1000:.0f} ms"]
        dot = inks.glyphs.text(" · ")
        line = left
        for facts, size, bar_width in (
            ([count, *unread, *took], units.size, width // 6),
            ([count, *unread, *took], units.short, width // 8),
            ([count, *took], units.short, 0),
            ([count], units.short, 0),
        ):
            drawn = [*left, Segment(" ", inks.text), *(bar(parts, bar_width, inks))]
            for word, total in (("huge", huge_1g + huge_2m), ("4k", small), ("swap", swap)):
                drawn.append(Segment(f"  {word} ", inks.dim))
                drawn.append(Segment(size(total), inks.strong if total else inks.dim))
            line = joined(drawn, [Segment(f"{dot.join(facts)} ", inks.dim)], width, inks)
            if line is not drawn:
                break
        return [line]

    def _detail_lines(self, _width: int, inks: Inks) -> list[list[Segment]]:
        process = self._list.current
        if process is None:
            return [[]]
        out = [Segment(f" {process.pid} ", inks.strong)]
        if process.huge is None:
            out.append(Segment(f"{self._refusal(process.pid)}  ", inks.warn))
        out.append(Segment(printable(process.shown_command), inks.dim))
        return [out]

    def _refusal(self, pid: int) -> AccessDenied:
        """Why there is nothing of a process; the iterator asks for no right to trace it."""
        if self._services.backend == "bpf":
            return AccessDenied(pid, "the kernel shows nothing of it")
        return AccessDenied(pid)

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._detail.paint(self._detail_lines)

    @on(RowList.Opened)
    def action_open(self) -> None:
        """Open the process under the cursor."""
        process: Process | None = self._list.current
        if process is not None:
            self.post_message(self.ProcessChosen(process.pid))

    @on(RowList.HeadingClicked)
    def _sort_at(self, event: RowList.HeadingClicked) -> None:
        self._list.sort_at(event.x)

    def action_sort(self, step: int) -> None:
        """Sort by a neighbouring column."""
        self._list.move_sort(step)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._list.flip()

    def action_filter(self) -> None:
        """Type a filter."""
        self.add_class("-filtering")
        self.set_focus(self._input)  # at once, where focus() waits for a refresh

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the filter itself a slash is text."""
        if action == "filter" and self._input.has_focus:
            return False
        return super().check_action(action, parameters)

    def action_unfilter(self) -> None:
        """Drop the filter."""
        self._input.value = ""
        self.remove_class("-filtering")
        self._list.focus()

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self._list.filter(event.value)
        self._say_why_empty()

    @on(Input.Submitted)
    def _filtered(self, event: Input.Submitted) -> None:
        self._list.focus()
        if not event.value:
            self.remove_class("-filtering")

    def data(self) -> Sequence[Exportable]:
        """The processes shown, and all where a filter hides some."""
        snapshot = self._snapshot
        if snapshot is None:
            return ()
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
