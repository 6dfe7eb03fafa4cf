"""When the machine screen reads, and what."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hpview.errors import HpviewError
from hpview.machine import Stopped
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.machine import MachineScreen
from hpview.ui.screens.processes import ProcessesScreen
from tests.fakes import Fakes, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.pilot import Pilot

    from hpview.host.delays import Delays
    from hpview.host.ledger import Ledger
    from hpview.host.unread import Unread

from tests.on_machine import NEVER, make, opened, shown


def counted(fakes: Fakes) -> tuple[HpviewApp, dict[str, int]]:
    """An app over services that count how often the dear parts are read."""
    counts = {"ledger": 0, "delays": 0}
    services = fakes.services()

    def ledger(stop: Callable[[], bool]) -> Ledger:
        counts["ledger"] += 1
        return services.ledger(stop)

    def delays(_pids: Sequence[int]) -> Delays | Unread:
        counts["delays"] += 1
        return fakes.delays

    changed = replace(services, ledger=ledger, delays=delays)
    return HpviewApp(changed, settings=Settings(refresh=NEVER)), counts


def test_only_what_a_section_shows_is_read_for_it() -> None:
    fakes = sample_fakes()
    app, counts = counted(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "2", "5")
        assert counts == {"ledger": 0, "delays": 0}
        assert fakes.snapshots == 1
        await press(pilot, "3")
        await rested(pilot, app)
        assert counts == {"ledger": 1, "delays": 0}
        assert "77 pages read · 19 ms" in shown(app)
        await press(pilot, "6")
        await rested(pilot, app)
        assert (fakes.snapshots, counts["delays"]) == (2, 0)
        assert "6 processes · 38 ms" in shown(app)
        # read a moment ago, and of the delays nothing was
        await press(pilot, "3", "6")
        await rested(pilot, app)
        assert (fakes.snapshots, counts["ledger"]) == (2, 1)

    drive(app, script)


def test_who_waits_is_asked_for_when_the_section_is_opened() -> None:
    app, counts = counted(sample_fakes())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "6", "4")
        assert counts["delays"] == 1
        assert "postgres: checkpointer" in shown(app)

    drive(app, script)


def test_a_key_reads_now_and_pause_stops_what_reads_by_itself() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        reads = fakes.host_reads
        await press(pilot, "space")
        assert screen.paused
        assert "paused: space goes on" in screen_lines(app)[0]
        await press(pilot, "2", "1")
        await rested(pilot, app)
        assert fakes.host_reads == reads
        await press(pilot, "R")
        await rested(pilot, app)
        assert fakes.host_reads == reads + 1
        assert "15 faults/s" in shown(app)
        await press(pilot, "space")
        await rested(pilot, app)
        assert fakes.host_reads == reads + 2
        assert "paused" not in screen_lines(app)[0]

    drive(app, script)


def test_it_reads_again_by_itself_as_often_as_the_list() -> None:
    fakes = sample_fakes()
    app = make(fakes)
    app.settings.refresh = 0.02

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "m")
        await until(pilot, lambda: fakes.host_reads > 4)
        assert "every 0.02 s" in screen_lines(app)[0]

    drive(app, script)


def test_nothing_is_read_twice_at_a_time_and_nothing_below_another_screen() -> None:
    fakes = sample_fakes(host_gate=threading.Semaphore(0))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "m", "R", "R")
        assert "reading" in shown(app)
        fakes.host_gate.release()
        await until(pilot, lambda: fakes.host_reads == 1)
        await rested(pilot, app)
        assert fakes.host_reads == 1
        fakes.host_gate.release(100)
        await press(pilot, "question_mark")
        await press(pilot, "R")
        assert fakes.host_reads == 1

    drive(app, script)


def test_a_process_list_that_fails_does_not_end_the_screen() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        fakes.snapshot_error = HpviewError("the iterator is gone")
        await press(pilot, "6")
        await rested(pilot, app)
        await pilot.pause()
        assert "processes: the iterator is gone" in shown(app)
        assert isinstance(app.screen, MachineScreen)
        fakes.snapshot_error = None
        await press(pilot, "R")
        await rested(pilot, app)
        await pilot.pause()
        assert "postgres" in shown(app)

    drive(app, script)


@pytest.mark.parametrize("key", ["3", "4"])
def test_leaving_gives_up_what_is_being_read(key: str) -> None:
    fakes = sample_fakes()
    services = fakes.services()
    begun, stopped = threading.Event(), threading.Event()

    def until_stopped(stop: Callable[[], bool]) -> Ledger:
        begun.set()
        while not stop():
            stopped.wait(0.001)
        stopped.set()
        raise Stopped

    first = fakes.processes
    app = HpviewApp(replace(services, ledger=until_stopped), settings=Settings(refresh=NEVER))
    if key == "4":
        calls = []

        def snapshot(stop: Callable[[], bool]) -> object:
            calls.append(1)
            return services.snapshot(stop) if len(calls) == 1 else until_stopped(stop)

        app = HpviewApp(
            replace(services, snapshot=snapshot),  # type: ignore[arg-type]
            settings=Settings(refresh=NEVER),
        )

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "m")
        await press(pilot, key)
        await until(pilot, begun.is_set)
        await press(pilot, "escape")
        await until(pilot, stopped.is_set)
        assert isinstance(app.screen, ProcessesScreen)
        assert fakes.processes is first

    drive(app, script)


def test_old_answers_tell_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app, "3", "1")
        assert "s ago" not in shown(app)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 40)
        screen.settings_changed()
        await pilot.pause()
        assert re.search(r"3 hugetlb .* unattributed .* 4\d s ago", shown(app))

    drive(app, script)
