"""A whole run: its parts one after the other, each with what it needs."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from bench.build import programs
from bench.context import PARTS, Context
from bench.engine import engines
from bench.errors import BenchError
from bench.parts import growth, holes, many, model, one, ui, waiting
from bench.report import Report
from bench.sizes import big
from bench.surroundings import header
from bench.targets import start

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Options
    from bench.processes import Waiting

_OF_BIG = ("a", "stall", "memory", "growth", "ui")
"""Parts that look at target (a)."""


def measure(options: Options, say: Callable[[str], None]) -> Report:
    """Run the parts that were asked for.

    Raises:
        BenchError: Nothing could be measured; what fails in a single part is a note.
    """
    report = Report(header(options))
    with ExitStack() as stack:
        compiled = stack.enter_context(programs())
        found, missing = stack.enter_context(engines())
        ctx = Context(options, compiled, found, missing, report, say, stack)
        report.notes += [f"no {name}: {why}" for name, why in missing.items()]
        if compiled.no_floor:
            report.notes.append(f"no bare iterator: {compiled.no_floor}")
        target: Waiting | None = None
        # First those that look at the big target, which then makes room.
        if wanted := [part for part in _OF_BIG if part in options.parts]:
            say("starting target (a)")
            with ExitStack() as held:
                target = start(compiled, big(options.scale), report.notes.append)
                held.callback(target.close)
                for part in wanted:
                    _run(ctx, part, partial(_big_part, part, target))
        for part in PARTS:
            if part in options.parts and part not in _OF_BIG:
                _run(ctx, part, {"b": many.measure, "c": holes.measure}[part])
    return report


def _big_part(part: str, target: Waiting, ctx: Context) -> None:
    match part:
        case "a":
            one.measure(ctx, target.pid)
        case "stall":
            waiting.measure(ctx, target)
        case "memory":
            model.measure(ctx, target.pid)
        case "ui":
            ui.measure(ctx, target.pid)
        case _:
            growth.measure(ctx, target.pid)


def _run(ctx: Context, part: str, work: Callable[[Context], None]) -> None:
    """One part, then the profiles of what it missed, while its targets live."""
    say = ctx.say
    ctx.say = lambda text: say(f"{part}: {text}")
    ctx.probes = {}
    outer = ctx.cleanup
    before = len(ctx.report.figures)
    try:
        with ExitStack() as ctx.cleanup:
            work(ctx)
            _explain(ctx, before)
    except (BenchError, OSError) as err:
        ctx.report.notes.append(f"part {part} ended early: {err}")
    finally:
        ctx.cleanup = outer
        ctx.say = say


def _explain(ctx: Context, first: int) -> None:
    missed: dict[str, list[str]] = {}
    for figure in ctx.report.figures[first:]:
        if figure.reached is False and figure.probe in ctx.probes:
            missed.setdefault(figure.probe, []).append(figure.what)
    for probe, figures in missed.items():
        ctx.say(f"profile for {figures[0]}")
        ctx.report.profiles["; ".join(figures)] = ctx.probes[probe]()
