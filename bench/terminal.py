"""A terminal of our own: a program in it, keys to it, and when what it painted came out."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from bench.errors import BenchError
from bench.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATIENCE: Final = 20.0
_AT_ONCE: Final = 1 << 16
_ESCAPES: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\^_=>])")
_LONGEST_ESCAPE: Final = 64


class Terminal:
    """A program in a pseudo terminal that answers nothing, as the plainest ones do.

    Attributes:
        pid: The program's.
        began: When it was started, by ``time.perf_counter``, as all times here.
    """

    def __init__(self, command: Sequence[str], columns: int = 200, rows: int = 60) -> None:
        self._name = " ".join(command[1:4])
        self._cells = columns * rows
        self._text = b""
        self._half = b""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        hidden = ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "LINES", "NO_COLOR")
        env = {name: value for name, value in os.environ.items() if name not in hidden}
        env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(theirs)
        self.pid = self._process.pid

    @property
    def text(self) -> str:
        """All that was written since ``forget``, without escape sequences.

        Parts of the screen in the order in which they were painted.
        """
        return self._text.decode(errors="replace")

    def forget(self, keep: int = 0) -> None:
        """Look only at what comes from now on, and at the last few bytes before it."""
        self._text = self._text[-keep:] if keep else b""

    def press(self, keys: str) -> float:
        """Type; returns when."""
        now = time.perf_counter()
        os.write(self._ours, keys.encode())
        return now

    def until(self, holds: Callable[[str], bool], what: str) -> float:
        """Read on until something holds of ``text``; returns when what made it true came.

        Raises:
            BenchError: It never did.
        """
        came = time.perf_counter()
        deadline = came + _PATIENCE
        while not holds(self.text):
            if not self._read(deadline - time.perf_counter()):
                raise BenchError(f"{self._name} never showed {what}")
            came = time.perf_counter()
        return came

    def until_shown(self, words: str) -> float:
        """As ``until``, of words."""
        return self.until(lambda text: words in text, words)

    def until_painted(self) -> float:
        """When as many characters had come as the terminal has cells: a whole frame."""
        return self.until(lambda text: len(text) >= self._cells, "a frame")

    def until_quiet(self, seconds: float, first: float = 0.0) -> float | None:
        """When the last of what is written came, after which so long nothing did; None: nothing.

        Args:
            seconds: Of silence.
            first: Of patience for the first of it, where that is longer.
        """
        came = None
        if self._read(max(first, seconds)):
            came = time.perf_counter()
        while self._read(seconds):
            came = time.perf_counter()
        return came

    def read_for(self, seconds: float) -> bool:
        """Wait so long at most for something to come; whether it did."""
        return self._read(seconds)

    def until_ended(self) -> float:
        """When the program had ended.

        Raises:
            BenchError: It went on, or failed.
        """
        ended = os.pidfd_open(self.pid)
        try:
            deadline = time.perf_counter() + _PATIENCE
            while not select.select([ended], [], [], 0)[0]:
                left = deadline - time.perf_counter()
                if left <= 0:
                    raise BenchError(f"{self._name} does not end")
                if self._ours in select.select([self._ours, ended], [], [], left)[0]:
                    self._read(0)
            came = time.perf_counter()
            # Its last words may still be on their way.
            while self._read(0):
                pass
        finally:
            os.close(ended)
        if status := self._process.wait():
            raise BenchError(f"{self._name} ended with {status}: {self.text[-200:]!r}")
        return came

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = self._half + os.read(self._ours, _AT_ONCE)
        except OSError:  # how Linux tells that the last descriptor of the other side was closed
            return False
        # An escape sequence may be cut by the end of what was read.
        at = data.rfind(b"\x1b")
        cut = at if at >= 0 and not _ESCAPES.match(data, at) else len(data)
        self._half = data[cut:] if len(data) - cut < _LONGEST_ESCAPE else b""
        self._text += _ESCAPES.sub(b"", data[:cut])
        return True

    def close(self) -> None:
        """End the program, by force if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with suppress(OSError):
            os.close(self._ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
