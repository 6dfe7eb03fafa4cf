"""The terminal driver: left without waiting, and by signals as by a key."""

from __future__ import annotations

import asyncio
import os
import signal
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def leave_by_signals(app: App[Any]) -> None:
    """Have an app end by signals as it does by its key, with the terminal as it was.

    Its exit status is what a shell makes of the signal. One that is ignored stays so.
    """
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, _leave, app, number)


def _leave(app: App[Any], number: signal.Signals) -> None:
    if not os.isatty(0):  # hung up: what is written goes nowhere, and to wait for it is for ever
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    app.exit(return_code=128 + number)


class PromptDriver(LinuxDriver):
    """Ends at once.

    Textual joins its input thread, which looks for the end every 100 ms and then waits
    100 ms more. Here the thread that is joined does nothing but wait for the end; the one
    that reads is left to find it, or to end with the program.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """See ``LinuxDriver``."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._over = Event()
        self._reader: Thread | None = None
        self._failure: Exception | None = None

    def suspend_application_mode(self) -> None:
        """Give the terminal to another program, which alone may read it."""
        super().suspend_application_mode()
        if self._reader is not None:
            self._reader.join()
        self.exit_event.clear()

    def resume_application_mode(self) -> None:
        """Take the terminal again, if it is still there: SIGCONT comes when it hangs up, too."""
        if not os.isatty(self.fileno):
            return
        if not self._over.is_set():  # SIGSTOP told nobody
            self.suspend_application_mode()
        self._over.clear()
        super().resume_application_mode()

    def disable_input(self) -> None:
        """End the input; the reader needs the event longer than Textual keeps it."""
        self._over.set()
        super().disable_input()
        self.exit_event.set()

    def run_input_thread(self) -> None:
        """Have the terminal read until the end; what fails there is for Textual to tell."""
        self._reader = Thread(target=self._read, name="hpview-input", daemon=True)
        self._reader.start()
        self._over.wait()
        if self._failure is not None:
            raise self._failure

    def _read(self) -> None:
        try:
            super().run_input_thread()
        except (OSError, ValueError, RuntimeError) as err:  # the last one: the loop has ended
            self._failure = err
        finally:
            self._over.set()
