"""Why memory is not huge, on the screens of a process and of a slot."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hpview.errors import AccessDenied, NoSuchProcess
from hpview.pages.slot_facts import SLOT_FACTS, Folio
from hpview.settings import Settings
from hpview.ui import asking
from hpview.ui.app import HpviewApp
from hpview.ui.screens.process import ProcessScreen
from hpview.wire import Backing
from tests.fake_slots import Pages
from tests.fakes import PID, Fakes, drive, press, rested, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.on_slot import open_slot
from tests.records import MIB, Script, in_turn, run
from tests.settings_in_force import in_force, thp

if TYPE_CHECKING:
    import pytest
    from numpy.typing import NDArray
    from textual.pilot import Pilot

    from hpview.in_force import InForce
    from hpview.wire import Records

A = 0x7F0000000000
MIXED = 0x7F0A40000000


def make(fakes: Fakes) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, settings=Settings(refresh=1e6))


def on_top(app: HpviewApp) -> ProcessScreen:
    assert isinstance(app.screen, ProcessScreen)
    return app.screen


def detail(app: HpviewApp) -> str:
    return screen_lines(app)[-5]


def half_huge(**changes: object) -> Fakes:
    """One VMA: 6 MiB huge, 2 MiB in full 4 kB pages; settings that ask for advice."""
    script = Script(PID, comm=b"half")
    script.vma(
        A,
        A + 8 * MIB,
        run(A, A + 6 * MIB),
        run(A + 6 * MIB, A + 8 * MIB, Backing.PTE_4K, present=512),
    )
    fakes = Fakes([[*script.end().chunks()]])
    for name, value in changes.items():
        setattr(fakes, name, value)
    return fakes


def test_the_header_tells_coverage_and_the_detail_line_why() -> None:
    app = make(half_huge())

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        assert "coverage 75 % of 8.0 MiB huge-able" in screen_lines(app)[0]
        on_top(app).go_to(A)
        await pilot.pause()
        assert "2M huge page" in detail(app)
        assert "program" not in detail(app)
        on_top(app).go_to(A + 6 * MIB)
        await pilot.pause()
        assert "· the program did not ask: no MADV_HUGEPAGE (enabled madvise)" in detail(app)
        await press(pilot, "minus", "minus")
        assert "2.0 MiB no MADV_HUGEPAGE" in detail(app)

    drive(app, script)


def test_a_sparse_slot_names_the_limit() -> None:
    fakes = sample_fakes(in_force=in_force(thp("always", max_ptes_none=64)))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        on_top(app).go_to(MIXED + 32 * MIB)
        await pilot.pause()
        assert "37/512 pages · 3 swapped" in detail(app)
        assert "· too sparse for khugepaged (max_ptes_none 64)" in detail(app)
        on_top(app).go_to(MIXED)
        await pilot.pause()
        assert "possibly: eligible, khugepaged has not come" in detail(app)
        on_top(app).go_to(MIXED + 66 * MIB)
        await pilot.pause()
        assert "2M huge page" in detail(app)
        on_top(app).go_to(MIXED + 110 * MIB)
        await pilot.pause()
        assert detail(app).rstrip().endswith("source bpf")

    drive(app, script, (160, 36))


def test_single_pages_are_asked_when_the_cursor_is_where_they_tell_more() -> None:
    asked: list[int] = []
    fakes = sample_fakes(in_force=in_force(thp("always")))
    fakes.slot_facts = np.array([(MIXED, 0, Folio.SPLIT)], dtype=SLOT_FACTS)
    services = fakes.services()

    def facts(pid: int, slots: NDArray[np.uint64]) -> Records:
        asked.append(len(slots))
        return services.slot_facts(pid, slots)

    app = HpviewApp(replace(services, slot_facts=facts), PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        assert asked == []
        on_top(app).go_to(MIXED)
        await until(pilot, lambda: "it was huge and was split" in detail(app))
        await rested(pilot, app)
        assert len(asked) == 1
        await press(pilot, "l", "l")
        await rested(pilot, app)
        assert "khugepaged has not come" in detail(app)
        assert len(asked) == 1

    drive(app, script)


def test_narrow_lines_tell_less_of_why() -> None:
    app = make(half_huge())

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        on_top(app).go_to(A + 6 * MIB)
        await pilot.pause()
        assert "· no MADV_HUGEPAGE" in detail(app)
        await pilot.resize_terminal(70, 20)
        assert detail(app).rstrip().endswith("· no MADV_HUGEP…")
        await pilot.resize_terminal(60, 20)
        assert detail(app).rstrip().endswith("512/512 pages")

    drive(app, script, (80, 24))


def test_while_it_is_read_the_answers_follow() -> None:
    fakes = half_huge(gate=threading.Semaphore(0))
    some = Script(PID).vma(A, A + 8 * MIB, run(A, A + 8 * MIB))
    more = Script(PID).vma(A + 16 * MIB, A + 24 * MIB, run(A + 16 * MIB, A + 24 * MIB, 1))
    fakes.scripts = [[*in_turn(some, more)]]
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        screen = on_top(app)
        await until(pilot, lambda: screen.asking.answers is not None)
        first = screen.asking.answers
        assert first is not None
        assert first.space is not screen.space
        assert first.breakdown.coverage == 1
        fakes.gate.release(100)
        await settled(pilot, app)
        await rested(pilot, app)
        last = screen.asking.answers
        assert last is not None
        assert last.space is screen.space
        assert len(screen.asking.mains(screen.space)) == len(screen.space.vmas)

    drive(app, script)


def test_the_last_answers_wait_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor when the end is reached while the rules are applied to what was known before it."""
    monkeypatch.setattr(asking, "_LEAST_REST", 1e6)
    fakes = half_huge(gate=threading.Semaphore(0))
    fakes.scripts = [[*in_turn(Script(PID).vma(A, A + 8 * MIB), Script(PID))]]
    services = fakes.services()
    begun, go_on = threading.Event(), threading.Event()

    def settings(pid: int) -> InForce:
        begun.set()
        assert go_on.wait(10)
        return services.in_force(pid)

    app = HpviewApp(replace(services, in_force=settings), PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, begun.is_set)
        fakes.gate.release(100)
        await settled(pilot, app)
        go_on.set()
        await rested(pilot, app)
        answers = on_top(app).asking.answers
        assert answers is not None
        assert answers.space is on_top(app).space
        on_top(app).asking.need_pages()
        await rested(pilot, app)
        assert on_top(app).asking.answers is not answers

    drive(app, script)


