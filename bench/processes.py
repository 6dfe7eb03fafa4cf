"""The programs at work: those that wait for a line, and commands run to their end."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.build import Programs

ROOT: Final = Path(__file__).resolve().parent.parent
"""Where ``python -m hpview`` finds the hpview that is measured."""

_PATIENCE: Final = 20.0


class Waiting:
    """A program that says "ready", then answers a line with a line until its stdin ends.

    Raises:
        BenchError: It ended instead.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._name = Path(command[0]).name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.pid = self._process.pid
        try:
            if self._line() != "ready":
                raise BenchError(f"{self._name} is not ready")
        except BaseException:
            self.close()
            raise

    def ask(self, line: str) -> str:
        """Send a line, return the answer."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # what it said before it ended is read below
            self._process.stdin.write(line + "\n")
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        answer = self._process.stdout.readline().rstrip("\n")
        if not answer:
            said = self._process.stderr.read().strip()
            raise BenchError(said or f"{self._name} has ended")
        return answer

    def close(self) -> None:
        """End it: by the end of its stdin, which lets it wait for its children; else by force."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except BaseException as err:
            self._process.kill()
            self._process.wait()
            if not isinstance(err, subprocess.TimeoutExpired):
                raise
        finally:
            self._process.stdout.close()
            self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Reader(Waiting):
    """A program built on serve.h: a line is a pass."""

    def seconds(self) -> float:
        """One pass."""
        return self.passed()[0]

    def passed(self) -> tuple[float, int]:
        """One pass: seconds, and what the program counts."""
        ns, count = self.ask("").split()
        return int(ns) / 1e9, int(count)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run.

    Attributes:
        seconds: From fork() to its end.
        peak: Its greatest resident set, bytes.
        user: Processor time, seconds.
        system: Of the kernel on its behalf, seconds.
    """

    seconds: float
    peak: int
    user: float
    system: float


def run(programs: Programs, command: Sequence[str]) -> Ran:
    """Run a command with its output to /dev/null.

    Raises:
        BenchError: It failed.
    """
    done = subprocess.run(
        [programs.path("run"), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise BenchError(done.stderr.strip())
    ns, peak_kb, user, system, status = map(int, done.stdout.split())
    if status:
        last = done.stderr.strip().splitlines()[-1:]
        words = " ".join(Path(word).name for word in command[:3])
        raise BenchError(f"{words} ended with {status}" + "".join(f": {line}" for line in last))
    return Ran(ns / 1e9, peak_kb * 1024, user / 1e6, system / 1e6)
