"""The protocol at work: each read of a process, and what the iterator remembers between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container

from hpview import units
from hpview.export import exportable
from hpview.readlog import told
from hpview.stream.base import CHUNK_SIZE
from hpview.text import printable
from hpview.ui.paint import joined, width_of
from hpview.ui.reading import Observer
from hpview.ui.screens.base import WIDTHS, HpviewScreen
from hpview.ui.widgets import footing, resume_picture
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.read_list import ReadList
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.reading import Reading

SIZES: Final = (1, 64, 512, 4096, CHUNK_SIZE)
"""Bytes that a read may ask for: less than a record, one, and up to the kernel's buffer."""

_WIDTHS: Final = [*WIDTHS, (150, "-very-wide")]
_ANEW: Final = "space or . begin anew, chunk by chunk"


class ProtocolScreen(HpviewScreen):
    """The log of a reading, which can be stopped between two reads."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause, go on", tooltip="Pause reading, or go on"),
        Binding("full_stop", "step", "One chunk", tooltip="Read one chunk, then pause"),
        Binding(
            "less_than_sign",
            "size(-1)",
            "Chunk size",
            key_display="< >",
            tooltip="Ask for fewer bytes with each read",
        ),
        Binding(
            "greater_than_sign",
            "size(1)",
            "Larger chunks",
            show=False,
            tooltip="Ask for more bytes with each read",
        ),
        Binding("R", "reread", "Reread", tooltip="Read again from the start; paused stays paused"),
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("Log of reads", RowList),)

    HORIZONTAL_BREAKPOINTS = _WIDTHS

    def __init__(self, reading: Reading, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.reading = reading
        self._observer = Observer(progressed=self._draw, done=lambda *_: self._draw())
        self._header = Lines(glyphs, id="protocol-header")
        self._log = ReadList(glyphs, id="reads")
        self._picture = Lines(glyphs, id="resume")
        self._status = Lines(glyphs, id="protocol-status")

    def body(self) -> ComposeResult:
        """Header, log and picture, status."""
        yield self._header
        with Container(id="protocol"):
            yield self._log
            yield self._picture
        yield self._status

    def on_mount(self) -> None:
        """Show what was read so far, and what comes."""
        self._log.set_placeholder("no read yet")
        self._log.focus()
        self.reading.subscribe(self._observer)
        self._draw()

    def on_unmount(self) -> None:
        """Be told no more."""
        self.reading.unsubscribe(self._observer)

    @property
    def shows_data(self) -> bool:
        """There is a log."""
        return True

    def _draw(self) -> None:
        self._log.show(self.reading.log)
        self._header.paint(self._header_lines)
        self._picture.paint(self._picture_lines)
        self._status.paint(self._status_lines)

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        reading = self.reading
        left = [
            Segment(" hpview ", inks.dim),
            Segment(f"{inks.glyphs.crumb} ", inks.dim),
            Segment(f"{reading.pid} {printable(reading.space.comm)}".rstrip(), inks.strong),
            Segment(f" {inks.glyphs.crumb} ", inks.dim),
            Segment("protocol", inks.strong),
        ]
        right = [
            Segment("each read asks for ", inks.dim),
            Segment(f"{thousands(reading.control.size)} B", inks.strong),
            Segment(inks.glyphs.text(f" · reading {reading.number} "), inks.dim),
        ]
        return [joined(left, right, width, inks)]

    def _picture_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        read = self._log.current
        return resume_picture.picture(read, width, inks) if read is not None else []

    def _status_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        reading = self.reading
        log, progress = reading.log, reading.progress
        if reading.problem:
            return [[Segment(f" {reading.problem}", inks.warn)]]
        words, fine = footing.state_words(reading.space, progress)
        left = [Segment(f" {inks.glyphs.text(words)}", inks.strong if fine else inks.warn)]
        if not reading.busy:
            left.append(Segment(inks.glyphs.text(f" · {_ANEW}"), inks.accent))
        elif reading.paused:
            left.append(Segment(inks.glyphs.text(" · space goes on"), inks.accent))
        facts = [f"{thousands(log.total)} read{'s' * (log.total != 1)}", f"{log.agains} EAGAIN"]
        if progress is not None:
            facts.append(units.size(progress.bytes))
            facts.append(f"{progress.seconds * 1000:.1f} ms")
            facts.append(progress.source.label)
        dot = inks.glyphs.text(" · ")
        while len(facts) > 1 and width_of(left) + len(dot.join(facts)) + 3 > width:
            facts.pop()
        return [joined(left, [Segment(f"{dot.join(facts)} ", inks.dim)], width, inks)]

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._picture.paint(self._picture_lines)

    def action_pause(self) -> None:
        """Pause or go on; a reading that is over begins anew, paused."""
        reading = self.reading
        if not reading.busy:
            reading.hold()
        elif reading.paused:
            reading.go()
        else:
            reading.pause()

    def action_step(self) -> None:
        """Read once; of a new reading if the last one is over."""
        self.reading.step()

    def action_size(self, step: int) -> None:
        """Ask for fewer or more bytes."""
        size = self.reading.control.size
        others = [s for s in SIZES if (s > size if step > 0 else s < size)]
        if others:
            self.reading.resize(min(others) if step > 0 else max(others))

    def action_reread(self) -> None:
        """Read from the start."""
        self.reading.begin()
        self._draw()

    def data(self) -> Sequence[Exportable]:
        """The log, as far as it is kept."""
        log = self.reading.log
        return [exportable.reads(self.reading.pid, tuple(log))] if len(log) else ()

    def copy_text(self) -> str:
        """The read under the cursor in words."""
        read = self._log.current
        return f"read {read.number}: {told(read)}" if read is not None else ""

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self.reading.pid}-protocol"
