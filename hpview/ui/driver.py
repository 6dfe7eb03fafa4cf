"""The terminal driver, left without waiting."""

from __future__ import annotations

from threading import Thread

from textual.drivers.linux_driver import LinuxDriver


class PromptDriver(LinuxDriver):
    """Ends at once.

    Textual joins its input thread, which looks for the end every 100 ms and then waits
    100 ms more. Here the thread that is joined does nothing but wait for the end; the one
    that reads is left to find it, or to end with the program.
    """

    _reader: Thread | None = None

    def suspend_application_mode(self) -> None:
        """Give the terminal to another program, which alone may read it."""
        super().suspend_application_mode()
        if self._reader is not None:
            self._reader.join()
        self.exit_event.clear()

    def disable_input(self) -> None:
        """End the input; the reader needs the event longer than Textual keeps it."""
        super().disable_input()
        self.exit_event.set()

    def run_input_thread(self) -> None:
        """Have the terminal read until the end."""
        self._reader = Thread(target=super().run_input_thread, name="hpview-input", daemon=True)
        self._reader.start()
        self.exit_event.wait()
