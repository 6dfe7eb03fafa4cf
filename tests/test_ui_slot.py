"""The screen of a slot: its look and its keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual.geometry import Offset

from hpview.ui.page_aspects import Aspect
from hpview.ui.widgets.page_grid import GUTTER, PageGrid
from hpview.wire import PAGE_SIZE, SLOT_SIZE
from tests import golden
from tests.fake_slots import EXE, GIGA, HEAP, STACK, THP, mixed
from tests.fakes import drive, press, sample_fakes, until
from tests.golden import screen_lines
from tests.on_slot import PLACE, grid, make, open_slot, shown
from tests.records import MIB

if TYPE_CHECKING:
    import pytest
    from textual.pilot import Pilot


def test_the_screen_looks_as_it_did() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        await press(pilot, *["right"] * 9)
        golden.check("slot-120x36", screen_lines(app))

    drive(app, script)


def test_aspects_and_other_slots_look_as_they_did() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app)
        await press(pilot, "tab")
        golden.check("slot-use-120x36", screen_lines(app))
        for name, address in (
            ("huge", THP),
            ("giga", GIGA + 4 * MIB),
            ("nobody", PLACE + 2 * MIB),
            ("cut", STACK + 30 * PAGE_SIZE),
        ):
            app.pop_screen()
            screen = await open_slot(pilot, app, address)
            golden.check(f"slot-{name}-120x36", screen_lines(app))
        assert screen.slot is not None

    drive(app, script)


def test_ascii_holds_nothing_else() -> None:
    app = make(ascii=True)

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        golden.check("slot-ascii", screen_lines(app))
        for _ in Aspect:
            await press(pilot, "tab")
            assert shown(app).isascii()
        await press(pilot, "left_square_bracket")
        await pilot.resize_terminal(200, 60)
        await pilot.pause()
        assert shown(app).isascii()

    drive(app, script, (80, 24))


def test_it_works_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        assert app.no_color
        for key in ("tab", "right", "tab", "n", "right_square_bracket", "question_mark", "escape"):
            await press(pilot, key)
        await pilot.resize_terminal(60, 15)
        await pilot.resize_terminal(200, 60)
        await pilot.pause()

    drive(app, script)


def test_the_cursor_moves_by_pages_and_rows() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        for keys, place in (
            (["right", "l", "l"], 3),
            (["left", "h"], 1),
            (["down", "j"], 65),
            (["up", "k", "k"], 1),
            (["pagedown"], 129),
            (["pagedown", "pagedown", "pagedown", "pagedown"], 481),
            (["pageup"], 353),
            (["home", "left", "up"], 0),
            (["end", "right", "down"], 511),
            (["home", *["right"] * 32], 32),
        ):
            await press(pilot, *keys)
            assert grid(app).cursor == place, keys
        first, end = PLACE + 32 * PAGE_SIZE, PLACE + 33 * PAGE_SIZE
        assert f"{first:012x}-{end:012x}  page 33 of 512" in shown(app)

    drive(app, script)


def test_a_click_puts_the_cursor_on_a_page() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        await pilot.click(PageGrid, offset=Offset(GUTTER + 3 * 5 + 1, 3))
        assert grid(app).cursor == 2 * 32 + 5
        # the gutter, behind the last page, the heading
        for x, y in ((3, 5), (GUTTER + 3 * 32, 5), (GUTTER, 0)):
            await pilot.click(PageGrid, offset=Offset(x, y))
            assert grid(app).cursor == 2 * 32 + 5
        await pilot.resize_terminal(200, 60)
        await pilot.pause()
        await pilot.click(PageGrid, offset=Offset(GUTTER + 5 * 7, 2))
        assert grid(app).cursor == 7
        await pilot.click(PageGrid, offset=Offset(GUTTER + 5 * 7, 3))
        assert grid(app).cursor == 32 + 7

    drive(app, script)


def test_missing_pages_are_found_one_by_one_until_there_is_none() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        for key, place in (("n", 3), ("n", 4), ("n", 29), ("N", 4), ("N", 3)):
            await press(pilot, key)
            assert grid(app).cursor == place
        await press(pilot, "N")
        await until(pilot, lambda: "no page is missing before this one" in shown(app))
        await press(pilot, "end", "n")
        await until(pilot, lambda: "no page is missing behind this one" in shown(app))
        assert grid(app).cursor == 511

    drive(app, script)


def test_slots_follow_each_other_over_gaps_and_the_cursor_keeps_its_place() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app, HEAP + 5 * PAGE_SIZE)
        first = HEAP % SLOT_SIZE // PAGE_SIZE
        assert grid(app).cursor == first + 5

        async def step(key: str, start: int) -> None:
            await press(pilot, key)
            await until(pilot, lambda: screen.slot is not None and screen.slot.start == start)
            assert grid(app).cursor == first + 5

        await step("left_square_bracket", EXE + 8 * MIB)
        await step("right_square_bracket", HEAP)
        assert "[heap]" in shown(app)

    drive(app, script)


def test_steps_made_before_the_pages_came_count() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app, THP)
        fakes.slot_gate = threading.Semaphore(0)
        fakes.slots = [*fakes.slots, mixed(THP + 6 * MIB)]
        await press(pilot, *["right_square_bracket"] * 3)
        assert screen.slot is not None
        assert screen.slot.start == THP
        fakes.slot_gate.release(3)
        await until(pilot, lambda: screen.slot is not None and screen.slot.start == THP + 6 * MIB)
        assert fakes.slot_reads[-1] == THP + 6 * MIB

    drive(app, script)


def test_the_ends_of_the_address_space_are_told() -> None:
    app = make()

    async def script(pilot: Pilot[None]) -> None:
        screen = await open_slot(pilot, app, STACK)
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "nothing is mapped behind this slot" in shown(app))
        app.pop_screen()
        screen = await open_slot(pilot, app, EXE)
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: "nothing is mapped before this slot" in shown(app))
        assert screen.slot is not None
        assert screen.slot.start == EXE

    drive(app, script)


def test_aspects_take_turns_and_are_kept() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await open_slot(pilot, app)
        for aspect in (Aspect.USE, Aspect.SHARING, Aspect.STATE, Aspect.USE):
            await press(pilot, "tab")
            assert grid(app).aspect is aspect
            assert f"[{aspect}]" in shown(app)
            assert app.settings.aspect == aspect
        app.pop_screen()
        await open_slot(pilot, app, HEAP)
        assert grid(app).aspect is Aspect.USE
        # where it is not known another one is shown, but not chosen
        await press(pilot, "escape")
        await open_slot(pilot, app, PLACE + 2 * MIB)
        assert grid(app).aspect is Aspect.STATE
        assert app.settings.aspect == "use"

    drive(app, script)
