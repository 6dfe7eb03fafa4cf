"""The screen of a slot on processes of this machine."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hpview import assembly
from hpview.demo import Demo
from hpview.pages.page import PageBit
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests.children import child
from tests.fakes import drive, press, settled, until
from tests.folio_targets import FOLIO_PRELUDE, THP, folio_sizes
from tests.kernel_targets import AREA
from tests.on_slot import grid, open_slot, shown

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from hpview.ui.screens.slot import SlotScreen

pytestmark = [pytest.mark.root, pytest.mark.bpf]

MISSING = 100
"""The page that slot 1 of "THP with holes" lacks."""

SMALL_FOLIOS = (
    FOLIO_PRELUDE
    + """
put(M // 2, M, HUGEPAGE)
with open('/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled', 'w') as f:
    f.write('madvise')
fill(M // 2, 32 * K)
check(libc.madvise(A + M // 2 + 20 * K, K, DONTNEED))
"""
)


async def show(pilot: Pilot[None], app: HpviewApp, address: int) -> SlotScreen:
    """The slot of an address, from whatever screen of the process is on top."""
    if not isinstance(app.screen, ProcessScreen):
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
    return await open_slot(pilot, app, address)


@pytest.mark.usefixtures("swap")
def test_slots_of_the_demo_until_it_ends() -> None:
    with Demo.spawn() as demo, closing(assembly.services("bpf")) as services:
        app = HpviewApp(services, demo.pid, settings=Settings(refresh=1e6))

        def start(name: str) -> int:
            region = demo.region(name)
            assert region is not None
            return region.start

        async def script(pilot: Pilot[None]) -> None:
            await settled(pilot, app)
            screen = await show(pilot, app, start("THP with holes"))
            assert "one 2M page, mapped by one entry" in shown(app)
            await press(pilot, "right_square_bracket")
            await until(pilot, lambda: "folios 2M x1, 1 partly mapped" in shown(app))
            await press(pilot, "n")
            assert grid(app).cursor == MISSING
            assert "not present" in shown(app)
            await press(pilot, "left")
            assert f"2M folio, page {MISSING} of 512, aligned, partly mapped, by 4 kB" in shown(app)
            await show(pilot, app, start("4 kB, sparse") + 3 * SLOT_SIZE)
            assert "4/512 present" in shown(app)
            assert "4k x4" in shown(app)
            await show(pilot, app, start("swapped out"))
            assert re.search(r"▚ swapped [1-9]", shown(app))
            await show(pilot, app, start("guard pages"))
            assert "g guard 16" in shown(app)
            assert "guard page: any access faults" in shown(app)
            screen = await show(pilot, app, start("shared memory, 4 kB"))
            assert screen.slot is not None
            assert screen.slot.having(PageBit.FILE).all()
            demo.close()
            await press(pilot, "R")
            await until(pilot, lambda: shown(app).count(f"no process {demo.pid}") == 2)
            assert "file or shmem 512" in shown(app)

        drive(app, script)


@pytest.mark.skipif(not (THP / "hugepages-64kB").exists(), reason="no small folios (Linux 6.8)")
def test_folios_between_4k_and_2m() -> None:
    with (
        folio_sizes(),
        child(SMALL_FOLIOS) as started,
        closing(assembly.services("bpf")) as services,
    ):
        app = HpviewApp(services, started.pid, settings=Settings(refresh=1e6))

        async def script(pilot: Pilot[None]) -> None:
            await settled(pilot, app)
            # the VMA begins in the middle of the slot
            screen = await show(pilot, app, AREA)
            assert screen.address == AREA + 256 * PAGE_SIZE
            assert "256 of 512 pages in this mapping · folios 64k x2, 1 partly mapped" in shown(app)
            assert "64k folio, page 1 of 16, aligned" in shown(app)

        drive(app, script)
