"""ui: one frame of the map, drawn from nothing but the address space."""

from __future__ import annotations

import asyncio
import random
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from textual.geometry import Region

from bench.engine import PROCFS
from bench.report import Bound, Figure
from bench.rounds import timed
from hpview.space.address_space import AddressSpace
from hpview.stream import fold
from hpview.ui import palette
from hpview.ui.app import HpviewApp
from hpview.ui.screens.base import HpviewScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.wire import SLOT_SIZE, Backing, Kind, blank

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from bench.context import Context
    from hpview.services import Services

_SIZE: Final = (200, 60)
_FRAMES: Final = 40
_VMA_SLOTS: Final = 500
_LONGEST_RUN: Final = 8
_BASE: Final = 0x7F00_0000_0000
_BACKINGS: Final = (Backing.PTE_4K, Backing.PMD_2M, Backing.SWAP, Backing.ZERO)


def measure(ctx: Context) -> None:
    """Draw one screen after the other of an address space in which every few cells differ."""
    ctx.say("map")
    engine = next(iter(ctx.engines.values()), None) or ctx.engine(PROCFS)
    space = patchwork(_FRAMES * _SIZE[0] * _SIZE[1])
    frames = asyncio.run(_frames(engine.services, space))
    remark = (
        f"median of {len(frames)} places, none of which was drawn before, all lines;"
        f" worst {max(frames) * 1e3:.1f}; {len(space.runs):,} runs"
    )
    what = f"ui: a frame of the map, {_SIZE[0]}x{_SIZE[1]}"
    figure = Figure(what, median(frames) * 1e3, "ms", Bound.UNDER, 5, remark)
    ctx.report.figures.append(figure)


def patchwork(slots: int) -> AddressSpace:
    """An address space of so many slots, in VMAs with short runs of every backing."""
    chance = random.Random(slots)
    space = AddressSpace()
    space.feed(blank(Kind.TASK, 1).tobytes())
    for first in range(0, slots, _VMA_SLOTS):
        start = _BASE + first * SLOT_SIZE
        lengths = [chance.randint(1, _LONGEST_RUN) for _ in range(_VMA_SLOTS // _LONGEST_RUN)]
        edges = start + np.cumsum([0, *lengths], dtype=np.uint64) * np.uint64(SLOT_SIZE)
        vma, runs = blank(Kind.VMA, 1), blank(Kind.RUN, len(lengths))
        vma["start"], vma["end"] = start, start + _VMA_SLOTS * SLOT_SIZE
        vma["vm_flags"] = 3
        runs["start"], runs["end"] = edges[:-1], edges[1:]
        runs["backing"] = [chance.choice(_BACKINGS) for _ in lengths]
        table = runs["backing"] == Backing.PTE_4K
        runs["present"] = np.where(table, [chance.randint(1, 512) for _ in lengths], 0)
        runs["swapped"] = np.where(runs["backing"] == Backing.SWAP, 512, 0)
        runs["zero"] = np.where(runs["backing"] == Backing.ZERO, 512, 0)
        for name, value in fold.sums(runs, np.zeros(len(runs), dtype=np.intp), 1).items():
            vma[name] = value
        space.feed(vma.tobytes() + runs.tobytes())
    return space


class _MapScreen(HpviewScreen):
    """The map and nothing else, above the line of keys."""

    def __init__(self) -> None:
        super().__init__(palette.UNICODE)
        self.map = MemoryMap(palette.UNICODE, id="map")

    def body(self) -> ComposeResult:
        yield self.map


async def _frames(services: Services, space: AddressSpace) -> list[float]:
    app, screen = HpviewApp(services), _MapScreen()
    columns, rows = _SIZE
    async with app.run_test(size=(columns, rows + 1)) as pilot:
        await app.push_screen(screen)
        shown = screen.map
        shown.show(space)
        await pilot.pause()
        step = shown.row_count // _FRAMES
        seconds = []
        for frame in range(_FRAMES):
            shown.scroll_rows_to(frame * step)
            shown.set_rows(shown.row_count)  # forgets every line
            seconds.append(timed(lambda: shown.render_lines(Region(0, 0, *shown.size))))
    return seconds
