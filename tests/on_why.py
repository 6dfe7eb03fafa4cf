"""The screen of reasons over a process made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.kernelfs.maps import Mapping
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.why import WhyScreen
from hpview.ui.widgets.reason_list import ReasonList
from hpview.wire import Backing, Source, VmFlag
from tests.fakes import PID, Fakes, rested, settled, until
from tests.golden import screen_lines
from tests.records import GIB, MIB, Script, run, task
from tests.settings_in_force import in_force, thp

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.reasons.reason import Reason

A, B = 0x7F0000000000, 0x7F1000000000
SLOT = 2 * MIB


def make(fakes: Fakes, *, ascii: bool = False) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, ascii=ascii, settings=Settings(refresh=1e6, watch=1e6))


def small(start: int, slots: int, present: int = 512) -> bytes:
    return run(start, start + slots * SLOT, Backing.PTE_4K, present=present)


def target(source: Source = Source.BPF) -> Fakes:
    """Of 128 MiB: 64 huge, 40 not advised in three ranges, 8 sparse, half a MiB at an edge."""
    script = Script(PID)
    script.records[0] = task(PID, source=source)
    end = A + 32 * SLOT
    script.vma(A, end, run(A, end), vm_flags=0x3 | VmFlag.HUGEPAGE)
    script.vma(
        B,
        B + 40 * SLOT,
        small(B, 4),
        small(B + 10 * SLOT, 12),
        small(B + 30 * SLOT, 4),
    )
    C = B + GIB
    script.vma(
        C,
        C + 4 * SLOT + 128 * 4096,
        small(C, 4, present=256),
        run(C + 4 * SLOT, C + 4 * SLOT + 128 * 4096, Backing.PTE_4K, present=128),
        vm_flags=0x3 | VmFlag.HUGEPAGE,
    )
    fakes = Fakes([[*script.end().chunks()]])
    fakes.mappings = [Mapping(B, B + 40 * SLOT, 3, 0, 0, 0, "[anon:\x1b[31mx]")]
    fakes.in_force = in_force(thp(max_ptes_none=64))
    return fakes


async def opened(pilot: Pilot[None], app: HpviewApp) -> WhyScreen:
    await settled(pilot, app)
    await rested(pilot, app)
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, WhyScreen))
    await rested(pilot, app)
    assert isinstance(app.screen, WhyScreen)
    return app.screen


def text(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


def current(app: HpviewApp) -> Reason | None:
    row = app.screen.query_one(ReasonList).current
    assert row is not None
    return row.key[0]
