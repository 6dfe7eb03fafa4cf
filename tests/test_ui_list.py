from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.widgets import Input

from hpview.errors import BackendUnavailable
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.widgets.process_list import ProcessList
from tests.fakes import PID, Fakes, drive, machine, press, process, sample_fakes, settled, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot

NEVER = 1e6


def make(fakes: Fakes | None = None) -> tuple[HpviewApp, Fakes]:
    fakes = fakes or sample_fakes()
    return HpviewApp(fakes.services(), settings=Settings(refresh=NEVER)), fakes


def the_list(app: HpviewApp) -> ProcessList:
    return app.screen.query_one(ProcessList)


def current(app: HpviewApp) -> int:
    found = the_list(app).current
    assert found is not None
    return found.pid


def test_the_list_starts_at_the_largest_process() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert current(app) == 5000
        lines = screen_lines(app)
        assert "6 processes · 1 unreadable · bpf · 38 ms" in lines[1]
        assert "RES▼" in lines[2]

    drive(app, script)


def test_keys_move_the_cursor() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "down", "j")
        assert current(app) == 880
        await press(pilot, "up")
        assert current(app) == PID
        await press(pilot, "end")
        assert current(app) == 6002
        await press(pilot, "k", "home")
        assert current(app) == 5000
        await press(pilot, "pagedown")
        assert current(app) == 6002
        await press(pilot, "pageup")
        assert current(app) == 5000

    drive(app, script)


def test_keys_move_the_sort_column_and_keep_the_cursor() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "j")
        assert current(app) == PID
        await press(pilot, "full_stop", "greater_than_sign", *["full_stop"] * 3)
        assert the_list(app).sort == "coverage"
        assert "COVERAGE▼" in screen_lines(app)[2]
        assert current(app) == PID
        await press(pilot, "comma", "less_than_sign", *["comma"] * 3, "r")
        assert (the_list(app).sort, app.settings.reverse) == ("resident", True)
        assert "RES▲" in screen_lines(app)[2]
        assert current(app) == PID

    drive(app, script)


def test_a_click_on_the_heading_sorts() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.click(ProcessList, offset=(6, 0))
        assert (the_list(app).sort, app.settings.reverse) == ("pid", False)
        assert "PID▲" in screen_lines(app)[2]
        await pilot.click(ProcessList, offset=(6, 0))
        assert app.settings.reverse

    drive(app, script)


def test_the_filter_works_as_one_types_and_escape_drops_it() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", "P", "o", "s")
        assert [p.pid for p in [the_list(app).current] if p] == [PID]
        assert the_list(app).row_count == 1
        await press(pilot, "enter")
        assert the_list(app).has_focus
        assert the_list(app).row_count == 1
        await pilot.press("escape")
        assert the_list(app).row_count == 6
        assert current(app) == PID
        assert app.screen.query_one(Input).value == ""

    drive(app, script)


def test_letters_in_the_filter_are_text_not_commands() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", "q", "s", "r", "R", "comma", "question_mark")
        assert app.screen.query_one(Input).value == "qsrR,?"
        assert isinstance(app.screen, ProcessesScreen)
        assert "no process matches 'qsrR,?'" in "\n".join(screen_lines(app))
        await pilot.press("escape", "escape")

    drive(app, script)


def test_the_cursor_follows_its_process_through_refreshes() -> None:
    app, fakes = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "j")
        assert current(app) == PID
        more = tuple(process(pid, f"new {pid}", resident=2**50 + pid) for pid in range(7000, 7005))
        fakes.processes = machine() + more
        await press(pilot, "R")
        await until(pilot, lambda: the_list(app).row_count == 11)
        assert current(app) == PID
        reused = tuple(p._replace(start_time=99) if p.pid == PID else p for p in fakes.processes)
        fakes.processes = reused[:2]
        await press(pilot, "R")
        await until(pilot, lambda: the_list(app).row_count == 2)
        assert current(app) in (1, 880)

    drive(app, script)


def test_a_refresh_leaves_the_scroll_position_alone() -> None:
    app, fakes = make()
    fakes.processes = tuple(process(pid, "worker", resident=2**40 - pid) for pid in range(1, 500))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "end", "pageup", "pageup")
        top, pid = the_list(app).top, current(app)
        assert top > 300
        done = fakes.snapshots
        await press(pilot, "R")
        await until(pilot, lambda: fakes.snapshots > done)
        await pilot.pause()
        assert (the_list(app).top, current(app)) == (top, pid)

    drive(app, script)


def test_the_list_is_refreshed_by_itself_while_it_is_on_top() -> None:
    fakes = sample_fakes()
    app = HpviewApp(fakes.services(), settings=Settings(refresh=0.02))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await until(pilot, lambda: fakes.snapshots >= 3)
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await pilot.pause()
        seen = fakes.snapshots
        await press(pilot, "j", "j", "j")
        assert fakes.snapshots <= seen + 1

    drive(app, script)


def test_enter_opens_and_escape_comes_back_to_the_same_row() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert isinstance(app.screen, ProcessScreen)
        assert app.screen.pid == PID
        await pilot.press("escape")
        assert isinstance(app.screen, ProcessesScreen)
        assert current(app) == PID

    drive(app, script)


def test_a_double_click_opens() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.click(ProcessList, offset=(20, 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert isinstance(app.screen, ProcessScreen)
        assert app.screen.pid == PID

    drive(app, script)


def test_an_unreadable_process_says_why() -> None:
    app, _ = make()

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("slash", *"init", "enter")
        lines = "\n".join(screen_lines(app))
        assert "process 1 may not be read: the kernel shows nothing of it" in lines

    drive(app, script)


def test_the_notice_of_a_fallback_is_shown() -> None:
    fakes = sample_fakes(notices=["reading /proc, since bpf is not available: [b]no\x1b[31m"])
    app, _ = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert screen_lines(app)[2].startswith(
            r" reading /proc, since bpf is not available: [b]no\x1b[31m"
        )

    drive(app, script)


def test_a_failing_machine_is_one_line_and_the_list_can_be_tried_again() -> None:
    fakes = sample_fakes(
        snapshot_error=BackendUnavailable("bpf", "no BTF", remedy="CONFIG_DEBUG_INFO_BTF=y")
    )
    app, _ = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert isinstance(app.screen, FailureScreen)
        lines = "\n".join(screen_lines(app))
        assert "bpf is not available: no BTF" in lines
        assert "CONFIG_DEBUG_INFO_BTF=y" in lines
        fakes.snapshot_error = None
        await pilot.press("escape")
        await until(pilot, lambda: the_list(app).row_count == 6)
        fakes.snapshot_error = BackendUnavailable("bpf", "gone")
        await press(pilot, "R")
        await until(pilot, lambda: str(app.failure) == "bpf is not available: gone")
        assert isinstance(app.screen, ProcessesScreen)
        assert the_list(app).row_count == 6

    drive(app, script)


def test_ten_thousand_rows_move_and_sort_smoothly() -> None:
    app, fakes = make()
    fakes.processes = tuple(
        process(pid, f"worker {pid}", bytes_2m=pid % 97) for pid in range(1, 10_001)
    )

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        rows = the_list(app)
        began = time.perf_counter()
        for _ in range(10):
            rows.move_sort(1)
        assert (time.perf_counter() - began) / 10 < 0.2
        await press(pilot, "end", "pageup", "home")
        assert rows.row_count == 10_000

    drive(app, script)
