"""(a): one big process, by every reader."""

from __future__ import annotations

import subprocess
import sys
from operator import sub
from typing import TYPE_CHECKING, Final

from bench import missed
from bench.context import hpview
from bench.engine import BPF, PROCFS
from bench.processes import ROOT
from bench.rounds import Measure, collect
from bench.sizes import sparse
from bench.targets import start

if TYPE_CHECKING:
    from bench.context import Context
    from bench.engine import Engine
    from bench.rounds import Samples

_BPF: Final = "hpview, bpf: totals and runs"
_BPF_NAMES: Final = "hpview, bpf: totals, runs and names"
_BPF_RAW: Final = "hpview, bpf: records only"
_PROCFS: Final = "hpview, procfs: totals and runs"
_PROCFS_RAW: Final = "hpview, procfs: records only"
_FLOOR64: Final = "bare iterator, 64-byte records"
_FLOOR16: Final = "bare iterator, 16-byte records"
_SCAN: Final = "PAGEMAP_SCAN of everything, C"
_SMAPS: Final = "smaps read to the end, C"
_ROLLUP: Final = "smaps_rollup read to the end, C"
_ENTRIES: Final = "pagemap, 8 bytes a page (what pagemon reads), C"
_SCAN_COMMAND: Final = "`hpview scan PID`"
_JSON_COMMAND: Final = "`hpview scan PID --format json`"
_FOLIOS_COMMAND: Final = "`hpview scan PID --folios`"
_CAT: Final = "`cat smaps`"
_CAT_ROLLUP: Final = "`cat smaps_rollup`"
_THPMAPS: Final = "`thpmaps --pid PID`"
_THPMAPS_ROLLUP: Final = "`thpmaps --pid PID --rollup`"
_THPMAPS_START: Final = "`thpmaps --pid` of an empty process"
_THPMAPS_SCAN: Final = "thpmaps --rollup without its start"

_SLOW_ROUNDS: Final = 3


def measure(ctx: Context, pid: int) -> None:
    """Time everything that reads one process."""
    for engine in ctx.engines.values():
        if wrong := engine.check(pid):
            ctx.report.notes.append(wrong)
    samples = collect(_measures(ctx, pid), ctx.options.rounds, ctx.say)
    if ctx.options.thpmaps:
        samples.derive(_THPMAPS_SCAN, sub, _THPMAPS_ROLLUP, _THPMAPS_START)
    else:
        why = "give its path with --thpmaps"
        samples.missing |= dict.fromkeys((_THPMAPS, _THPMAPS_ROLLUP, _THPMAPS_SCAN), why)
    ctx.report.add_times("a", samples)
    _figures(ctx, samples)
    ctx.probes["read-bpf"] = lambda: missed.reading(ctx.engine(BPF), pid)
    ctx.probes["read-procfs"] = lambda: missed.reading(ctx.engine(PROCFS), pid)
    ctx.probes["command"] = lambda: missed.command(["scan", str(pid)])


def _measures(ctx: Context, pid: int) -> list[Measure]:
    proc = f"/proc/{pid}"

    def read(engine: Engine) -> float:
        return engine.seconds(pid)

    def named(engine: Engine) -> float:
        return engine.seconds(pid, names=True)

    def raw(engine: Engine) -> float:
        return engine.drained(pid)

    return [
        ctx.reader(_FLOOR64, "floor", str(pid), "64"),
        Measure(_BPF, ctx.by(BPF, read)),
        ctx.reader(_FLOOR16, "floor", str(pid), "16"),
        Measure(_BPF_RAW, ctx.by(BPF, raw)),
        Measure(_BPF_NAMES, ctx.by(BPF, named)),
        ctx.reader(_SMAPS, "readfile", f"{proc}/smaps"),
        ctx.reader(_ROLLUP, "readfile", f"{proc}/smaps_rollup"),
        ctx.reader(_SCAN, "scan", str(pid)),
        ctx.reader(_ENTRIES, "entries", str(pid)),
        Measure(_PROCFS, ctx.by(PROCFS, read)),
        Measure(_PROCFS_RAW, ctx.by(PROCFS, raw)),
        ctx.command(_SCAN_COMMAND, hpview("scan", str(pid))),
        ctx.command(_JSON_COMMAND, hpview("scan", str(pid), "--format", "json")),
        *_folios(ctx, pid),
        ctx.command(_CAT, ["cat", f"{proc}/smaps"]),
        ctx.command(_CAT_ROLLUP, ["cat", f"{proc}/smaps_rollup"]),
        *_thpmaps(ctx, pid),
    ]


