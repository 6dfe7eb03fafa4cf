"""Why something is done without: above the list, and once on the screens that have no place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.wire import Source
from tests.fakes import PID, Fakes, sample_fakes
from tests.golden import screen_lines
from tests.piloting import drive, press, settled, until
from tests.records import GIB, MIB, Script, end, task, vma

if TYPE_CHECKING:
    from textual.pilot import Pilot

NEVER = 1e6
LONG = "PAGEMAP_SCAN is not available: " + "x" * 200


def make(fakes: Fakes, pid: int | None = None) -> HpviewApp:
    return HpviewApp(fakes.services(), pid, settings=Settings(refresh=NEVER, watch=NEVER))


def told(app: HpviewApp) -> list[str]:
    return [notice.message for notice in app._notifications]


def test_the_list_shows_them_as_they_come() -> None:
    fakes = sample_fakes(notices=[])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        first = screen_lines(app)
        fakes.notices = ["bpf is not available: [b]no\x1b", LONG]
        await press(pilot, "R")
        await until(pilot, lambda: "bpf is not" in screen_lines(app)[2])
        lines = screen_lines(app)
        assert lines[2].rstrip() == r" bpf is not available: [b]no\x1b"
        assert lines[3].startswith(" PAGEMAP_SCAN is not available: xxx")
        assert lines[3].endswith("…")
        assert lines[4] == first[2]
        assert told(app) == []

    drive(app, script)


def test_a_process_opened_at_once_tells_each_once() -> None:
    fakes = sample_fakes(notices=["bpf is not available: [b]no\x1b"])
    app = make(fakes, PID)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await until(pilot, lambda: told(app) == [r"bpf is not available: [b]no\x1b"])
        app.clear_notifications()
        await press(pilot, "R", "escape")
        await until(pilot, lambda: "bpf is not" in screen_lines(app)[2])
        assert told(app) == []

    drive(app, script)


def test_a_change_of_source_in_mid_read_is_not_called_another_program() -> None:
    base = 16 * GIB
    first = task(PID, source=Source.BPF) + vma(base, base + MIB)
    anew = task(PID, mm=2, source=Source.PAGEMAP_SCAN) + vma(base, base + MIB)
    whole = Script(PID, mm=2).vma(base, base + MIB).end()
    fakes = sample_fakes(scripts=[[first, anew + end(tasks=1, vmas=1)], [*whole.chunks()]])
    app = make(fakes, PID)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert len(fakes.streams) == 2
        assert told(app) == [f"process {PID} is read from pagemap_scan now: reading it again"]

    drive(app, script)
