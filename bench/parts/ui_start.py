"""ui: from exec to the first frame, beside an empty Textual app."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from bench.apps import EMPTY
from bench.context import hpview
from bench.processes import ROOT
from bench.report import Figure
from bench.rounds import Measure, collect
from bench.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.context import Context

_EMPTY: Final = "empty Textual app: first frame"
_APP: Final = "`hpview`: first frame"
_LIST: Final = "`hpview`: first frame with processes"
_IMPORT_TEXTUAL: Final = "python, import of textual.app"
_IMPORT_APP: Final = "python, import of hpview.cli and hpview.ui.app"
_IMPORT_ALL: Final = "python, import of hpview.ui.app and all that it opens later"
_LAST_KEY: Final = "q quit"
_TOP: Final = 12


def measure(ctx: Context, pid: int) -> None:
    """Start both in turn.

    Args:
        ctx: The run.
        pid: A process that is on the list's first screen, as the biggest of all is.
    """
    empty = [sys.executable, "-c", EMPTY]
    samples = collect(
        [
            Measure(_EMPTY, lambda: _first_frame(empty)),
            Measure(_APP, lambda: _first_frame(hpview(), _LAST_KEY)),
            Measure(_LIST, lambda: _shown(hpview(), str(pid))),
            _imports(ctx, _IMPORT_TEXTUAL, "textual.app"),
            _imports(ctx, _IMPORT_APP, "hpview.cli, hpview.ui.app"),
            _imports(
                ctx,
                _IMPORT_ALL,
                "hpview.cli, hpview.ui.app, hpview.assembly; hpview.ui.app.screens.load()",
            ),
        ],
        ctx.options.rounds,
        ctx.say,
    )
    ctx.report.add_times("ui", samples)
    ctx.report.ratio(
        "ui: first frame against an empty Textual app's",
        *(samples, _APP, _EMPTY),
        at_most=1.5,
        remark="200x60, from exec to the last byte of the frame, imports included",
        probe="start",
    )
    for name in (_LIST, _IMPORT_APP, _IMPORT_ALL):
        value = samples.median(name)
        told = None if value is None else value * 1e3
        remark = samples.why(name) if value is None else "whole process, median"
        ctx.report.figures.append(Figure(f"ui: {name}", told, "ms", remark=remark))
    ctx.probes["start"] = _import_times


def _first_frame(command: Sequence[str], words: str = "") -> float:
    """Seconds until every cell of the screen was painted once, and words are among them."""
    with Terminal(command) as terminal:
        terminal.until_painted()
        return terminal.until_shown(words) - terminal.began


def _shown(command: Sequence[str], words: str) -> float:
    with Terminal(command) as terminal:
        return terminal.until_shown(words) - terminal.began


def _imports(ctx: Context, name: str, modules: str) -> Measure:
    return ctx.command(name, [sys.executable, "-c", f"import {modules}"])


def _import_times() -> str:
    """The slowest imports, by what each takes itself."""
    command = [sys.executable, "-X", "importtime", "-c", "import hpview.cli, hpview.ui.app"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    rows = [line.partition(":")[2].split("|") for line in done.stderr.splitlines() if "|" in line]
    taken = [(int(own), name.strip()) for own, _, name in rows if own.strip().isdecimal()]
    return "\n".join(f"{us / 1e3:6.1f} ms  {name}" for us, name in sorted(taken)[: -_TOP - 1 : -1])
