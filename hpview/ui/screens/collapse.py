"""Asks whether memory is to be collapsed, shows how it goes, and tells what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.worker import Worker, WorkerState

from hpview.acting.plan import CannotCollapse
from hpview.errors import HpviewError
from hpview.ui import collapse_lines, palette
from hpview.ui.collapsing import GROUP, Collapsing, Stage
from hpview.ui.widgets.key_line import keys
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.segment import Segment
    from textual import events
    from textual.app import ComposeResult

    from hpview.services import Services
    from hpview.ui.collapsing import Span
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.reading import Reading
    from hpview.ui.screens.base import HpviewScreen

_WIDTH: Final = 78
_FRAME: Final = 6
"""Terminal cells of the box beside the words: a border, which not all themes have, and blanks."""

_LEAVE: Final = {
    Stage.RUNNING: Binding("escape", "leave", "Stop"),
    Stage.STOPPING: None,
    Stage.TOLD: Binding("escape", "leave", "Back"),
}
"""What Escape is called where there is nothing to be left alone."""


class CollapseScreen(ModalScreen[bool]):
    """Dismissed with whether anything was tried.

    Args:
        glyphs: The character set.
        services: Of the app; they have an ``act``.
        reading: Of the process.
        span: Where.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer", "Answer", tooltip="Take the answer that is marked"),
        Binding("y", "collapse", "Collapse", tooltip="Have the kernel collapse it now"),
        Binding(
            "left,right,h,l,tab,shift+tab",
            "switch",
            "Other answer",
            key_display="Left Right",
            tooltip="Mark the other answer",
        ),
        Binding("escape,n", "leave", "Leave", tooltip="Leave it alone; stop what is under way"),
    ]

    def __init__(self, glyphs: Glyphs, services: Services, reading: Reading, span: Span) -> None:
        super().__init__()
        self.collapsing = Collapsing(self, services, reading, span, self._draw)
        self._answer = 0
        self._lines = Lines(glyphs, id="collapse-lines")
        self._keys = Lines(glyphs, id="collapse-keys")

    def compose(self) -> ComposeResult:
        """What it is about, then the keys."""
        with Vertical(id="collapse"):
            yield self._lines
            yield self._keys

    def on_mount(self) -> None:
        """Take hold of the process."""
        self.collapsing.begin()

    def on_unmount(self) -> None:
        """Let it go."""
        self.collapsing.close()

    def on_resize(self) -> None:
        """Use the width there is."""
        self._draw()

    @property
    def at_rest(self) -> bool:
        """Nothing will change before somebody presses a key."""
        return self.collapsing.stage in (Stage.ASKING, Stage.IMPOSSIBLE, Stage.TOLD)

    def _draw(self) -> None:
        width = max(1, min(_WIDTH, self.size.width) - _FRAME)

        def painted(_width: int, inks: Inks) -> list[list[Segment]]:
            return collapse_lines.lines(self.collapsing, self._answer, width, inks)

        self._lines.styles.height = len(painted(width, self._lines.inks))
        self._lines.paint(painted)
        self._keys.paint(self._key_line)

    def _key_line(self, width: int, inks: Inks) -> list[list[Segment]]:
        *others, leave = (b for b in type(self).BINDINGS if isinstance(b, Binding))
        shown = _LEAVE.get(self.collapsing.stage, leave)
        asked = others if self.collapsing.stage is Stage.ASKING else []
        return [[], keys([*asked, *([shown] if shown else [])], width, inks)]

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show why work came to nothing."""
        if event.worker.group != GROUP or event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        if not isinstance(error, HpviewError):
            # A bug of hpview's own must not look like a fact about the process.
            raise error or RuntimeError("a worker failed without an error")
        self.collapsing.failed(error)

    def action_switch(self) -> None:
        """Mark the other answer."""
        if self.collapsing.stage is Stage.ASKING:
            self._answer = 1 - self._answer
            self._draw()

    def action_answer(self) -> None:
        """Take the answer that is marked; later on Enter leaves."""
        if self.collapsing.stage is Stage.ASKING and self._answer:
            self.action_collapse()
        elif self.at_rest:
            self.action_leave()

    def action_collapse(self) -> None:
        """Do it."""
        self.collapsing.confirm()

    def action_leave(self) -> None:
        """Stop what is under way, or go."""
        if self.collapsing.stage in (Stage.RUNNING, Stage.STOPPING):
            self.collapsing.stop()
        elif self.is_active:
            self.dismiss(bool(self.collapsing.attempts))

    def on_click(self, event: events.Click) -> None:
        """Take the answer that was clicked; outside of the box: go."""
        if event.widget is self:
            self.action_leave()
        elif event.widget is self._lines and self.collapsing.stage is Stage.ASKING:
            height = self._lines.size.height
            answer = collapse_lines.answer_at(event.x) if event.y == height - 1 else None
            if answer is not None:
                self._answer = answer
                self.action_answer()


def offer(
    screen: HpviewScreen,
    services: Services,
    reading: Reading,
    span: Span,
    then: Callable[[bool | None], None] = lambda _tried: None,
) -> None:
    """Offer to collapse memory, or say why that cannot be.

    Args:
        screen: Which asks.
        services: Of the app.
        reading: Of the process.
        span: Where.
        then: Called with whether anything was tried.
    """
    if services.act is None:
        screen.notify(f"nothing can be collapsed: {services.no_act}", severity="warning")
        return
    try:
        if reading.paused:
            raise CannotCollapse("reading is paused: go on with it first")
        span.plan(reading.space)
    except CannotCollapse as err:
        screen.notify(str(err), severity="warning", markup=False)
    else:
        screen.app.push_screen(CollapseScreen(screen.glyphs, services, reading, span), then)
