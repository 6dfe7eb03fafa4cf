"""The application: which screen is on top, and the one place that shows failures."""

from __future__ import annotations

import asyncio
import copy
from os import environ
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.worker import WorkerState, get_current_worker

from hpview.errors import HpviewError
from hpview.export.files import write_new
from hpview.settings import Settings
from hpview.text import printable
from hpview.ui import commands, palette, screens, themes
from hpview.ui.command_palette import HpviewPalette
from hpview.ui.driver import PromptDriver, leave_by_signals
from hpview.ui.leaving import Leaving, Threads, leave_garbage
from hpview.ui.screens.base import SMALLEST, WIDTHS, HpviewScreen
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.help import HelpScreen
from hpview.ui.screens.opening import OpeningScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.screen import Screen
    from textual.worker import Worker

    from hpview.services import Services
    from hpview.ui.screens import ProcessesScreen, ProcessScreen

_HEIGHTS = [(0, "-tiny-height"), (SMALLEST[1], "-high-enough")]
_KEEP_EVERY = 2.0
"""Seconds between two looks whether the settings were changed."""


class HpviewApp(App[None]):
    """Looks at the processes of a ``Services`` object.

    Attributes:
        settled: Set when the first screen has loaded, or failed to.
        failure: Why the last thing that failed did.
        unopened: Why there are no services, where they could not be opened.
        settings: What the user chose.
    """

    CSS_PATH = "hpview.tcss"
    TITLE = "hpview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+p",
            "command_palette",
            "Commands",
            show=False,
            tooltip="Commands by name, themes, settings",
        ),
        Binding("q,ctrl+c", "quit", "Quit", tooltip="Leave hpview"),
        Binding(
            "ctrl+z",
            "suspend_process",
            "Suspend",
            show=False,
            tooltip="Back to the shell; fg goes on",
        ),
    ]
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(
        self,
        services: Services | Callable[[], Services],
        pid: int | None = None,
        *,
        address: int | None = None,
        ascii: bool = False,
        settings: Settings | None = None,
        keep: Callable[[Settings], None] = lambda _settings: None,
        notice: str = "",
    ) -> None:
        """Make the app.

        Args:
            services: Where everything comes from, or what opens it, called in a thread once the
                first frame is on the screen; closed by whoever made it.
            pid: Begin with this process rather than with the list.
            address: Begin with the slot around this address of the process.
            ascii: Draw with ASCII characters only.
            settings: What the user chose; the defaults without it.
            keep: Saves them if they were changed, in a thread; may raise HpviewError.
            notice: Something to tell at once, printable, or "".
        """
        super().__init__(
            driver_class=None if environ.get("TEXTUAL_DRIVER") else PromptDriver,
            # What Textual does for NO_COLOR makes all colours of the terminal black.
            ansi_color=False if "NO_COLOR" in environ else None,
        )
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.settings = settings or Settings()
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        elif self.theme == "textual-dark":
            self.theme = self._fitting_theme()
        self._given = services
        self._services: Services
        self._pid = pid
        self._address = address
        self._glyphs = palette.ASCII if ascii else palette.UNICODE
        self._keep = keep
        self._kept = copy.deepcopy(self.settings)
        self._notice = notice
        self._told: set[str] = set()
        self.settled = asyncio.Event()
        self.failure: HpviewError | None = None
        self.unopened: HpviewError | None = None
        self.set_class(ascii, "-ascii")

    def _fitting_theme(self) -> str:
        """The default theme; on a terminal of few colours the one that uses its own.

        Rich tells the colours by COLORTERM and TERM: what does not promise 256 has 16.
        """
        few = self.console.color_system in (None, "standard")
        return themes.SIXTEEN if few else "hpview-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Hpview's own variables, for themes of Textual that do not have them."""
        return themes.fallback(self.current_theme)

    def on_mount(self) -> None:
        """Open the first screen, now or when there is something to show on it."""
        wrong = self.settings.theme not in ("", *self.available_themes)
        for words in (self._notice, f"no theme {printable(self.settings.theme)}" * wrong):
            if words:
                self.notify(words, severity="warning", markup=False)
        self.watch(self, "theme", self._theme_chosen, init=False)
        asyncio.get_running_loop().set_default_executor(Threads())
        if not self.is_headless:
            leave_by_signals(self)
        self._leaving = Leaving(self)
        self.set_interval(_KEEP_EVERY, self._keep_settings)
        self.set_interval(_KEEP_EVERY, self._tell_notices)
        if callable(self._given):
            self.push_screen(OpeningScreen(self._glyphs, self._pid))
            self.call_after_refresh(self._open, self._given)
        else:
            self._services = self._given
            self.push_screen(self._first())

    @work(thread=True, group="open", exit_on_error=False, description="Opening the services")
    def _open(self, services: Callable[[], Services]) -> None:
        worker = get_current_worker()
        opened = services()
        screens.load()
        leave_garbage()
        if not worker.is_cancelled:
            self.call_from_thread(self._opened, opened)

    def _opened(self, services: Services) -> None:
        if not self.is_running:
            return
        self._services = services
        while not isinstance(self.screen, OpeningScreen):  # below the help, say
            self.pop_screen()
        self.switch_screen(self._first())

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Leave when the services cannot be opened; whoever started the app tells why."""
        if event.worker.group == "open" and event.state is WorkerState.ERROR:
            if not isinstance(event.worker.error, HpviewError):
                raise event.worker.error or RuntimeError("a worker failed without an error")
            self.unopened = event.worker.error
            self.exit(return_code=1)

    def _first(self) -> HpviewScreen:
        if self._pid is None:
            return self._processes()
        if self._address is None:
            return self._process(self._pid)
        given = self._services, self._glyphs, self.settings
        return screens.SlotScreen(*given, self._pid, self._address)

    def _processes(self) -> ProcessesScreen:
        return screens.ProcessesScreen(self._services, self._glyphs, self.settings)

    def _process(self, pid: int) -> ProcessScreen:
        return screens.ProcessScreen(self._services, self._glyphs, self.settings, pid)

    async def action_back(self) -> None:
        """Go to the screen below; below the first one lies the list of processes."""
        if isinstance(self.screen_stack[-2], HpviewScreen):
            self.pop_screen()
        else:
            self.switch_screen(self._processes())

    @on(HpviewScreen.Settled)
    def _settled(self) -> None:
        self.settled.set()
        self._tell_notices()

    def _tell_notices(self) -> None:
        """Say once why something is done without; the list shows it as long as it is seen."""
        for notice in self._services.notices() if self.settled.is_set() else ():
            if notice in self._told:
                continue
            self._told.add(notice)
            if not isinstance(self.screen, screens.ProcessesScreen):
                self.notify(printable(notice), severity="warning", markup=False)

    @on(HpviewScreen.Failed)
    def _failed(self, event: HpviewScreen.Failed) -> None:
        """Turn a failure into a screen, or into a notice where there is something to see."""
        self.failure = event.error
        if isinstance(event.screen, screens.ProcessScreen | screens.SlotScreen):
            event.screen.failed(event.error)
        if event.shows_data or not event.screen.is_active:
            # The status line of a process tells it, too, and stays.
            if not (event.screen.is_active and isinstance(event.screen, screens.ProcessScreen)):
                self.notify(printable(str(event.error)), severity="error", markup=False)
        elif isinstance(event.screen, screens.ProcessScreen | screens.SlotScreen):
            self.switch_screen(FailureScreen(self._glyphs, event.error))
        else:
            self.push_screen(FailureScreen(self._glyphs, event.error))
        self.settled.set()

    @on(HpviewScreen.SaveWanted)
    def _save(self, event: HpviewScreen.SaveWanted) -> None:
        self._write(event.name, event.made)

    # Of the app, not of a screen: leaving the screen does not break it off.
    @work(thread=True, group="save", description="Writing a file")
    def _write(self, name: str, made: Callable[[], Iterable[bytes]]) -> None:
        try:
            path = write_new(name, made())
        except HpviewError as error:
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            self.notify(f"saved {printable(str(path))}", markup=False)

    def _theme_chosen(self, name: str) -> None:
        self.settings.theme = name

    @on(HpviewScreen.SettingsChanged)
    def _settings_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, HpviewScreen):
                screen.settings_changed()

    def _keep_settings(self) -> None:
        """Save what was changed meanwhile."""
        if self.settings != self._kept:
            self._kept = copy.deepcopy(self.settings)
            self._save_settings(self._kept)

    @work(thread=True, group="settings", description="Saving the settings")
    def _save_settings(self, settings: Settings) -> None:
        try:
            self._keep(settings)
        except HpviewError as error:
            self.notify(str(error), severity="warning", markup=False)

    @on(HpviewScreen.ProcessChosen)
    def _chosen(self, event: HpviewScreen.ProcessChosen) -> None:
        # A second Enter may have been on its way when the first one was seen.
        if isinstance(self.screen, screens.ProcessesScreen | screens.MachineScreen):
            self.push_screen(self._process(event.pid))

    @on(HpviewScreen.MachineWanted)
    def _machine_wanted(self) -> None:
        if isinstance(self.screen, screens.ProcessesScreen | screens.ProcessScreen):
            given = self._services, self._glyphs, self.settings
            self.push_screen(screens.MachineScreen(*given))

    @on(HpviewScreen.SlotChosen)
    def _slot_chosen(self, event: HpviewScreen.SlotChosen) -> None:
        if isinstance(self.screen, screens.ProcessScreen):
            given = self._services, self._glyphs, self.settings
            slot = screens.SlotScreen(
                *given, event.reading.pid, event.address, event.reading, event.asking
            )
            self.push_screen(slot)

    @on(HpviewScreen.ProtocolWanted)
    def _protocol_wanted(self, event: HpviewScreen.ProtocolWanted) -> None:
        if isinstance(self.screen, screens.ProcessScreen):
            self.push_screen(screens.ProtocolScreen(event.reading, self._glyphs))

    @on(HpviewScreen.NodesWanted)
    def _nodes_wanted(self, event: HpviewScreen.NodesWanted) -> None:
        if isinstance(self.screen, screens.ProcessScreen):
            self.push_screen(screens.NodesScreen(self._services, self._glyphs, event.reading))

    @on(HpviewScreen.SlotLeft)
    def _slot_left(self, event: HpviewScreen.SlotLeft) -> None:
        """Go back to the map, which is opened where the slot was the first screen."""
        if not isinstance(self.screen, screens.SlotScreen):
            return
        below = self.screen_stack[-2]
        if isinstance(below, screens.ProcessScreen):
            below.go_to(event.address)
            self.pop_screen()
        else:
            opened = self._process(event.pid)
            opened.go_to(event.address)
            self.switch_screen(opened)

    @on(HpviewScreen.HelpWanted)
    def _help(self, event: HpviewScreen.HelpWanted) -> None:
        signs = [("Signs", event.screen.HELP_SIGNS)] if event.screen.HELP_SIGNS else []
        self.push_screen(HelpScreen(self._glyphs, [*commands.sections(event.screen), *signs]))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The commands of the palette: those of the screen on top, and what has no key."""
        if isinstance(screen, HpviewScreen):
            yield from commands.commands(self, screen)
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Settings", "Theme, how often to read", self.action_settings)

    def action_command_palette(self) -> None:
        """Offer every command by name."""
        if not isinstance(self.screen, HpviewPalette):
            self.push_screen(HpviewPalette(id="--command-palette"))

    def action_settings(self) -> None:
        """Change what has no key of its own."""
        themes = sorted(name for name in self.available_themes if name.startswith("hpview"))
        self.push_screen(screens.PreferencesScreen(self._glyphs, self.settings, themes))

    async def action_quit(self) -> None:
        """Leave; the exit status says whether what was asked for could be shown."""
        direct = self._pid is not None and isinstance(self.screen, FailureScreen)
        self.exit(return_code=1 if direct else 0)
