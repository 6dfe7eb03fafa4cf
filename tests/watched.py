"""A process that changes from one reading to the next, for tests of watching."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.watch import Watch
from hpview.wire import Backing
from tests.fakes import PID, Fakes, press, settled, until
from tests.golden import screen_lines
from tests.records import MIB, Script, run

if TYPE_CHECKING:
    import pytest
    from textual.pilot import Pilot

A, B = 0x7F0A40000000, 0x7F0B00000000
SLOT = 2 * MIB


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def still(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The intervals asked for; ticks come from the test alone, and midnight is at 0."""
    asked: list[float] = []
    monkeypatch.setattr(Watch, "_restart_timer", lambda self: asked.append(self.interval))
    monkeypatch.setattr(Watch, "wall_time", lambda _self, when: time.gmtime(when))
    return asked


def small(at: int, slots: int, present: int, swapped: int = 0) -> bytes:
    start = A + at * SLOT
    end = start + slots * SLOT
    return run(start, end, Backing.PTE_4K, present=present, swapped=swapped)


def first(**task: int) -> Script:
    """64 slots at A, and a neighbour that goes away."""
    script = Script(PID, comm=b"postgres", **task)
    leaf = run(A, A + 16 * SLOT)
    script.vma(A, A + 64 * SLOT, leaf, small(16, 16, 300), small(32, 16, 37))
    return script.vma(B, B + 8 * MIB, run(B, B + 8 * MIB))


def second(**task: int) -> Script:
    """Three became huge, one was split, twelve filled, two swapped, one appeared."""
    script = Script(PID, comm=b"postgres", **task)
    runs = [
        run(A, A + 4 * SLOT),
        small(4, 1, 512),
        run(A + 5 * SLOT, A + 19 * SLOT),
        small(19, 13, 300),
        small(32, 4, 37),
        small(36, 12, 40),
        run(A + 48 * SLOT, A + 50 * SLOT, Backing.SWAP, swapped=512),
    ]
    script.vma(A, A + 64 * SLOT, *runs)
    return script.vma(B + 64 * MIB, B + 66 * MIB)


def fakes_of(*scripts: Script | list[bytes]) -> Fakes:
    fakes = Fakes([])
    for found in scripts:
        fakes.scripts.append([*(found.end().chunks() if isinstance(found, Script) else found)])
    return fakes


def make(fakes: Fakes, *, ascii: bool = False) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, ascii=ascii, settings=Settings(refresh=1e6))


def below(app: HpviewApp) -> ProcessScreen:
    (screen,) = (s for s in app.screen_stack if isinstance(s, ProcessScreen))
    return screen


def text(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


def map_row(app: HpviewApp, start: int) -> str:
    """The cells of the row of the map that begins at an address."""
    gutter = f" {start:012x} "
    (found,) = (line for line in screen_lines(app)[1:-5] if gutter in line[45:])
    return found[found.rindex(gutter) + len(gutter) :]


async def watch(pilot: Pilot[None], app: HpviewApp) -> Clock:
    """Begin to watch, and wait for the first reading to be compared."""
    await settled(pilot, app)
    clock = Clock()
    below(app).watching.clock = clock
    await press(pilot, "w")
    await compared(pilot, app, 1)
    return clock


async def compared(pilot: Pilot[None], app: HpviewApp, scans: int) -> None:
    await until(pilot, lambda: below(app).watching.log.scans == scans)
    await pilot.pause()
