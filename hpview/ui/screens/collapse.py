"""Asks whether memory is to be collapsed, shows how it goes, and tells what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
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
_FRAME: Final = 7
"""Terminal cells of the box beside the words: blanks, a scroll bar, a border in some themes."""

_FRAME_LINES: Final = 4
"""Lines of the box above and below."""

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
        Binding("up,k", "scroll_body(-1)", "Up", show=False, tooltip="What is above"),
        Binding("down,j", "scroll_body(1)", "Down", show=False, tooltip="What is below"),
        Binding("escape,n", "leave", "Leave", tooltip="Leave it alone; stop what is under way"),
    ]

    def __init__(self, glyphs: Glyphs, services: Services, reading: Reading, span: Span) -> None:
        super().__init__()
        self.collapsing = Collapsing(self, services, reading, span, self._draw)
        self._answer = 0
        self._lines = Lines(glyphs, id="collapse-lines")
        self._body = VerticalScroll(self._lines, id="collapse-body", can_focus=False)
        self._foot = Lines(glyphs, id="collapse-foot")

    def compose(self) -> ComposeResult:
        """What there is to read, then answers and keys, which are always to be seen."""
        with Vertical(id="collapse"):
            yield self._body
            yield self._foot

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
        """Draw the box anew; where it is too low for all of it, the newest is what is seen."""
        width = max(1, min(_WIDTH, self.size.width) - _FRAME)

        def painted(_width: int, inks: Inks) -> list[list[Segment]]:
            return collapse_lines.lines(self.collapsing, width, inks)

        self._lines.styles.height = len(painted(width, self._lines.inks))
        self._lines.paint(painted)
        foot = 4 if self.collapsing.stage is Stage.ASKING else 2
        self._foot.styles.height = foot
        self._foot.paint(self._foot_lines)
        self._body.styles.max_height = max(1, self.size.height - foot - _FRAME_LINES)
        if self.collapsing.stage is not Stage.ASKING:
            self._body.scroll_end(animate=False)

    def _foot_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        *others, leave = (b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show)
        shown = _LEAVE.get(self.collapsing.stage, leave)
        if self.collapsing.stage is not Stage.ASKING:
            return [[], keys([shown], width, inks) if shown else []]
        answers = collapse_lines.answers(self._answer, inks)
        return [[], answers, [], keys([*others, leave], width, inks)]

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

    def action_scroll_body(self, step: int) -> None:
        """Show more of what does not fit."""
        self._body.scroll_relative(y=step, animate=False, immediate=True)

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
        elif event.widget is self._foot and self.collapsing.stage is Stage.ASKING:
            answer = collapse_lines.answer_at(event.x) if event.y == 1 else None
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
