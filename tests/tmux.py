"""A real terminal, by tmux: keys go in, the screen is read."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tmux_control import PATIENCE, Control

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parent.parent


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._tmux = ("tmux", "-S", str(folder / "tmux"), "-f", "/dev/null")
        self._size = size
        self._folder = folder
        self._status = folder / "status"
        self._control: Control | None = None

    def tmux(self, *arguments: str) -> str:
        """What a command of tmux prints, by a client of its own."""
        command = [*self._tmux, *arguments]
        # The shell of a system user may be one that refuses to run anything.
        env = os.environ | {"SHELL": "/bin/sh"}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout

    def start(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        through: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:
        """Run hpview, by another program if need be; the window stays when it has ended."""
        columns, rows = map(str, self._size)
        variables = [f"{k}={v}" for k, v in {"PYTHONPATH": str(ROOT), **(env or {})}.items()]
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, "-c", str(self._folder), "cat")
        self._control = Control(self._tmux)
        # readline, which pytest loads, exports the size of pytest's own terminal.
        program = [
            "env",
            "-u",
            "COLUMNS",
            "-u",
            "LINES",
            *variables,
            *through,
            python,
            "-m",
            "hpview",
            *arguments,
        ]
        # tmux does not always tell the last words and the exit status of what ends.
        run = f"{shlex.join(program)}; echo $? > {shlex.quote(str(self._status))}; echo; exec cat"
        self.tmux("respawn-pane", "-k", "sh", "-c", run)

    def ask(self, *arguments: str) -> str:
        """What a command of tmux prints, by the client that stays attached."""
        assert self._control is not None
        return self._control.ask(*arguments)

    def keys(self, *keys: str) -> None:
        self.ask("send-keys", *keys)

    def screen(self) -> str:
        return self.ask("capture-pane", "-p")

    def until(self, pattern: str) -> str:
        """The screen once it shows a pattern."""
        return self.once(lambda screen: re.search(pattern, screen) is not None, f"no {pattern!r}")

    def once(self, holds: Callable[[str], bool], otherwise: str) -> str:
        """The screen once something holds of it, looked at whenever something was written."""
        assert self._control is not None
        deadline = time.monotonic() + PATIENCE
        while not holds(screen := self.screen()):
            assert self._control.written(deadline), f"{otherwise} on\n{screen}"
        return screen

    def press(self, key: str, pattern: str, times: int = 1) -> str:
        """Press a key, once or more; the screen once it shows a pattern."""
        self.keys(*[key] * times)
        return self.until(pattern)

    def type(self, text: str, pattern: str) -> str:
        """Type a text; the screen once it shows a pattern."""
        self.keys("-l", text)
        return self.until(pattern)

    def leave(self, pattern: str, key: str = "Escape") -> None:
        """Press a key, and wait until the screen shows a pattern no longer."""
        self.keys(key)
        self.until_not(pattern)

    def until_not(self, pattern: str) -> None:
        """Wait until the screen shows a pattern no longer."""
        gone = re.compile(pattern, re.MULTILINE)
        self.once(lambda screen: gone.search(screen) is None, f"still {pattern!r}")

    def exit_status(self) -> int:
        """Of the program, once it has ended."""
        status = self._status
        self.once(lambda _screen: status.exists() and status.read_text() != "", "it goes on")
        return int(status.read_text())

    def close(self) -> None:
        """End the server and all that runs in it."""
        if self._control is not None:
            self.tmux("kill-server")
            self._control.close()
