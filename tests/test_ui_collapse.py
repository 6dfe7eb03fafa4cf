"""Collapsing from the screens: asking, progress, stopping, and the result."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

import pytest

from hpview.ui.collapsing import Stage
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.process import ProcessScreen
from tests import golden
from tests.collapsed import box, on_cell, on_list, scripted, stage
from tests.fake_acting import FakeActing
from tests.fakes import PID, drive, press, rested, settled, until
from tests.golden import screen_lines
from tests.watched import SLOT, A, below, make, map_row, text

if TYPE_CHECKING:
    from textual.pilot import Pilot


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])
def test_the_question_and_the_result_look_as_they_did(size: tuple[int, int]) -> None:
    slots = [A + i * SLOT for i in range(28, 48)]
    codes = {slot: errno.ENOMEM if i < 4 else errno.EAGAIN for i, slot in enumerate(slots)}
    app = make(scripted(FakeActing(codes=codes)))
    name = f"{size[0]}x{size[1]}"

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        golden.check(f"collapse-asking-{name}", box(app))
        await press(pilot, "y")
        await stage(pilot, app, Stage.TOLD)
        golden.check(f"collapse-told-{name}", box(app))

    drive(app, script, size)


def test_in_ascii_and_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    acting = FakeActing(gate=threading.Semaphore(0))
    app = make(scripted(acting), ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        assert "> leave it alone" in text(app)
        await press(pilot, "y")
        acting.gate.release()
        await until(pilot, lambda: "8 of 32 slots tried" in text(app))
        assert all(line.isascii() for line in screen_lines(app))
        acting.gate.release(10)
        await stage(pilot, app, Stage.TOLD)
        assert all(line.isascii() for line in screen_lines(app))
        await pilot.resize_terminal(20, 5)
        await press(pilot, "escape")

    drive(app, script, (80, 24))


def test_on_the_smallest_terminal_all_can_be_read_and_answered() -> None:
    app = make(scripted(FakeActing(codes={A + 16 * SLOT: errno.EBUSY})))

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        assert "leave it alone" in text(app)
        assert "range" in text(app)
        assert "process_madvise" not in text(app)
        await press(pilot, *["down"] * 9)
        assert "process_madvise" in text(app)
        assert "leave it alone" in text(app)
        await press(pilot, *["up"] * 9)
        assert "range" in text(app)
        await press(pilot, "y")
        await stage(pilot, app, Stage.TOLD)
        # The result is higher than the question was: the box grows a frame later.
        await until(pilot, lambda: "what would help" in text(app))
        assert "what would help" in text(app)
        assert "Esc back" in text(app)

    drive(app, script, (60, 15))


def test_it_is_done_after_y_and_marked_on_the_map() -> None:
    acting = FakeActing()
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        shown = text(app)
        assert "32 of 64 slots to be made huge (16 huge already, 16 with" in shown
        assert f"hpview collapse {PID} {A:x}-{A + 64 * SLOT:x}" in shown
        assert "for each of 32 slots" in shown
        assert acting.asked == []
        await press(pilot, "y")
        await stage(pilot, app, Stage.TOLD)
        assert [len(batch) for batch in acting.asked] == [8, 8, 8, 8]
        assert acting.asked[0][0] == A + 16 * SLOT
        assert acting.closed
        assert "28 of 64 slots are huge now (16 before), +9.9 MiB resident" in text(app)
        assert "20 failed: the kernel says it was done" in text(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, ProcessScreen)
        assert app.screen.watching.log.total == 1
        assert map_row(app, A)[16:30].rstrip()[:14] == "+" * 12 + "▒▒"
        await press(pilot, "W")
        assert isinstance(app.screen, ChangesScreen)
        assert "became huge" in text(app)
        await press(pilot, "escape", "R")
        await rested(pilot, app)
        assert "+" not in map_row(app, A)
        # The log stays; it is the marks that are of one reading.
        assert below(app).watching.log.total == 1

    drive(app, script)
    assert acting.held == [(PID, 0)]


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("enter",), False),
        (("escape",), False),
        (("n",), False),
        (("right", "enter"), True),
        (("tab", "enter"), True),
        (("right", "left", "enter"), False),
        (("l", "h", "shift+tab", "enter"), True),
        (("y",), True),
    ],
)
def test_the_harmless_answer_is_marked_first(keys: tuple[str, ...], asked: bool) -> None:
    acting = FakeActing()
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await on_cell(pilot, app)
        assert "▸ leave it alone" in text(app)
        await press(pilot, *keys)
        if asked:
            await stage(pilot, app, Stage.TOLD)
            assert acting.asked == [[A + 16 * SLOT]]
            await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)
    assert bool(acting.asked) == asked
    assert acting.closed


def test_progress_is_shown_and_escape_stops_behind_the_batch() -> None:
    acting = FakeActing(gate=threading.Semaphore(0), codes={A + 17 * SLOT: errno.EBUSY})
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        await press(pilot, "y")
        await until(pilot, lambda: len(acting.asked) == 1)
        assert "0 of 32 slots tried" in text(app)
        assert "Esc stop" in text(app)
        await press(pilot, "y", "enter", "right")
        acting.gate.release()
        await until(pilot, lambda: "8 of 32 slots tried, 1 failed" in text(app))
        await until(pilot, lambda: len(acting.asked) == 2)
        await press(pilot, "escape")
        assert "stopping" in text(app)
        assert "Esc" not in "".join(box(app))
        await press(pilot, "escape")
        acting.gate.release(10)
        await stage(pilot, app, Stage.TOLD)
        assert len(acting.asked) == 2
        assert "16 not tried: it was stopped" in text(app)

    drive(app, script)


def test_when_the_box_goes_no_further_batch_is_tried() -> None:
    acting = FakeActing(gate=threading.Semaphore(0))
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await on_list(pilot, app)
        await press(pilot, "y")
        await until(pilot, lambda: len(acting.asked) == 1)
        # As when the app ends: the screen goes, whatever is under way.
        await app.pop_screen()
        assert not acting.closed
        acting.gate.release(10)
        await until(pilot, lambda: acting.closed > 0)

    drive(app, script)
    assert len(acting.asked) == 1


def test_leaving_while_the_process_is_being_taken_hold_of() -> None:
    acting = FakeActing(hold_gate=threading.Semaphore(0))
    app = make(scripted(acting))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        below(app).go_to(A + 16 * SLOT)
        await press(pilot, "c")
        assert "reading the process" in text(app)
        await press(pilot, "y", "escape")
        assert isinstance(app.screen, ProcessScreen)
        acting.hold_gate.release()
        await until(pilot, lambda: acting.closed > 0)

    drive(app, script)
    assert acting.asked == []
