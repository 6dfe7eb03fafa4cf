"""How the machine screen looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.ui.machine import readings
from hpview.ui.machine.sections import SECTIONS
from hpview.ui.widgets.machine_list import TableList
from tests import golden
from tests.fakes import drive, press, rested
from tests.golden import screen_lines

if TYPE_CHECKING:
    from textual.pilot import Pilot


from tests.on_machine import NEVER, make, opened, shown

SIZES = [(80, 24), (120, 36), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "plain"])
def test_the_sections_look_as_they_did(
    colour: bool, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    for name in readings.SELDOM:
        monkeypatch.setitem(readings.SELDOM, name, NEVER)
    app = make()
    differ: list[str] = []

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, *"RRR")
        for section in (1,) if size[0] >= 200 else range(1, 7):
            await press(pilot, str(section))
            await rested(pilot, app)
            await pilot.pause()
            lines = golden.inked_lines(app)
            name = f"machine/{size[0]}x{size[1]}-{section}-{'colour' if colour else 'plain'}"
            try:
                golden.check(name, lines)
            except AssertionError as err:
                differ.append(str(err).partition("\n")[0])

    drive(app, script, size)
    assert differ == []


def test_in_ascii_nothing_else_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in readings.SELDOM:
        monkeypatch.setitem(readings.SELDOM, name, NEVER)
    app = make(ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, *"RRR")
        for key in "123456":
            await press(pilot, key)
            await rested(pilot, app)
            await pilot.pause()
            assert all(line.isascii() for line in screen_lines(app)), key
        golden.check("machine/ascii", screen_lines(app))

    drive(app, script, (80, 24))


@pytest.mark.parametrize(("size", "across"), [((200, 60), 2), ((300, 90), 3)])
def test_where_there_is_room_all_sections_are_shown(size: tuple[int, int], across: int) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app)
        titles = [f" {n} {s.name.upper()}  {s.question}" for n, s in enumerate(SECTIONS, 1)]
        heads = [line for line in screen_lines(app) if any(title in line for title in titles)]
        assert len(heads) == len(SECTIONS) // across
        assert all(title in "".join(heads) for title in titles)
        assert "postgres: checkpointer" in shown(app)
        await press(pilot, "2")
        await press(pilot, "j")
        assert "full_scans" in screen_lines(app)[-3]
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert sum(part.display for part in app.screen.query(TableList)) == 1
        assert " 2 KHUGEPAGED" in shown(app)

    drive(app, script, size)


def test_on_a_low_terminal_the_overview_is_a_line() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "3")
        lines = screen_lines(app)
        assert lines[1] == " 1 now  2 khugepaged  3 hugetlb  4 waits  5 sizes  6 users"
        assert "3 HUGETLB" in lines[2]
        assert "2M pages" in lines[4]
        await pilot.resize_terminal(59, 15)
        await pilot.pause()
        assert "too small" in shown(app)

    drive(app, script, (60, 15))


@pytest.mark.parametrize("theme", ["hpview-light", "hpview-16", "textual-light"])
def test_other_themes_say_the_same(theme: str) -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "3")
        before = screen_lines(app)
        app.theme = theme
        await pilot.pause()
        assert screen_lines(app) == before

    drive(app, script)