def _folios(ctx: Context, pid: int) -> list[Measure]:
    said = subprocess.run(hpview("scan", "--help"), capture_output=True, cwd=ROOT, check=False)
    if b"--folios" not in said.stdout:
        return []
    return [ctx.command(_FOLIOS_COMMAND, hpview("scan", str(pid), "--folios"))]


def _thpmaps(ctx: Context, pid: int) -> list[Measure]:
    if ctx.options.thpmaps is None:
        return []
    empty = start(ctx.programs, sparse(0), ctx.report.notes.append)
    ctx.cleanup.callback(empty.close)
    # The same interpreter as hpview's, which is known to have numpy.
    base = [sys.executable, str(ctx.options.thpmaps), "--pid"]
    return [
        ctx.command(_THPMAPS, [*base, str(pid)], _SLOW_ROUNDS),
        ctx.command(_THPMAPS_ROLLUP, [*base, str(pid), "--rollup"], _SLOW_ROUNDS),
        ctx.command(_THPMAPS_START, [*base, str(empty.pid), "--rollup"], _SLOW_ROUNDS),
    ]


def _figures(ctx: Context, samples: Samples) -> None:
    add = ctx.report.ratio
    add(
        "(a) bpf, read and decoded into totals and runs, against the bare iterator",
        *(samples, _BPF, _FLOOR64),
        at_most=1.6,
        remark="64-byte records",
        probe="read-bpf",
    )
    add(
        "(a) bpf, the same, against reading smaps",
        *(samples, _SMAPS, _BPF),
        at_least=8,
        remark="in process, both warm",
        probe="read-bpf",
    )
    for thpmaps in (_THPMAPS, _THPMAPS_ROLLUP):
        add(
            f"(a) {_SCAN_COMMAND} against {thpmaps}",
            *(samples, thpmaps, _SCAN_COMMAND),
            at_least=12,
            remark="whole commands",
            probe="command",
        )
    add(
        "(a) procfs, totals and runs, against thpmaps, scan only",
        *(samples, _THPMAPS_SCAN, _PROCFS),
        at_least=20,
        remark="thpmaps --rollup without its start",
        probe="read-procfs",
    )
    _beside(ctx, samples)


def _beside(ctx: Context, samples: Samples) -> None:
    add, whole = ctx.report.ratio, "whole commands"
    add("(a) bpf with names against the bare iterator", samples, _BPF_NAMES, _FLOOR64)
    add("(a) bpf against the bare iterator of 16-byte records", samples, _BPF, _FLOOR16)
    add("(a) bpf against PAGEMAP_SCAN in C", samples, _SCAN, _BPF)
    add("(a) bpf against reading smaps_rollup", samples, _ROLLUP, _BPF)
    add("(a) procfs against reading smaps", samples, _SMAPS, _PROCFS)
    add(f"(a) {_SCAN_COMMAND} against {_CAT}", samples, _CAT, _SCAN_COMMAND, remark=whole)
    if _FOLIOS_COMMAND in samples.taken:
        what = f"(a) {_FOLIOS_COMMAND} against {_THPMAPS}"
        add(what, samples, _THPMAPS, _FOLIOS_COMMAND, remark=whole)
