"""ui: the list of 10,000 processes, scrolled and sorted."""

from __future__ import annotations

import sys
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.errors import BenchError
from bench.report import Bound, Figure
from bench.rounds import middle
from bench.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.context import Context

_PROCESSES: Final = 10_000
_QUIET: Final = 0.08
_PATIENCE: Final = 2.0
_SCROLL: Final = {
    "Down": "\x1b[B",
    "PgDn": "\x1b[6~",
    "End": "\x1b[F",
    "PgUp": "\x1b[5~",
    "Home": "\x1b[H",
}
_COLUMNS: Final = 8
_SORT: Final = {f"sort {n + 1}": ">" for n in range(_COLUMNS)} | {"reverse": "r"}


def measure(ctx: Context) -> None:
    """Press every key once a round, each after the last has been painted."""
    count = max(round(_PROCESSES * ctx.options.scale), 100)
    taken: dict[str, list[float]] = {name: [] for name in (*_SCROLL, *_SORT)}
    for number in range(ctx.options.rounds):
        ctx.say(f"list, round {number + 1} of {ctx.options.rounds}")
        with Terminal([sys.executable, "-m", "bench.apps", str(count)]) as terminal:
            terminal.until_shown(f"{count:,}".replace(",", " "))
            terminal.until_quiet(_QUIET)
            for name, key in (_SCROLL | _SORT).items():
                seconds = _painted(terminal, key)
                if seconds is None:
                    raise BenchError(f"the key for {name} does nothing on the list")
                taken[name].append(seconds)
    for what, names in (("scroll", tuple(_SCROLL)), ("sort", tuple(_SORT))):
        ctx.report.figures.append(_slowest(f"ui: {what} {count:,} processes", names, taken))


def _painted(terminal: Terminal, key: str) -> float | None:
    """Seconds from a key to the last byte of what it changed; None if that is nothing."""
    pressed = terminal.press(key)
    came = terminal.until_quiet(_QUIET, _PATIENCE)
    return None if came is None else came - pressed


def _slowest(what: str, names: Sequence[str], taken: dict[str, list[float]]) -> Figure:
    """The key with the largest median."""
    medians = {name: median(taken[name]) for name in names}
    slow = max(medians, key=medians.__getitem__)
    worst = max(max(taken[name]) for name in names)
    remark = (
        f"key to the last byte; the slowest key, {slow}; of all keys in the middle"
        f" {(middle(list(medians.values())) or 0) * 1e3:.1f}, worst {worst * 1e3:.1f}"
    )
    return Figure(what, medians[slow] * 1e3, "ms", Bound.UNDER, 50, remark)
