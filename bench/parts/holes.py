"""(c): what a TiB of address space with next to nothing in it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import missed
from bench.engine import BPF, PROCFS
from bench.report import Bound, Figure
from bench.rounds import Measure, collect
from bench.sizes import MORE_TIB, sparse
from bench.targets import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Context
    from bench.engine import Engine
    from bench.rounds import Samples

_KINDS: Final = (BPF, PROCFS)
_SCAN: Final = "PAGEMAP_SCAN, C"
_FLOOR: Final = "bare iterator"


def measure(ctx: Context) -> None:
    """Compare a process with a TiB to one that has some more."""
    targets = {}
    for tib in (1, 1 + MORE_TIB):
        targets[tib] = start(ctx.programs, sparse(tib), ctx.report.notes.append)
        ctx.cleanup.callback(targets[tib].close)
    measures = []
    for tib, target in targets.items():
        pid = target.pid
        measures += [
            *(Measure(_name(f"hpview, {k}", tib), ctx.by(k, _read(pid))) for k in _KINDS),
            ctx.reader(_name(_SCAN, tib), "scan", str(pid)),
            ctx.reader(_name(_FLOOR, tib), "floor", str(pid), "64"),
        ]
    samples = collect(measures, ctx.options.rounds, ctx.say)
    ctx.report.add_times("c", samples)
    for kind in _KINDS:
        ctx.report.figures.append(_figure(samples, f"hpview, {kind}", 1.0, f"sparse-{kind}"))
        ctx.probes[f"sparse-{kind}"] = _probe(ctx, kind, targets[1 + MORE_TIB].pid)
    for name in (_SCAN, _FLOOR):
        ctx.report.figures.append(_figure(samples, name, None, ""))


def _name(reader: str, tib: int) -> str:
    return f"{reader}: {tib} TiB"


def _figure(samples: Samples, reader: str, limit: float | None, probe: str) -> Figure:
    """What one TiB more costs a reader, ms."""
    few, many = _name(reader, 1), _name(reader, 1 + MORE_TIB)
    added = samples.difference(many, few)
    value = None if added is None else added / MORE_TIB * 1e3
    remark = samples.why(many, few) or f"what {MORE_TIB} more cost, by {MORE_TIB}"
    what = f"(c) {reader.removeprefix('hpview, ')}, one more sparse TiB"
    return Figure(what, value, "ms", Bound.UNDER, limit, remark, probe)


def _read(pid: int) -> Callable[[Engine], float]:
    return lambda engine: engine.seconds(pid)


def _probe(ctx: Context, kind: str, pid: int) -> Callable[[], str]:
    return lambda: missed.reading(ctx.engine(kind), pid)
