"""Processes to look at, and whether the machine can give them what they ask for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.errors import BenchError
from bench.processes import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.build import Programs
    from bench.sizes import Layout

_PROC: Final = Path("/proc")
_THP: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_COMPACT: Final = _PROC / "sys/vm/compact_memory"
_MAX_MAP_COUNT: Final = _PROC / "sys/vm/max_map_count"

_SPARE: Final = 256 << 20
"""Left to everything else, bytes."""

_OWN_VMAS: Final = 100
"""What the C library and the loader map, rounded up."""

_ENOUGH: Final = 0.99
"""The share of 2 MB pages below which a target is not what it is meant to be."""


def start(programs: Programs, layout: Layout, note: Callable[[str], None]) -> Waiting:
    """Start a target; it is closed by the caller.

    Args:
        programs: Where target.c was compiled to.
        layout: What it maps.
        note: Told when not all of ``layout.huge`` came in 2 MB pages.

    Raises:
        BenchError: There is not enough memory, or the kernel allows too few VMAs.
    """
    _require_memory(layout.resident)
    _require_vmas(layout.vmas + _OWN_VMAS)
    target = _start(programs, layout)
    came = huge_bytes(target.pid)
    if came < layout.huge * _ENOUGH and os.geteuid() == 0:
        target.close()
        _COMPACT.write_text("1")
        target = _start(programs, layout)
        came = huge_bytes(target.pid)
    if came < layout.huge * _ENOUGH:
        mode = _THP.read_text().strip() if _THP.exists() else "not in this kernel"
        note(
            f"only {came >> 20} of {layout.huge >> 20} MiB came in 2 MB pages; {_THP.name} of"
            f" transparent_hugepage: {mode}; free memory may be in pieces"
        )
    return target


def start_forest(programs: Programs, count: int) -> Waiting:
    """Start ``count`` small processes; closing the one returned ends them all.

    Raises:
        BenchError: There is not enough memory, or no room for so many processes.
    """
    _require_memory(count * (2 << 20))
    return Waiting([programs.path("forest"), str(count)])


def huge_bytes(pid: int) -> int:
    """Anonymous bytes in 2 MB pages, as the kernel counts them."""
    return rollup_field(pid, "AnonHugePages")


def rollup_field(pid: int, name: str) -> int:
    """A field of smaps_rollup, bytes."""
    text = (_PROC / str(pid) / "smaps_rollup").read_text()
    return _kb_field(text, name)


def count_vmas(pid: int) -> int:
    """Lines of maps without [vsyscall], which is no VMA."""
    lines = (_PROC / str(pid) / "maps").read_bytes().splitlines()
    return sum(not line.endswith(b"[vsyscall]") for line in lines)


def available() -> int:
    """Bytes that can be had without swapping."""
    return _kb_field((_PROC / "meminfo").read_text(), "MemAvailable")


def _start(programs: Programs, layout: Layout) -> Waiting:
    return Waiting([programs.path("target"), *layout.arguments])


def _require_memory(size: int) -> None:
    have = available()
    if have < size + _SPARE:
        raise BenchError(
            f"a target of {size >> 20} MiB does not fit: {have >> 20} MiB are available"
            " (a smaller --scale needs less)"
        )


def _require_vmas(count: int) -> None:
    limit = int(_MAX_MAP_COUNT.read_text())
    if limit < count:
        raise BenchError(
            f"vm.max_map_count is {limit}, a target needs {count} (a smaller --scale needs fewer)"
        )


def _kb_field(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0
