"""What the keys of the machine screen do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hpview.host.counters import IN_USE
from hpview.ui.machine.sections import SECTIONS
from hpview.ui.screens.machine import MachineScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.widgets.machine_list import TableList
from tests.fakes import PID, drive, press, rested, until
from tests.golden import screen_lines

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from textual.pilot import Pilot


from tests.on_machine import make, opened, shown


def test_sections_by_number_and_one_after_the_other() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)

        def now() -> str:
            return next(line for line in screen_lines(app)[1:7] if "▸" in line).split()[1]

        assert now() == "now"
        for keys, name in (
            ("4", "waits"),
            ("tab", "sizes"),
            ("right", "users"),
            ("l", "now"),
            ("left", "users"),
            ("h", "sizes"),
            ("shift+tab", "waits"),
            ("2", "khugepaged"),
        ):
            await press(pilot, keys)
            assert now() == name
            number = [section.name for section in SECTIONS].index(name) + 1
            assert f" {number} {name.upper()}" in shown(app)
            assert app.focused is app.screen.query_one(f"#section-{number}")

    drive(app, script)


def test_the_cursor_stops_where_there_is_more_to_say() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app)
        rows = screen.query_one("#section-1", TableList)
        keys = []

        def key() -> str:
            assert rows.current is not None
            assert rows.current.detail is not None
            return rows.current.key

        for _ in range(60):
            keys.append(key())
            await press(pilot, "j")
        assert keys[:6] == [
            "knob enabled",
            "knob defrag",
            "knob shmem_enabled",
            "knob use_zero_page",
            "knob shrink_underused",
            "zone 0 DMA",
        ]
        assert key() == IN_USE[-1]
        await press(pilot, "pageup", "end", "pagedown", "home")
        assert key() == "knob enabled"
        assert rows.top == 0
        await press(pilot, *["j"] * 20)
        at, top = key(), rows.top
        await press(pilot, "R")
        await rested(pilot, app)
        assert (key(), rows.top) == (at, top)

    drive(app, script, (80, 24))


def test_the_detail_lines_tell_field_value_meaning_and_file() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "R", "2")
        await press(pilot, "j")
        lines = screen_lines(app)[-4:-1]
        assert lines[0] == " full_scans  2 019 so far · 0 a second · at most 0 lately"
        assert lines[1] == " khugepaged has looked at all memory that it may collapse."
        assert lines[2] == " /sys/kernel/mm/transparent_hugepage/khugepaged/full_scans"
        await pilot.resize_terminal(160, 30)
        await pilot.pause()
        assert screen_lines(app)[-2].endswith("khugepaged/full_scans")
        assert screen_lines(app)[-2].startswith(" khugepaged has looked at")

    drive(app, script)


def test_enter_opens_a_process_and_back_leads_here() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "4")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        assert isinstance(app.screen, ProcessScreen)
        assert app.screen.pid == PID
        await rested(pilot, app)
        await press(pilot, "escape")
        assert isinstance(app.screen, MachineScreen)
        await press(pilot, "1", "enter")
        assert isinstance(app.screen, MachineScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessesScreen)

    drive(app, script)


def test_the_machine_is_reached_from_a_process() -> None:
    app = make(pid=PID)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "escape")
        assert isinstance(app.screen, ProcessScreen)

    drive(app, script)


def test_a_click_chooses_a_section_and_two_open_a_process() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await pilot.click("#machine-overview", offset=(20, 3))
        await rested(pilot, app)
        assert " 4 WAITS" in shown(app)
        await pilot.click("#section-4", offset=(5, 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, ProcessScreen))
        await rested(pilot, app)

    drive(app, script)


def test_a_click_into_another_pane_takes_the_keys_there() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await pilot.click("#section-5", offset=(5, 3))
        await pilot.pause()
        assert "▸5 sizes" in shown(app)
        assert " folios of 64K  enabled madvise" in shown(app)

    drive(app, script, (200, 60))


def test_what_is_under_the_cursor_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        await press(pilot, "j", "y")
        assert copied == ["defrag: defer+madvise"]

    drive(app, script)


def test_all_that_was_read_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await opened(pilot, app, "R")
        (item,) = screen.data()
        found = json.loads(b"".join(item.as_json()))
        assert found["schema"] == "hpview.machine/1"
        assert found["hugetlb"] is None
        assert found["unread"]["hugetlb"]["reason"] == "its section was not opened"
        assert found["rates"]["thp_fault_alloc"] == 12
        table = b"".join(item.as_csv()).decode().splitlines()
        assert table[0] == "name,value,per_second,source"
        assert "thp_fault_alloc,1021,12.0,/proc/vmstat" in table
        await press(pilot, "3")
        await rested(pilot, app)
        found = json.loads(b"".join(screen.data()[0].as_json()))
        assert found["hugetlb"]["pools"][0]["mapped"] == 320
        await press(pilot, "e", "enter")
        await until(pilot, lambda: any(tmp_path.glob("hpview-machine-*.json")))

    drive(app, script)