def test_a_process_that_dies_keeps_its_answers() -> None:
    fakes = half_huge()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        fakes.scripts.clear()
        await press(pilot, "R")
        await until(pilot, lambda: "no process" in screen_lines(app)[-2])
        assert "coverage 75 %" in screen_lines(app)[0]
        assert "as it was" in screen_lines(app)[0]

    drive(app, script)


def test_settings_that_cannot_be_read_leave_the_reasons_out() -> None:
    fakes = half_huge()

    def gone(_pid: int) -> InForce:
        raise NoSuchProcess(PID)

    app = HpviewApp(replace(fakes.services(), in_force=gone), PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        assert on_top(app).asking.answers is None
        assert on_top(app).asking.problem == f"no process {PID}"
        assert "8.0 MiB resident" in screen_lines(app)[0]
        on_top(app).go_to(A + 6 * MIB)
        await pilot.pause()
        assert "program" not in detail(app)

    drive(app, script)


def test_settings_of_a_process_that_is_gone_meanwhile_stay_known() -> None:
    fakes = half_huge()
    services = fakes.services()
    there = [True]

    def settings(pid: int) -> InForce:
        if not there[0]:
            raise NoSuchProcess(pid)
        return services.in_force(pid)

    app = HpviewApp(replace(services, in_force=settings), PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        there[0] = False
        await press(pilot, "R")
        await rested(pilot, app)
        answers = on_top(app).asking.answers
        assert answers is not None
        assert answers.space is on_top(app).space
        assert on_top(app).asking.problem == ""

    drive(app, script)


def test_the_slot_screen_tells_why_by_its_own_pages() -> None:
    start = MIXED + 34 * MIB
    fakes = sample_fakes(in_force=in_force(thp("always")))
    fakes.slot_facts = np.array([(start, 0, Folio.SPLIT)], dtype=SLOT_FACTS)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app, start)
        await rested(pilot, app)
        assert app.screen is screen
        assert screen_lines(app)[1].rstrip() == " not huge: it was huge and was split"
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: screen.slot is not None and screen.slot.start < start)
        words = " not huge: possibly: eligible, khugepaged has not come"
        assert screen_lines(app)[1].rstrip() == words

    drive(app, script)


def test_reading_a_slot_again_tells_why_it_is_not_huge_now() -> None:
    fakes = half_huge()
    fakes.slots = [Pages(A + 6 * MIB).run(512).slot()]
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app, A + 6 * MIB)
        await until(pilot, lambda: "no MADV_HUGEPAGE" in screen_lines(app)[1])
        fakes.in_force = in_force(thp("never"))
        await press(pilot, "R")
        await until(pilot, lambda: "switched off" in screen_lines(app)[1])
        assert len(fakes.streams) == 2
        assert "MADV" not in screen_lines(app)[1]

    drive(app, script, (160, 36))


def test_pages_that_may_not_be_read_are_told_as_not_known() -> None:
    fakes = half_huge()

    def denied(pid: int, _slots: object) -> Records:
        raise AccessDenied(pid)

    services = replace(fakes.services(), slot_facts=denied)
    app = HpviewApp(services, PID, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await rested(pilot, app)
        on_top(app).asking.need_pages()
        await rested(pilot, app)
        found = on_top(app).asking.found
        assert found is not None
        assert "may not be read" in found.no_facts

    drive(app, script)
