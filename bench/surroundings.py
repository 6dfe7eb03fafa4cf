"""Where the numbers come from."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.context import PARTS
from bench.processes import ROOT

if TYPE_CHECKING:
    from bench.context import Options

_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def header(options: Options) -> dict[str, str]:
    """Machine, versions and options, by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "kernel": f"{platform.release()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} CPUs",
        "memory": f"{memory:.1f} GiB, THP {_chosen_thp()}",
        "Python": f"{platform.python_version()}, numpy {np.__version__}",
        "hpview": _commit(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "rounds": str(options.rounds),
    }
    if options.scale != 1:
        found["scale"] = f"{options.scale:g}: not the sizes that the limits are stated for"
    if options.parts != frozenset(PARTS):
        found["only"] = ", ".join(part for part in PARTS if part in options.parts)
    return found


def _processor() -> str:
    model, hypervisor = platform.machine(), ""
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
        elif key.strip() == "flags" and " hypervisor" in value:
            hypervisor = " (virtual)"
    return model + hypervisor


def _chosen_thp() -> str:
    try:
        return _THP.read_text().partition("[")[2].partition("]")[0]
    except OSError:
        return "not in this kernel"


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() if not done.returncode else ""

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "hpview", "bpfprog")
    except FileNotFoundError:
        return "unknown"
    return (commit or "unknown") + (" and changes" if changed else "")
