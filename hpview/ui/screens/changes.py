"""The screen of what changed while a process was watched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType

from hpview import units
from hpview.export import exportable
from hpview.space.changes import ChangeKind
from hpview.space.runs import slots_of
from hpview.ui.marks import SENTENCES, WORDS
from hpview.ui.paint import clipped, joined
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.watch import seconds_words
from hpview.ui.widgets.change_list import ChangeList, shown_name
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.watch import Watch

_FILTERS: tuple[ChangeKind | None, ...] = (None, *ChangeKind)


class ChangesScreen(HpviewScreen):
    """What changed, the newest first; it goes on while this is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "jump", "Show", tooltip="Show the range on the map"),
        Binding("f", "filter(1)", "Kind", key_display="f F", tooltip="Only the next kind, or all"),
        Binding("F", "filter(-1)", "Kind", show=False, tooltip="Only the kind before, or all"),
        Binding("w", "watch", "Watch", tooltip="Watch the process, or no more"),
        Binding(
            "less_than_sign,comma",
            "interval(-1)",
            "Interval",
            key_display="< >",
            tooltip="Read more often",
        ),
        Binding(
            "greater_than_sign,full_stop",
            "interval(1)",
            "Interval",
            show=False,
            tooltip="Read less often",
        ),
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("List", RowList),)

    def __init__(
        self,
        glyphs: Glyphs,
        watch: Watch,
        go_to: Callable[[int], None],
    ) -> None:
        """Make the screen.

        Args:
            glyphs: The character set.
            watch: Where the changes come from.
            go_to: Shows an address on the screen below.
        """
        super().__init__(glyphs)
        self._watch = watch
        self._go_to = go_to
        self._kind: ChangeKind | None = None
        self._header = Lines(glyphs, id="changes-header")
        self._list = ChangeList(glyphs, watch, id="changes")
        self._detail = Lines(glyphs, id="change-detail")

    def body(self) -> ComposeResult:
        """Header, list, detail."""
        yield self._header
        yield self._list
        yield self._detail

    def on_mount(self) -> None:
        """Show what there is, and what comes."""
        self._list.focus()
        self._watch.subscribe(self._show)
        self._show()

    def on_unmount(self) -> None:
        """Hear of nothing more."""
        self._watch.unsubscribe(self._show)

    def _show(self) -> None:
        self._list.show(self._kind)
        self._list.set_placeholder(self._why_empty())
        self._header.paint(self._header_lines)
        self._detail.paint(self._detail_lines)

    def _why_empty(self) -> str:
        watch = self._watch
        if self._kind is not None and len(watch.log.rows):
            return f"nothing here {SENTENCES[self._kind]}; F shows the other kinds"
        if not watch.on:
            return "the process is not watched: w begins"
        if not watch.log.scans:
            return "reading the process a second time…"
        return f"watching every {seconds_words(watch.interval)}: nothing has changed so far"

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        watch = self._watch
        dot = inks.glyphs.text(" · ")
        left = [
            Segment(f" hpview {inks.glyphs.crumb} ", inks.dim),
            Segment(self._watch.title, inks.strong),
            Segment(f" {inks.glyphs.crumb} ", inks.dim),
            Segment("changes", inks.strong),
        ]
        often = f"watch {seconds_words(watch.interval)}" if watch.on else "not watched"
        kind = f"only {WORDS[self._kind]}" if self._kind else "all kinds"
        facts = [kind, f"{thousands(self._list.row_count)} of {thousands(watch.log.total)}"]
        readings = f"{thousands(watch.log.scans)} reading{'s' * (watch.log.scans != 1)}"
        right = [
            Segment(often, inks.accent if watch.on else inks.dim),
            Segment(f"{dot}{dot.join([readings, *facts])} ", inks.dim),
        ]
        short = [Segment(f"{often}{dot}{kind} ", inks.dim)]
        line = joined(left, right, width, inks)
        return [line if line is not left else joined(left, short, width, inks)]

    def _detail_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        row = self._list.current
        if row is None:
            return []
        dot = inks.glyphs.text(" · ")
        start, end = int(row["start"]), int(row["end"])
        slots = int(slots_of(row["start"], row["end"]))
        what = SENTENCES[ChangeKind(int(row["kind"]))]
        size = f"{units.size(end - start)}, {thousands(slots)} slot{'s' * (slots != 1)}"
        clock = time.strftime("%H:%M:%S", self._watch.wall_time(float(row["when"])))
        scan = Segment(f"{clock}, reading {thousands(int(row['scan']))} ", inks.dim)
        first = [
            Segment(f" {start:012x}-{end:012x}", inks.strong),
            Segment(f"  {what}{dot}{size}", inks.text),
        ]
        told = f" was {_words(row, 'was')}{dot}is {_words(row, 'is')}{dot}"
        name = inks.glyphs.text(shown_name(row))
        room = width - len(told) - 1
        return [
            joined(first, [scan], width, inks),
            [
                Segment(told, inks.text),
                Segment(clipped(name, room, tail=True, more=inks.glyphs.more), inks.dim),
            ],
        ]

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._detail.paint(self._detail_lines)

    @on(RowList.Opened)
    def action_jump(self) -> None:
        """Show the change on the map."""
        row = self._list.current
        if row is not None and self.is_active:
            self._go_to(int(row["start"]))
            self.dismiss()

    def action_filter(self, step: int) -> None:
        """Show only the next kind, or all."""
        at = _FILTERS.index(self._kind) + step
        self._kind = _FILTERS[at % len(_FILTERS)]
        self._show()

    def action_watch(self) -> None:
        """Watch the process, or no more."""
        self._watch.toggle()

    def action_interval(self, step: int) -> None:
        """Read less or more often."""
        self._watch.step_interval(step)

    def data(self) -> Sequence[Exportable]:
        """All of the log, whatever kind is shown."""
        rows = self._watch.log.rows
        if not len(rows):
            return ()
        return [exportable.changes(self._watch.pid, rows, self._watch.epoch)]

    def copy_text(self) -> str:
        """The first address of the range."""
        row = self._list.current
        return hex(int(row["start"])) if row is not None else ""

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self._watch.pid}-changes"


def _words(row: np.void, when: str) -> str:
    parts = []
    for field, word in (("huge", "huge"), ("4k", "4k"), ("swap", "swap")):
        size = int(row[f"{when}_{field}"])
        if size:
            parts.append(f"{word} {units.size(size)}")
    return " + ".join(parts) or "nothing"
