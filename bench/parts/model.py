"""Memory: of the model, and of whole commands at their peak."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import TYPE_CHECKING, Final

import psutil

from bench.context import hpview
from bench.engine import BPF, PROCFS
from bench.errors import BenchError
from bench.processes import run
from bench.report import Bound, Figure

if TYPE_CHECKING:
    from bench.context import Context
    from bench.engine import Engine

_RUN: Final = 32
_VMA: Final = 150
_MIB: Final = 1 << 20


def measure(ctx: Context, pid: int) -> None:
    """Weigh what is kept of a process after it was read, names included."""
    ctx.say("weighing")
    engine = ctx.engines.get(BPF) or ctx.engine(PROCFS)
    engine.read(pid, names=True)  # whatever is allocated once and for all
    ctx.report.figures += _weigh(engine, pid)
    commands = {
        "`hpview --version`": hpview("--version"),
        "`hpview scan PID`": hpview("scan", str(pid)),
        "`hpview scan PID --format json`": hpview("scan", str(pid), "--format", "json"),
        "`hpview --backend procfs scan PID`": hpview("--backend", "procfs", "scan", str(pid)),
        "`hpview ps`": hpview("ps"),
    }
    if ctx.options.thpmaps:
        thpmaps = [sys.executable, str(ctx.options.thpmaps), "--pid", str(pid)]
        commands["`thpmaps --pid PID`"] = thpmaps
    for name, command in commands.items():
        ctx.say(f"peak of {name}")
        try:
            peak, remark = run(ctx.programs, command).peak / _MIB, "resident, of a whole command"
        except BenchError as err:
            peak, remark = None, str(err)
        ctx.report.figures.append(Figure(f"memory: peak of {name}", peak, "MiB", remark=remark))


def _resident() -> int:
    """Bytes of this process, what is free given back first.

    Not tracemalloc's: columns reserve addresses that are never written.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)


def _weigh(engine: Engine, pid: int) -> list[Figure]:
    before = _resident()
    space, _ = engine.read(pid, names=True)
    kept = _resident() - before
    vmas, runs = len(space.vmas), len(space.runs)
    arrays = space.vmas.nbytes / max(vmas, 1), space.runs.nbytes / max(runs, 1)
    what = f"{kept / 1e6:.2f} MB more resident for {vmas} VMAs and {runs} runs, names included"
    return [
        Figure(
            f"memory: the model, by VMA, when a run counts {_RUN} B",
            (kept - _RUN * runs) / max(vmas, 1),
            "B",
            Bound.AT_MOST,
            _VMA,
            f"{what}; the arrays alone are {arrays[0]:.0f} B a VMA and {arrays[1]:.0f} B a run",
        )
    ]
