"""A client of tmux in control mode: commands go in, and what is written on a screen is told."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 30.0


class Control:
    """Attached to a server until that ends."""

    def __init__(self, tmux: Sequence[str]) -> None:
        # What it thinks its size is changes no window; -u: it can show any character.
        attach = [*tmux, "-u", "-C", "attach-session", "-f", "ignore-size"]
        self._process = subprocess.Popen(attach, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._read: list[bytes] = []
        self._half = b""

    def ask(self, *command: str) -> str:
        """What a command of tmux prints. What was written before it is told no more."""
        self._to.write(shlex.join(command).encode() + b"\n")
        self._to.flush()
        deadline = time.monotonic() + PATIENCE
        while not ((line := self._line(deadline)).startswith(b"%begin") and line.endswith(b" 1")):
            pass
        number = line.removeprefix(b"%begin")
        told = []
        while not (line := self._line(deadline)).endswith(number):
            told.append(line.decode() + "\n")
        assert line.startswith(b"%end"), (command, told)
        return "".join(told)

    def written(self, deadline: float) -> bool:
        """Wait until a program has written something; False when that came too late."""
        try:
            while not self._line(deadline).startswith(b"%output"):
                pass
        except TimeoutError:
            return False
        return True

    def _line(self, deadline: float) -> bytes:
        """The next line of what tmux tells."""
        while not self._read:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._from], [], [], left)[0]:
                raise TimeoutError
            data = os.read(self._from.fileno(), 1 << 16)
            if not data:
                raise EOFError("tmux has ended")
            *self._read, self._half = (self._half + data).split(b"\n")
        return self._read.pop(0)

    def close(self) -> None:
        """Wait for its end, which is that of the server."""
        self._to.close()
        self._process.wait()
        self._from.close()
