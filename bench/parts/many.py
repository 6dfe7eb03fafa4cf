"""(b): many small processes, all of the machine at once."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from bench import missed
from bench.context import hpview
from bench.engine import BPF, PROCFS, Engine
from bench.errors import BenchError
from bench.rounds import Measure, collect
from bench.sizes import forest
from bench.targets import start_forest

if TYPE_CHECKING:
    from bench.context import Context

_BPF: Final = "hpview, bpf: sums of every process"
_PROCFS: Final = "hpview, procfs: sums of every process"
_SNAPSHOT: Final = "hpview, bpf: the list, with users and command lines"
_ROLLUPS: Final = "every smaps_rollup opened and read, one C process"
_SILENT: Final = "bare iterator over every process, which writes nothing"
_PS: Final = "`hpview ps`"
_CAT: Final = "`cat /proc/[0-9]*/smaps_rollup`"
_SMEM: Final = "`smem -p`"
_THPMAPS: Final = "`thpmaps --rollup`"

_SLOW_ROUNDS: Final = 3


def measure(ctx: Context) -> None:
    """Time everything that sums up the machine."""
    count = forest(ctx.options.scale)
    ctx.cleanup.callback(start_forest(ctx.programs, count).close)
    seen = f"{count} processes and those that were there"
    if BPF in ctx.engines:
        processes, vmas = ctx.engine(BPF).sums()
        seen = f"{processes:,} processes, {count:,} of them ours, {vmas:,} VMAs"
    samples = collect(_measures(ctx), ctx.options.rounds, ctx.say)
    ctx.report.add_times("b", samples)
    add = ctx.report.ratio
    add(
        "(b) bpf, sums of every process, against reading every smaps_rollup",
        *(samples, _ROLLUPS, _BPF),
        at_least=10,
        remark=f"in process, both warm; {seen}",
        probe="rollup",
    )
    add("(b) a bare iterator that writes nothing, the same", samples, _ROLLUPS, _SILENT)
    add("(b) procfs, the same", samples, _ROLLUPS, _PROCFS)
    add("(b) bpf, the list with users and command lines, the same", samples, _ROLLUPS, _SNAPSHOT)
    for peer in (_CAT, _SMEM):
        add(f"(b) {_PS} against {peer}", samples, peer, _PS, remark="whole commands")
    ctx.probes["rollup"] = lambda: missed.summing(ctx.engine(BPF))


def _measures(ctx: Context) -> list[Measure]:
    measures = [
        ctx.reader(_ROLLUPS, "readfile", "--all", "smaps_rollup"),
        Measure(_BPF, ctx.by(BPF, Engine.rollup)),
        ctx.reader(_SILENT, "floor", "0", "0"),
        Measure(_PROCFS, ctx.by(PROCFS, Engine.rollup)),
        Measure(_SNAPSHOT, ctx.by(BPF, Engine.snapshot)),
        ctx.command(_PS, hpview("ps")),
        # kernel threads have none, which cat complains of
        ctx.command(_CAT, ["sh", "-c", "cat /proc/[0-9]*/smaps_rollup 2>/dev/null; true"]),
        ctx.command(_SMEM, ["smem", "-p"], _SLOW_ROUNDS)
        if shutil.which("smem")
        else Measure(_SMEM, _not_installed),
    ]
    if ctx.options.thpmaps:
        command = [sys.executable, str(ctx.options.thpmaps), "--rollup"]
        measures.append(ctx.command(_THPMAPS, command, 1))
    return measures


def _not_installed() -> float:
    raise BenchError("not installed")
