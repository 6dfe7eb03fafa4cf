"""ui: a process of 40,000 VMAs, from Enter to its first rows, while it loads, and left then."""

from __future__ import annotations

import re
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

import psutil

from bench.context import hpview
from bench.errors import BenchError
from bench.report import Bound, Figure
from bench.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.context import Context

_GAP: Final = 0.01
"""Seconds between two keys: three times as fast as a key that is held down repeats."""

_LOADS: Final = 5
"""Loads a round: one is over after some ten keys."""

_TRIES: Final = 10
_PATIENCE: Final = 5.0
_NEXT: Final = "]"
_MARKED: Final = re.compile(r"(?:\u25b8 ?|B at )([0-9a-f]{12})")
"""How the current VMA is told: the cursor of the list, or the line of details."""

_LONGEST_MARK: Final = 24
_MIB: Final = 1 << 20


def measure(ctx: Context, pid: int) -> None:
    """Open it from the list again and again, typing; then leave while it loads."""
    starts = vma_starts(pid)
    with Terminal(hpview()) as terminal:
        before = _find(terminal, pid)
        opened, keys = [], []
        for number in range(ctx.options.rounds):
            ctx.say(f"loading, round {number + 1} of {ctx.options.rounds}")
            for _ in range(_LOADS):
                opened.append(_open(terminal, starts[0]))
                keys += _type(terminal, starts)
                after = _resident(terminal)
                _back(terminal, pid)
    left = []
    for number in range(ctx.options.rounds):
        ctx.say(f"leaving, round {number + 1} of {ctx.options.rounds}")
        left.append(_leave(pid, starts[0]))
    size = f"{len(starts):,} VMAs"
    ctx.report.figures += [
        Figure(
            f"ui: key to paint while {size} load, p99",
            _percentile(keys, 99) * 1e3,
            "ms",
            Bound.UNDER,
            50,
            f"{len(keys)} keys, one every {_GAP * 1e3:.0f} ms; median {median(keys) * 1e3:.1f},"
            f" worst {max(keys) * 1e3:.1f}",
        ),
        _waited(f"ui: Enter to the first rows of {size}", opened),
        _waited(f"ui: q to the end of the process while {size} load", left),
        Figure(
            f"ui: memory of the app with {size}",
            after / _MIB,
            "MiB",
            remark=f"resident; with the list alone {before / _MIB:.0f} MiB",
        ),
    ]


def vma_starts(pid: int) -> list[int]:
    """Where its VMAs begin, in the order of the list."""
    lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
    return [int(line.partition("-")[0], 16) for line in lines if not line.endswith("[vsyscall]")]


def _waited(what: str, seconds: Sequence[float]) -> Figure:
    """The median, which the limit is for, with the worst beside it."""
    remark = f"median of {len(seconds)}, worst {max(seconds) * 1e3:.1f}"
    return Figure(what, median(seconds) * 1e3, "ms", Bound.UNDER, 100, remark)


def _percentile(seconds: Sequence[float], percent: int) -> float:
    if len(seconds) < 2:
        raise BenchError("too few keys to tell: it loads too fast")
    return quantiles(seconds, n=100, method="inclusive")[percent - 1]


def _find(terminal: Terminal, pid: int) -> int:
    """Filter the list down to the process; the app's resident bytes then."""
    terminal.until_shown(str(pid))
    terminal.press(f"/{pid}")
    terminal.until_quiet(0.3)
    terminal.press("\r")
    terminal.until_quiet(0.3)
    return _resident(terminal)


def _resident(terminal: Terminal) -> int:
    return int(psutil.Process(terminal.pid).memory_info().rss)


def _open(terminal: Terminal, first: int) -> float:
    """Seconds from Enter to the row of the first VMA."""
    terminal.forget()
    pressed = terminal.press("\r")
    return terminal.until_shown(f"{first:012x}") - pressed


def _back(terminal: Terminal, pid: int) -> None:
    terminal.forget()
    terminal.press("\x1b")
    terminal.until_shown(str(pid))
    terminal.until_quiet(0.1)


def _type(terminal: Terminal, starts: Sequence[int]) -> list[float]:
    """Press a key every so often until all is read.

    Returns:
        Seconds from each key to the paint that shows what it did, or what a later one did;
        to the end of patience where nothing did.
    """
    place = {start: index for index, start in enumerate(starts)}
    pressed: list[float] = []
    seconds: list[float] = []
    complete = "complete" in terminal.text
    terminal.forget()
    deadline = time.perf_counter() + _PATIENCE
    due = time.perf_counter()
    while not complete or len(seconds) < len(pressed):
        now = time.perf_counter()
        if now > deadline:
            return [*seconds, *(now - key for key in pressed[len(seconds) :])]
        if now >= due and not complete:
            pressed.append(terminal.press(_NEXT))
            due = now + _GAP
        if not terminal.read_for(_GAP if complete else due - time.perf_counter()):
            continue
        came = time.perf_counter()
        complete = complete or "complete" in terminal.text
        reached = max((place.get(at, 0) for at in _marks(terminal.text)), default=0)
        seconds += [came - pressed[key] for key in range(len(seconds), min(reached, len(pressed)))]
        terminal.forget(_LONGEST_MARK)
    return seconds


def _marks(text: str) -> list[int]:
    return [int(digits, 16) for digits in _MARKED.findall(text)]


def _leave(pid: int, first: int) -> float:
    """Seconds from q, pressed when the first row is there, to the end of the process."""
    for _ in range(_TRIES):
        with Terminal(hpview(str(pid))) as terminal:
            terminal.until_shown(f"{first:012x}")
            loading = "complete" not in terminal.text
            pressed = terminal.press("q")
            ended = terminal.until_ended()
        if loading:
            return ended - pressed
    raise BenchError("it is read before one can leave")
