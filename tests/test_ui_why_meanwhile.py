"""The screen of reasons while things happen: reading, watching, exits, smaps, exports."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hpview.errors import AccessDenied, NoSuchProcess
from hpview.kernelfs.smaps import SMAPS, Smaps
from hpview.pages.slot_facts import MOST, SLOT_FACTS, Folio
from hpview.reasons.reason import Reason
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.why import WhyScreen
from hpview.wire import Source
from tests.fakes import PID, drive, press, rested, settled, until
from tests.golden import screen_lines
from tests.on_why import SLOT, A, B, current, make, opened, small, target, text
from tests.records import Script
from tests.settings_in_force import in_force, thp

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray
    from textual.pilot import Pilot

    from hpview.in_force import InForce
    from hpview.wire import Records


def test_it_works_while_the_process_is_read() -> None:
    fakes = target()
    (chunk,) = [b"".join(c for c in fakes.scripts[0] if isinstance(c, bytes))]
    fakes.scripts = [[chunk[at : at + 64] for at in range(0, len(chunk), 64)]]
    fakes.gate = threading.Semaphore(0)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, WhyScreen))
        assert "reading…" in text(app)
        fakes.gate.release(3)
        await until(pilot, lambda: "all 64 MiB that could be huge are" in text(app))
        fakes.gate.release(3)
        await until(pilot, lambda: "no MADV_HUGEPAGE" in text(app))
        await press(pilot, "j")
        fakes.gate.release(100)
        await until(pilot, lambda: "3 at VMA edges" in text(app))
        await rested(pilot, app)

    drive(app, script)


def test_a_process_that_dies_is_told_as_it_was() -> None:
    fakes = target()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        fakes.scripts.clear()
        await press(pilot, "R")
        await until(pilot, lambda: "as it was" in screen_lines(app)[0])
        assert "40 MiB no MADV_HUGEPAGE" in text(app)
        await press(pilot, "d")
        assert "d again" not in text(app)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))

    drive(app, script)


def test_no_settings_no_answers_but_a_word() -> None:
    def gone(_pid: int) -> InForce:
        raise NoSuchProcess(PID)

    app = HpviewApp(
        replace(target().services(), in_force=gone), PID, settings=Settings(refresh=1e6)
    )

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert f"no process {PID}" in text(app)
        await press(pilot, "j", "n", "l", "y", "enter", "e")
        assert isinstance(app.screen, WhyScreen)

    drive(app, script)


def test_the_cursor_stays_on_its_reason_when_others_come() -> None:
    fakes = target()
    more = Script(PID, comm=b"target").vma(A, A + 64 * SLOT, small(A, 64, present=9))
    fakes.scripts.append([*more.end().chunks()])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "n", "R")
        await until(pilot, lambda: "range 64" not in text(app) and "1 no MADV" in text(app))
        await rested(pilot, app)
        assert current(app) is Reason.NOT_ADVISED
        assert "range " in text(app)

    drive(app, script)


def test_single_pages_are_asked_once_the_screen_is_open() -> None:
    fakes = target()
    start = B + 10 * SLOT
    fakes.in_force = in_force(thp("always"))
    fakes.slot_facts = np.array(
        [(start, 0, Folio.SPLIT), (start + SLOT, 300, Folio.SMALL)], dtype=SLOT_FACTS
    )
    services = fakes.services()
    asked: list[int] = []

    def facts(pid: int, slots: NDArray[np.uint64]) -> Records:
        asked.append(len(slots))
        return services.slot_facts(pid, slots)

    app = HpviewApp(
        replace(services, slot_facts=facts), PID, settings=Settings(refresh=1e6, watch=1e6)
    )

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        assert asked == []
        await opened(pilot, app)
        assert asked == [24]
        assert asked[0] <= MOST
        assert "was huge, split since" in text(app)
        assert "too many pages shared" in text(app)
        await press(pilot, "R")
        await until(pilot, lambda: len(asked) == 2)
        await rested(pilot, app)
        assert "was huge, split since" in text(app)

    drive(app, script)


def smaps_of(*rows: tuple[int, int, int, str]) -> Smaps:
    table = np.zeros(len(rows), dtype=SMAPS)
    for at, (start, end, eligible, _) in enumerate(rows):
        table[at]["start"], table[at]["end"], table[at]["eligible"] = start, end, eligible
    return Smaps(table, tuple(flags for *_, flags in rows))


def test_smaps_is_read_when_asked_twice_and_tells_advice() -> None:
    fakes = target(Source.PAGEMAP_SCAN)
    fakes.smaps = smaps_of((B, B + 40 * SLOT, 1, "rd wr hg"))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        assert "cannot tell: advice not known" in text(app)
        assert "not known: what madvise() said of 3 huge-able VMAs" in text(app)
        await press(pilot, "d")
        assert "Reading smaps of 3 VMAs with 108 MiB takes tens of" in text(app)
        await press(pilot, "n")
        assert "Reading smaps" not in text(app)
        await press(pilot, "d", "d")
        await until(pilot, lambda: "eligible, khugepaged has not come ?" in text(app))
        assert "THPeligible is as foretold in 1" in text(app)
        assert "what madvise() said of 2 huge-able VMAs" in text(app)

    drive(app, script, (120, 40))


def test_smaps_that_differs_from_the_rules_is_a_warning() -> None:
    fakes = target()
    fakes.smaps = smaps_of((A, A + 1, 0, ""), (B, B + 40 * SLOT, 1, "rd wr"))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "d", "d")
        await until(pilot, lambda: "THPeligible differs in 1 of 1" in text(app))

    drive(app, script, (120, 40))


def test_smaps_that_may_not_be_read_is_told() -> None:
    fakes = target()
    fakes.smaps = AccessDenied(PID)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "d", "d")
        await until(pilot, lambda: "may not be read" in text(app))
        assert "40 MiB no MADV_HUGEPAGE" in text(app)

    drive(app, script)


def test_the_answers_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = make(target())

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await pilot.press("e", "enter")
        await until(pilot, lambda: bool(list(tmp_path.glob("hpview-4127-why-*.json"))))
        await until(pilot, lambda: "saved" in text(app))
        await pilot.press("e", "down", "enter")
        await until(pilot, lambda: bool(list(tmp_path.glob("hpview-4127-why-*.csv"))))

    drive(app, script)
    (path,) = tmp_path.glob("*.json")
    found = json.loads(path.read_text())
    assert found["schema"] == "hpview.why/1"
    assert [one["reason"] for one in found["reasons"]] == ["not_advised", "sparse", "edge"]
    (path,) = tmp_path.glob("*.csv")
    assert len(path.read_text().splitlines()) == 4


def test_watching_goes_on_below_it() -> None:
    fakes = target()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below = app.screen
        assert isinstance(below, ProcessScreen)
        await press(pilot, "w")
        await until(pilot, lambda: below.watching.log.scans == 1)
        await opened(pilot, app)
        reads = len(fakes.streams)
        below.watching.start()
        await until(pilot, lambda: len(fakes.streams) > reads)
        await rested(pilot, app)
        assert "40 MiB no MADV_HUGEPAGE" in text(app)

    drive(app, script)
