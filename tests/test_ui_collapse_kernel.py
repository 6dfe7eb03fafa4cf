"""The box over a real process: what it tells is what the kernel did."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hpview import assembly
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.collapsing import Stage
from hpview.ui.screens.process import ProcessScreen
from tests.children import child
from tests.collapsed import stage
from tests.fakes import drive, press, settled
from tests.kernel_targets import AREA, PRELUDE
from tests.watched import below, map_row, text

if TYPE_CHECKING:
    from textual.pilot import Pilot

M = 2 << 20


@pytest.mark.root
@pytest.mark.parametrize("backend", ["procfs", pytest.param("bpf", marks=pytest.mark.bpf)])
def test_four_cells_become_huge(backend: str) -> None:
    code = PRELUDE + "area(4 * M)\nfor i in range(4): touch(i, 500)\n"
    with (
        closing(assembly.services(backend, no_act="")) as services,
        child(code) as process,
    ):
        app = HpviewApp(services, process.pid, settings=Settings(refresh=1e6, zoom=8 << 20))

        async def script(pilot: Pilot[None]) -> None:
            await settled(pilot, app)
            below(app).go_to(AREA)
            await press(pilot, "c")
            await stage(pilot, app, Stage.ASKING)
            assert "4 of 4 slots to be made huge" in text(app)
            assert "up to 192 KiB more memory" in text(app)
            await press(pilot, "y")
            await stage(pilot, app, Stage.TOLD)
            assert "4 of 4 slots are huge now (0 before), +192 KiB resident" in text(app)
            await press(pilot, "escape", "right")
            assert isinstance(app.screen, ProcessScreen)
            assert "+" in map_row(app, AREA)
            await press(pilot, "left", "c")
            assert "it is huge already" in " ".join(n.message for n in app._notifications)

        drive(app, script)
