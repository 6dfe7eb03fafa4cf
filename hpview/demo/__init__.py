"""The demo target: a process whose memory has every state on purpose.

``python -m hpview.demo [BYTES]`` prints one line of JSON once the layout stands,
``{"pid", "regions": [{"name", "start", "end", "expect"}], "missing": [{"name", "reason"}]}``,
then waits until its standard input ends. Of BYTES (1 TiB) it touches next to nothing.
Standard library only.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hpview.demo.layout import Expect
from hpview.demo.memory import TIB
from hpview.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the demo: its name for people, its range, what should be found there."""

    name: str
    start: int
    end: int
    expect: Expect


@dataclass(frozen=True, slots=True)
class Missing:
    """A state that could not be had on this machine, and why."""

    name: str
    reason: str


class Demo:
    """A running demo process; a context manager that ends it.

    It dies with its parent: it reads a pipe from it, and asks the kernel for a
    signal (PR_SET_PDEATHSIG). The latter is sent when the *thread* ends that
    started it, so start it from one that lives as long as the demo should.

    Attributes:
        pid: Of the demo process.
        regions: What stands, by ascending address.
        missing: What could not be had.
    """

    def __init__(self, *, timeout: float = 30.0, reserved: int = TIB) -> None:
        """Start the process and wait until its layout stands.

        Args:
            timeout: Seconds to wait.
            reserved: Bytes of the region that is hardly touched: before Linux 6.7 the kernel
                tells every page of it one by one to whom it does not let walk page tables.

        Raises:
            BackendUnavailable: It did not start.
        """
        paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hpview.demo", str(reserved)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        try:
            layout: dict[str, Any] = json.loads(_first_line(self._process, timeout))
        except ValueError as err:
            self.close()
            raise BackendUnavailable("the demo", "its process did not start") from err
        except BaseException:
            self.close()
            raise
        self.pid: int = self._process.pid
        self.regions = tuple(
            Region(r["name"], r["start"], r["end"], Expect(**r["expect"]))
            for r in layout["regions"]
        )
        self.missing = tuple(Missing(**m) for m in layout["missing"])

    @classmethod
    def spawn(cls, *, reserved: int = TIB) -> Self:
        """A demo that stands; the same as the constructor, said aloud."""
        return cls(reserved=reserved)

    def region(self, name: str) -> Region | None:
        """The region of that name, or None when it is missing."""
        return next((r for r in self.regions if r.name == name), None)

    def close(self) -> None:
        """End the process and reap it; idempotent."""
        process = self._process
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    """The line of JSON; what has come so far when there is no more or time is up."""
    assert process.stdout is not None
    fd = process.stdout.fileno()
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], timeout)
        piece = os.read(fd, 1 << 16) if ready else b""
        if not piece:
            break
        line += piece
    return line
