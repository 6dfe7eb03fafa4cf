"""Where the time goes: run for figures that were not reached."""

from __future__ import annotations

import cProfile
import io
import json
import os
import pstats
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from bench.engine import BPF
from bench.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.engine import Engine

_TOP: Final = 12
_STATS: Final = Path("/proc/sys/kernel/bpf_stats_enabled")
_PASSES: Final = 5


def reading(engine: Engine, pid: int) -> str:
    """Of one process: in read(), in the program, in decoding, and by function."""
    engine.read(pid)
    began = time.perf_counter()
    inside = sum(engine.read(pid)[1].seconds for _ in range(_PASSES)) / _PASSES
    total = (time.perf_counter() - began) / _PASSES
    lines = [
        f"a pass {total * 1e3:.2f} ms: inside read() {inside * 1e3:.2f} ms, {inside / total:.0%};"
        f" the rest (decoding, model) {(total - inside) * 1e3:.2f} ms"
    ]
    if engine.name == BPF:
        lines += _in_kernel(lambda: engine.read(pid))
    return "\n".join(lines) + "\n\n" + _by_function(lambda: engine.read(pid))


def summing(engine: Engine) -> str:
    """Of the whole machine."""
    lines = [f"a pass {engine.rollup() * 1e3:.2f} ms"]
    lines += _in_kernel(engine.sums)
    return "\n".join(lines) + "\n\n" + _by_function(engine.sums)


def holding(engine: Engine, pid: int) -> str:
    """How long single reads take: no lock is held between two of them."""
    spent = engine.longest_reads(pid, _PASSES)
    shown = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    parts = [f"{name} {spent[int(len(spent) * q)] * 1e3:.2f}" for name, q in shown.items()]
    return f"{len(spent)} reads, ms: {', '.join(parts)}, longest {spent[-1] * 1e3:.2f}"


def command(arguments: Sequence[str]) -> str:
    """Of a whole hpview command, its start included."""
    with NamedTemporaryFile(suffix=".prof") as found:
        line = [sys.executable, "-m", "cProfile", "-o", found.name, "-m", "hpview", *arguments]
        subprocess.run(line, stdout=subprocess.DEVNULL, cwd=ROOT, check=False)
        return _top(found.name)


def _by_function(work: Callable[[], object]) -> str:
    profile = cProfile.Profile()
    profile.runcall(work)
    return _top(profile)


def _top(source: cProfile.Profile | str) -> str:
    out = io.StringIO()
    pstats.Stats(source, stream=out).strip_dirs().sort_stats("tottime").print_stats(_TOP)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    return "\n".join(line for line in lines if not line.endswith(".prof"))


def _in_kernel(work: Callable[[], object]) -> list[str]:
    """Time inside BPF programs, where the kernel may be asked to count it."""
    if shutil.which("bpftool") is None:
        return ["(no bpftool here: time inside the BPF program unknown)"]
    try:
        with _counting():
            before = _run_times()
            work()
            after = _run_times()
    except OSError as err:
        return [f"(time inside the BPF program unknown: {err})"]
    lines = []
    for key, (name, ns, count) in after.items():
        _, ns_before, count_before = before.get(key, ("", 0, 0))
        if count > count_before:
            spent, calls = ns - ns_before, count - count_before
            lines.append(
                f"of it inside the BPF program {name}: {spent / 1e6:.2f} ms in {calls} calls,"
                f" {spent / calls:.0f} ns each"
            )
    return lines


@contextmanager
def _counting() -> Iterator[None]:
    before = _STATS.read_text()
    _STATS.write_text("1")
    try:
        yield
    finally:
        _STATS.write_text(before)


def _run_times() -> dict[int, tuple[str, int, int]]:
    said = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=False)
    return {
        prog["id"]: (prog.get("name", "?"), prog.get("run_time_ns", 0), prog.get("run_cnt", 0))
        for prog in json.loads(said.stdout or b"[]")
        if prog.get("type") == "tracing" and _ours(prog)
    }


def _ours(prog: dict[str, Any]) -> bool:
    """Others may have programs too; a bpftool that cannot tell counts theirs."""
    holders = prog.get("pids")
    return holders is None or os.getpid() in {holder["pid"] for holder in holders}
