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

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 10.0
ROOT = Path(__file__).parent.parent


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._socket = str(folder / "tmux")
        self._size = size
        self._folder = folder
        self._status = folder / "status"

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments]
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
        self.tmux("set-option", "-g", "remain-on-exit", "on")
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
        # tmux does not always learn the exit status of a pane.
        run = f"{shlex.join(program)}; echo $? > {shlex.quote(str(self._status))}"
        self.tmux("respawn-pane", "-k", "sh", "-c", run)

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, pattern: str) -> str:
        """The screen once it shows a pattern. Asking tmux again and again paces the loop."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, screen := self.screen()):
            assert time.monotonic() < deadline, f"no {pattern!r} on\n{screen}"
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
        deadline = time.monotonic() + PATIENCE
        while re.search(pattern, screen := self.screen(), re.MULTILINE):
            assert time.monotonic() < deadline, f"still {pattern!r} on\n{screen}"

    def exit_status(self) -> int:
        """Of the program, once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.tmux("display", "-p", "#{pane_dead}").strip() != "1":
            assert time.monotonic() < deadline, self.screen()
        return int(self._status.read_text())
