"""Where nothing is collapsed, and from where it can be asked for."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hpview.errors import NoSuchProcess
from hpview.ui.collapsing import Stage
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.slot import SlotScreen
from hpview.wire import VmFlag
from tests.collapsed import after, before, box, dialog, on_cell, scripted, stage, told
from tests.fake_acting import FakeActing
from tests.fakes import PID, drive, press, rested, sample_fakes, settled, until
from tests.on_slot import PLACE, open_slot
from tests.records import MIB, Script, run
from tests.settings_in_force import DISK, in_force
from tests.watched import SLOT, A, below, fakes_of, make, small, text

if TYPE_CHECKING:
    from textual.pilot import Pilot


def test_without_the_right_the_box_says_so_before_trying() -> None:
    acting = FakeActing(told="to collapse memory of another process takes CAP_SYS_NICE")
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        assert "takes CAP_SYS_NICE" in text(app)
        assert "leave it alone" not in text(app)
        await press(pilot, "y", "right", "enter")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)
    assert acting.asked == []
    assert acting.closed


@pytest.mark.parametrize("where", ["hold", "collapse"])
def test_a_process_that_is_gone(where: str) -> None:
    acting = FakeActing()
    if where == "hold":
        acting.unheld = NoSuchProcess(PID)
    else:
        acting.error = NoSuchProcess(PID)
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        if where == "collapse":
            await stage(pilot, app, Stage.ASKING)
            await press(pilot, "y")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        assert f"no process {PID}" in "\n".join(box(app))
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


@pytest.mark.parametrize("reading", [1, 2])
def test_a_process_that_ends_before_it_is_read(reading: int) -> None:
    fakes = scripted()
    fakes.scripts[reading:] = [[NoSuchProcess(PID)]]
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        if reading == 2:
            await stage(pilot, app, Stage.ASKING)
            await press(pilot, "y")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        shown = "\n".join(box(app))
        assert f"no process {PID}" in shown
        assert ("1 slot had been tried" in shown) == (reading == 2)

    drive(app, script)


def test_another_program_in_its_place_is_told() -> None:
    fakes = fakes_of(before(mm=1), before(mm=1), after(mm=2))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await on_cell(pilot, app)
        await press(pilot, "y")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        assert "another program runs in the process now" in text(app)

    drive(app, script)


def test_what_became_huge_meanwhile_is_noticed_before_asking() -> None:
    app = make(fakes_of(before(), after()))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        assert "it is huge already" in text(app)

    drive(app, script)


def test_a_reading_under_way_is_not_taken_for_the_result() -> None:
    fakes = fakes_of(before(), before(), before(), after())
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await on_cell(pilot, app)
        reading = below(app).reading
        fakes.gate = threading.Semaphore(0)
        reading.begin(quiet=True)
        await press(pilot, "y")
        await stage(pilot, app, Stage.READING)
        fakes.streams[-1]._gate.release(100)
        fakes.gate.release(100)
        await stage(pilot, app, Stage.TOLD)
        assert "1 of 1 slot is huge now" in text(app)
        assert len(fakes.streams) == 4

    drive(app, script)


def test_nothing_is_offered_read_only() -> None:
    fakes = scripted()
    fakes.no_act = "hpview was started with --read-only"
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        assert isinstance(app.screen, ProcessScreen)
        assert "nothing can be collapsed: hpview was started with --read-only" in told(app)

    drive(app, script)
    assert fakes.acting.held == []


KINDS: dict[str, tuple[dict[str, int], str]] = {
    "hugetlb": ({"vm_flags": 3 | VmFlag.HUGETLB}, "hugetlb"),
    "device": ({"vm_flags": 3 | VmFlag.PFNMAP}, "devices"),
    "huge": ({}, "huge already"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_memory_that_cannot_be_collapsed_says_why(kind: str) -> None:
    flags, why = KINDS[kind]
    backing = run(A, A + 8 * SLOT) if kind in ("hugetlb", "huge") else small(0, 8, 100)
    script_ = Script(PID).vma(A, A + 8 * SLOT, backing, **flags)
    fakes = fakes_of(script_)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A)
        await press(pilot, "c")
        assert isinstance(app.screen, ProcessScreen)
        assert why in told(app)

    drive(app, script)
    assert fakes.acting.held == []


def test_what_only_the_rules_tell_is_told_in_the_box() -> None:
    fakes = fakes_of(Script(PID).vma(A, A + 8 * SLOT, small(0, 8, 100), dev=DISK, ino=7))
    fakes.in_force = replace(in_force(), read_only_thp=False)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A)
        await press(pilot, "c")
        await stage(pilot, app, Stage.IMPOSSIBLE)
        assert "this maps a file" in text(app)
        await press(pilot, "escape")
        fakes.in_force = replace(in_force(), read_only_thp=None)
        await press(pilot, "c")
        await stage(pilot, app, Stage.ASKING)
        assert "the kernel may refuse: files can be collapsed only" in text(app)

    drive(app, script)
    assert fakes.acting.asked == []


def test_gaps_edges_and_empty_places_say_why() -> None:
    script_ = Script(PID).vma(A, A + 3 * MIB, small(0, 1, 100))
    fakes = fakes_of(script_.vma(A + 1024 * SLOT, A + 1026 * SLOT))
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        for address, why in (
            (A + 500 * SLOT, "nothing is mapped here"),
            (A + SLOT, "no whole 2 MiB slot"),
            (A + 1024 * SLOT, "no memory here yet"),
        ):
            below(app).go_to(address)
            app.clear_notifications()
            await press(pilot, "c")
            assert why in told(app)

    drive(app, script)


def test_before_anything_was_read_and_while_reading_is_paused() -> None:
    fakes = scripted()
    fakes.gate = threading.Semaphore(0)
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await press(pilot, "c")
        assert isinstance(app.screen, ProcessScreen)
        below(app).reading.pause()
        fakes.gate.release(100)
        await until(pilot, lambda: below(app).reading.held)
        await press(pilot, "c")
        assert isinstance(app.screen, ProcessScreen)
        below(app).reading.go()
        await settled(pilot, app)

    drive(app, script)


def test_a_cell_smaller_than_a_slot_stands_for_it_and_a_larger_one_for_all_of_them() -> None:
    app = make(fakes_of(before()))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 17 * SLOT + 5 * 4096)
        await press(pilot, *["plus"] * 9, "c")
        await stage(pilot, app, Stage.ASKING)
        assert dialog(app).collapsing.plan is not None
        assert f"{A + 17 * SLOT:x}-{A + 18 * SLOT:x}" in text(app)
        await press(pilot, "escape", *["minus"] * 13, "c")
        await stage(pilot, app, Stage.ASKING)
        assert f"{A + 16 * SLOT:x}-{A + 32 * SLOT:x}" in text(app)

    drive(app, script)


def test_from_a_slot_which_is_read_again_afterwards() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        reads = len(fakes.slot_reads)
        await press(pilot, "c")
        await stage(pilot, app, Stage.ASKING)
        start = PLACE // SLOT * SLOT
        assert f"{start:x}-{start + SLOT:x}" in text(app)
        await press(pilot, "escape")
        assert len(fakes.slot_reads) == reads
        await press(pilot, "c")
        await stage(pilot, app, Stage.ASKING)
        await press(pilot, "y")
        await stage(pilot, app, Stage.TOLD)
        assert "0 of 1 slot is huge now" in text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, SlotScreen)
        await until(pilot, lambda: len(fakes.slot_reads) == reads + 1)
        await rested(pilot, app)

    drive(app, script)
    assert fakes.acting.asked == [[PLACE // SLOT * SLOT]]


def test_answers_can_be_clicked() -> None:
    acting = FakeActing()
    fakes = fakes_of(*(before() for _ in range(4)), after())
    fakes.acting = acting
    app = make(fakes)

    async def click(pilot: Pilot[None], word: str) -> None:
        lines = box(app)
        y = next(i for i, line in enumerate(lines) if "leave it alone" in line)
        # The padding of the box is around the lines.
        await pilot.click("#collapse-foot", offset=(lines[y].index(word) - 2, 1))

    async def script(pilot: Pilot[None]) -> None:
        await on_cell(pilot, app)
        await click(pilot, "leave it")
        assert isinstance(app.screen, ProcessScreen)
        await on_cell(pilot, app)
        await pilot.click(offset=(0, 0))
        assert isinstance(app.screen, ProcessScreen)
        assert acting.asked == []
        app.screen.go_to(A + 30 * SLOT)
        await press(pilot, "c")
        await stage(pilot, app, Stage.ASKING)
        await click(pilot, "collapse it")
        await stage(pilot, app, Stage.TOLD)
        assert acting.asked == [[A + 30 * SLOT]]

    drive(app, script)
