"""Stall: how long a thread of the target waits for mmap+munmap while it is read."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Final

from bench import missed
from bench.engine import BPF, PROCFS
from bench.errors import BenchError
from bench.processes import Reader, run
from bench.report import Bound, Figure, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.context import Context
    from bench.processes import Waiting

_NOBODY: Final = "nobody (another process spins)"
_CAT: Final = "`cat smaps`"
_SCAN: Final = "PAGEMAP_SCAN of everything, C"
_LIMITS: Final = {BPF: 1.0, PROCFS: 3.0}
_PASSES: Final = {BPF: 60, PROCFS: 20, _SCAN: 40, _CAT: 10}
_REPEATS: Final = 5

Samples = list[tuple[int, float, float, float, float]]
"""Of each repeat: count, p50, p99, p99.9 and worst, seconds."""


def measure(ctx: Context, target: Waiting) -> None:
    """Read the target in a loop, by one reader after the other."""
    spent = {_NOBODY: 0.5}
    taken: dict[str, Samples] = {}
    with _apart() as cpu:
        if cpu < 0:
            ctx.report.notes.append("stall: one CPU only, the reader takes it from the thread")
        readers = _readers(ctx, target.pid)
        target.ask(f"stall {cpu}")
        try:
            while not _ask(target)[0]:
                pass  # until the thread runs
            for repeat in range(min(ctx.options.rounds, _REPEATS)):
                for name, passes in readers.items():
                    ctx.say(f"repeat {repeat + 1}: {name}")
                    if name == _NOBODY:
                        _spin(target, spent[name], taken.setdefault(name, []))
                        continue
                    began = time.perf_counter()
                    _ask(target)
                    for _ in range(_passes(ctx, name)):
                        passes()
                    taken.setdefault(name, []).append(_ask(target))
                    spent[_NOBODY] = max(spent[_NOBODY], time.perf_counter() - began)
        finally:
            target.ask("stop")
    ctx.report.waits += [
        _wait(name, samples) for name, samples in taken.items() if any(s[0] for s in samples)
    ]
    _figures(ctx)
    for kind in _LIMITS:
        ctx.probes[f"stall-{kind}"] = _probe(ctx, kind, target.pid)


def _readers(ctx: Context, pid: int) -> dict[str, Callable[[], object]]:
    readers: dict[str, Callable[[], object]] = {_NOBODY: lambda: None}
    for kind in _LIMITS:
        if kind in ctx.engines:
            engine = ctx.engine(kind)
            readers[kind] = lambda engine=engine: engine.read(pid)  # type: ignore[misc]
    try:
        scan = Reader([ctx.programs.path("scan"), str(pid)])
    except BenchError as err:
        ctx.report.notes.append(f"stall: {_SCAN}: {err}")
    else:
        ctx.cleanup.callback(scan.close)
        readers[_SCAN] = scan.seconds
    readers[_CAT] = lambda: run(ctx.programs, ["cat", f"/proc/{pid}/smaps"])
    return readers


def _passes(ctx: Context, name: str) -> int:
    return max(round(_PASSES[name] * min(ctx.options.scale * 4, 1)), 5)


@contextmanager
def _apart() -> Iterator[int]:
    """Keep this process and its children off one CPU, which is the thread's; -1: there is one."""
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2:
        yield -1
        return
    first = min(cpus)
    os.sched_setaffinity(0, cpus - {first})
    try:
        yield first
    finally:
        os.sched_setaffinity(0, cpus)


def _spin(target: Waiting, seconds: float, samples: Samples) -> None:
    """Keep the other CPUs as busy as a reader would, and touch nothing of the target."""
    end = time.perf_counter() + seconds
    _ask(target)
    while time.perf_counter() < end:
        pass
    samples.append(_ask(target))


def _ask(target: Waiting) -> tuple[int, float, float, float, float]:
    count, *ns = map(int, target.ask("report").split())
    p50, p99, p999, worst = (n / 1e9 for n in ns)
    return count, p50, p99, p999, worst


def _wait(reader: str, samples: Samples) -> Wait:
    counts, p50, p99, p999, worst = zip(*samples, strict=True)
    return Wait(
        reader,
        sum(counts),
        median(p50),
        median(p99),
        median(p999),
        median(worst),
        min(worst),
        max(worst),
    )


def _figures(ctx: Context) -> None:
    waits = {wait.reader: wait for wait in ctx.report.waits}
    alone = waits[_NOBODY].worst
    for name in (*_LIMITS, _CAT, _SCAN):
        wait, limit = waits.get(name), _LIMITS.get(name)
        remark = ctx.missing.get(name, "not measured")
        if wait is not None:
            spread = f"{wait.least_worst * 1e3:.2f} to {wait.most_worst * 1e3:.2f} ms"
            remark = f"median of the worst, which were {spread}; alone {alone * 1e3:.2f} ms"
        if limit is not None and alone * 1e3 > limit:
            limit = None
            remark += ": not judged, the machine itself lets the thread wait longer"
        ctx.report.figures.append(
            Figure(
                f"stall: worst wait added by {name}",
                None if wait is None else (wait.worst - alone) * 1e3,
                "ms",
                Bound.UNDER,
                limit,
                remark,
                f"stall-{name}",
            )
        )


def _probe(ctx: Context, kind: str, pid: int) -> Callable[[], str]:
    return lambda: missed.holding(ctx.engine(kind), pid)
