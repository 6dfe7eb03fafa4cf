"""What every screen does: pictures, data, help, failures told upwards, and a smallest size."""

from __future__ import annotations

import errno
import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from hpview.errors import HpviewError, ReadFailed
from hpview.ui import palette, pictures, screens
from hpview.ui.paint import fitted
from hpview.ui.screens.messages import ScreenMessages
from hpview.ui.widgets.key_line import keys
from hpview.ui.widgets.line import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.pictures.formats import Format
    from hpview.ui.signs import Sign

SMALLEST = (60, 15)
"""Columns and lines below which no screen makes sense."""

_EXHAUSTED: Final = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO})
"""What the machine may lack at any call: no bug of hpview's, and no reason to end."""

WIDTHS = [(0, "-tiny-width"), (SMALLEST[0], "-narrow"), (100, "-wide")]
"""Classes of screens by columns."""


class Choice(NamedTuple):
    """One form in which something can be saved.

    Attributes:
        name: What people call it.
        words: What it is.
        stem: First part of the name of the file.
        ending: The last part, with its dot.
    """

    name: str
    words: str
    stem: str
    ending: str


class HpviewScreen(ScreenMessages, Screen[None]):
    """A screen over ``body``, with a word instead where the terminal is too small."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(palette.COMPONENTS)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save_picture", "Save", tooltip="Save this screen as SVG"),
        Binding("S", "save_as", "Save as", show=False, tooltip="Save it as SVG, PNG, HTML or text"),
        Binding("e", "export", "Export", tooltip="Save the data behind it as JSON or CSV"),
        Binding("y", "copy", "Copy", show=False, tooltip="Copy what is under the cursor"),
        Binding("question_mark", "help", "Keys", tooltip="Show all keys"),
    ]
    HELP_SIGNS: ClassVar[tuple[Sign, ...]] = ()
    """What the signs on the screen mean."""
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = ()
    """Headings of the help screen, each with the class whose BINDINGS stand below."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs

    def body(self) -> ComposeResult:
        """The widgets of the screen."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The body, the keys, and what covers both when there is no room."""
        with Vertical(id="content"):
            yield from self.body()
            line = Lines(self.glyphs, id="keys")
            line.paint(self._key_line)
            yield line
        too_small = Lines(self.glyphs, id="too-small")
        too_small.paint(self._too_small)
        yield too_small

    def _key_line(self, width: int, inks: Inks) -> list[list[Segment]]:
        shown = [b for b in self.documented_bindings() if b.show]
        return [keys(shown, width, inks)]

    def documented_bindings(self) -> list[Binding]:
        """The bindings of this screen and of all screens, in the order of the key line."""
        own = [b for b in type(self).BINDINGS if isinstance(b, Binding)]
        common = [b for b in HpviewScreen.BINDINGS if isinstance(b, Binding)]
        app = [b for b in type(self.app).BINDINGS if isinstance(b, Binding)]
        found = [*own, *(b for b in common if b not in own), *app]
        return [binding for binding in found if self.offers(binding.action)]

    def _too_small(self, width: int, inks: Inks) -> list[list[Segment]]:
        columns, lines = self.app.size
        words = [
            "terminal too small:",
            f"{columns}x{lines}, needs {SMALLEST[0]}x{SMALLEST[1]}",
        ]
        if width > 50:
            words = [" ".join(words)]
        above = max(0, (lines - len(words)) // 2)
        left = [max(0, (width - len(line)) // 2) for line in words]
        drawn = [
            [Segment(fitted(" " * indent + line, width), inks.text)]
            for indent, line in zip(left, words, strict=True)
        ]
        return [*([[]] * above), *drawn]

    @property
    def shows_data(self) -> bool:
        """Something worth keeping on the screen when work fails."""
        return False

    @property
    def at_rest(self) -> bool:
        """Nothing is under way in a thread that will change what is shown."""
        own = (worker for worker in self.app.workers if worker.node is self)
        return all(worker.is_finished for worker in own)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell what went wrong in a thread to the one place that shows failures."""
        if event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            error = ReadFailed(error.filename or "what was asked for", error)
        if not isinstance(error, HpviewError):
            # A bug of hpview's own must not look like a fact about the process.
            raise error or RuntimeError("a worker failed without an error")
        self.post_message(self.Failed(self, error, self.shows_data))

    def action_help(self) -> None:
        """Show all keys."""
        self.post_message(self.HelpWanted(self))

    def picture_name(self) -> str:
        """The first part of the name of a saved picture."""
        return "hpview"

    def data(self) -> Sequence[Exportable]:
        """What can be exported of what is shown, the likeliest first; none while there is none.

        It must not change any more: it is written in a thread.
        """
        return ()

    def copy_text(self) -> str:
        """What stands under the cursor, printable, or ""."""
        return ""

    def offers(self, action: str) -> bool:
        """Whether screens of this class can do it at all."""
        return action != "export" or type(self).data is not HpviewScreen.data

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what this screen offers."""
        return self.offers(action)

    def settings_changed(self) -> None:
        """The user changed the settings: what hangs on them is to be set anew."""

    def now(self) -> time.struct_time:
        """The local time."""
        return time.localtime()

    def _stem(self, name: str) -> str:
        return f"{name}-{time.strftime('%H%M%S', self.now())}"

    def action_save_picture(self) -> None:
        """Save the screen as SVG in the working directory and say where."""
        chosen = pictures.FORMATS[0]
        self._save_picture(chosen, f"{self._stem(self.picture_name())}{chosen.ending}")

    def action_save_as(self) -> None:
        """Ask for a format and a name, and save the screen."""
        stem = self._stem(self.picture_name())
        formats = pictures.FORMATS
        self._ask_where(
            "Save this screen as",
            [Choice(found.name, found.words, stem, found.ending) for found in formats],
            lambda number, name: self._save_picture(formats[number], name),
        )

    def _save_picture(self, chosen: Format, name: str) -> None:
        """Save it once neither a notice nor the question covers it."""

        def take() -> None:
            picture = pictures.seen(self.app, self.picture_name())
            self.post_message(self.SaveWanted(name, partial(chosen.pieces, picture)))

        self.app.clear_notifications()
        self.call_after_refresh(take)

    def action_export(self) -> None:
        """Ask for a format and a name, and save the data behind the screen."""
        found = self.data()
        if not found:
            self.notify("nothing to export yet", severity="warning")
            return
        choices, makers = [], []
        for item in found:
            stem = self._stem(item.name)
            choices += [Choice("JSON", item.words, stem, ".json")]
            choices += [Choice("CSV", f"{item.words}, a line each", stem, ".csv")]
            makers += [item.as_json, item.as_csv]
        self._ask_where(
            "Export the data",
            choices,
            lambda number, name: self.post_message(self.SaveWanted(name, makers[number])),
        )

    def _ask_where(
        self, title: str, choices: Sequence[Choice], save: Callable[[int, str], object]
    ) -> None:
        """Ask for one of some files, then call with its number and name."""

        def answered(chosen: tuple[int, str] | None) -> None:
            if chosen is not None:
                save(*chosen)

        self.app.push_screen(screens.SaveScreen(self.glyphs, title, choices), answered)

    def action_copy(self) -> None:
        """Copy what is under the cursor to the clipboard, through the terminal (OSC 52)."""
        words = self.copy_text()
        if words:
            self.app.copy_to_clipboard(words)
            self.notify(f"copied {words}", markup=False)
        else:
            self.notify("nothing to copy here", severity="warning")
