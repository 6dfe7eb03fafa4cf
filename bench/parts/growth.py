"""Growth: the same target at a quarter, at half and at full size."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bench.engine import BPF, PROCFS
from bench.rounds import Measure, collect
from bench.sizes import big
from bench.targets import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Context
    from bench.engine import Engine

_NOISE: Final = 0.1
_SHARES: Final = {"a quarter": 0.25, "half": 0.5, "full size": 1.0}


def measure(ctx: Context, full: int) -> None:
    """Read all three in turn.

    Args:
        ctx: The run.
        full: The pid of the target at full size.
    """
    pids = {}
    for size, share in _SHARES.items():
        if share == 1.0:
            pids[size] = full
            continue
        target = start(ctx.programs, big(ctx.options.scale * share), ctx.report.notes.append)
        ctx.cleanup.callback(target.close)
        pids[size] = target.pid
    measures = []
    for size, pid in pids.items():
        measures += [
            *(
                Measure(f"hpview, {kind}: {size}", ctx.by(kind, _read(pid)))
                for kind in (BPF, PROCFS)
            ),
            ctx.reader(f"bare iterator: {size}", "floor", str(pid), "64"),
            ctx.reader(f"smaps, C: {size}", "readfile", f"/proc/{pid}/smaps"),
        ]
    samples = collect(measures, ctx.options.rounds, ctx.say)
    ctx.report.add_times("growth", samples)
    for name in (f"hpview, {BPF}", f"hpview, {PROCFS}", "bare iterator", "smaps, C"):
        ours = name.startswith("hpview")
        for small, large in pairwise(_SHARES):
            ctx.report.ratio(
                f"growth: {name.removeprefix('hpview, ')}, {large} against {small}",
                *(samples, f"{name}: {large}", f"{name}: {small}"),
                at_most=2 * (1 + _NOISE) if ours else None,
                remark=f"2, and {_NOISE:.0%} for noise" if ours else "",
            )


def _read(pid: int) -> Callable[[Engine], float]:
    return lambda engine: engine.seconds(pid)
