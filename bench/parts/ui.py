"""ui: how long the one at the keyboard waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.parts import ui_list, ui_map, ui_process, ui_start

if TYPE_CHECKING:
    from bench.context import Context


def measure(ctx: Context, pid: int) -> None:
    """Time the app in a terminal: its start, the list, and the process that is target (a)."""
    ui_start.measure(ctx, pid)
    ui_process.measure(ctx, pid)
    ui_list.measure(ctx)
    ui_map.measure(ctx)
