from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from hpview import loader
from hpview.errors import CorruptStream, NoSuchProcess
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens import process_view
from hpview.ui.screens.failure import FailureScreen
from hpview.ui.screens.process import ProcessScreen
from hpview.ui.screens.processes import ProcessesScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.wire import Backing, Source, Status
from tests.fakes import PID, Fakes, drive, press, rested, sample, sample_fakes, settled, until
from tests.golden import screen_lines
from tests.records import GIB, MIB, Script, in_turn, run

if TYPE_CHECKING:
    import pytest
    from textual.pilot import Pilot

    from hpview.errors import HpviewError

NEVER = 1e6


def gated(chunks: list[bytes | HpviewError] | None = None) -> Fakes:
    """Chunks of 8 records, none of which is handed over yet."""
    script = chunks if chunks is not None else [*sample().end().chunks(8)]
    return sample_fakes(scripts=[script], gate=threading.Semaphore(0))


def make(fakes: Fakes) -> HpviewApp:
    return HpviewApp(fakes.services(), PID, settings=Settings(refresh=NEVER))


def screen_of(app: HpviewApp) -> ProcessScreen:
    assert isinstance(app.screen, ProcessScreen)
    return app.screen


def text(app: HpviewApp) -> str:
    return "\n".join(screen_lines(app))


def test_the_first_chunk_is_drawn_before_the_second_is_read() -> None:
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(fakes.streams) == 1)
        assert "reading…" in text(app)
        fakes.gate.release()
        await until(pilot, lambda: len(screen_of(app).space.vmas) > 0)
        await pilot.pause()
        drawn = text(app)
        assert "[heap]" in drawn
        assert "reading… at " in drawn
        assert " 1 chunk · 8 records" in drawn
        assert "complete" not in drawn
        assert not app.settled.is_set()
        fakes.gate.release(100)
        await settled(pilot, app)
        drawn = text(app)
        assert "complete · 4 chunks" in drawn
        assert "[stack]" in drawn
        await until(pilot, fakes.streams[0].closed.is_set)

    drive(app, script)


def test_keys_work_while_nothing_arrives() -> None:
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release(2)
        await until(pilot, lambda: len(screen_of(app).space.vmas) > 4)
        before = screen_of(app).query_one(MemoryMap).address
        await pilot.press("j", "j", "tab", "j", "minus")
        assert screen_of(app).query_one(MemoryMap).address != before

    drive(app, script)


def test_leaving_the_screen_stops_reading() -> None:
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        await until(pilot, lambda: len(screen_of(app).space.vmas) > 0)
        await pilot.press("escape")
        assert isinstance(app.screen, ProcessesScreen)
        await until(pilot, fakes.streams[0].closed.is_set)
        reads = fakes.streams[0].reads
        fakes.gate.release(100)
        await pilot.pause()
        assert fakes.streams[0].reads == reads

    drive(app, script)


def test_quitting_while_reading_takes_less_than_a_second() -> None:
    fakes = gated()
    app = make(fakes)
    pressed = 0.0

    async def script(pilot: Pilot[None]) -> None:
        nonlocal pressed
        fakes.gate.release()
        await until(pilot, lambda: len(screen_of(app).space.vmas) > 0)
        pressed = time.monotonic()
        await press(pilot, "q")

    drive(app, script)
    assert time.monotonic() - pressed < 1
    assert fakes.streams[0].closed.is_set()


def test_a_batch_of_an_earlier_reading_is_dropped() -> None:
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release()
        screen = screen_of(app)
        await until(pilot, lambda: len(screen.space.vmas) > 0)
        await press(pilot, "R")
        await until(pilot, lambda: len(fakes.streams) == 2)
        known = len(screen.space.vmas)
        stale = loader.Batch(
            (sample().end().data,), None, (), loader.Progress(Source.BPF, done=True)
        )
        screen.reading.take(1, stale)
        assert len(screen.space.vmas) == known
        assert not app.settled.is_set()
        await until(pilot, fakes.streams[0].closed.is_set)
        fakes.gate.release(100)
        await settled(pilot, app)
        assert screen.space.complete
        assert len(screen.space.vmas) == 11

    drive(app, script)


def test_reading_again_keeps_what_is_shown_until_there_is_more() -> None:
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release(100)
        await settled(pilot, app)
        while fakes.gate.acquire(blocking=False):
            pass
        await press(pilot, "j", "R")
        await until(pilot, lambda: len(fakes.streams) == 2)
        address = screen_of(app).query_one(MemoryMap).address
        assert "[stack]" in text(app)
        assert "reading…" in text(app)
        fakes.gate.release(100)
        await until(pilot, lambda: "complete" in text(app))
        assert screen_of(app).query_one(MemoryMap).address == address

    drive(app, script)


def test_an_exec_is_noted_and_the_process_read_again_three_times_at_most() -> None:
    base = 16 * GIB
    first = Script(PID).vma(base, base + 2 * MIB)
    first.task(mm=2).vma(base + GIB, base + GIB + 4 * MIB, run(base + GIB, base + GIB + 4 * MIB))
    fakes = sample_fakes(scripts=[[*first.end().chunks()]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert len(fakes.streams) == 4
        assert "read again: 3" in text(app)
        assert len(screen_of(app).space.vmas) == 1

    drive(app, script)


def test_an_exec_once_ends_in_the_new_program() -> None:
    base = 16 * GIB
    first = Script(PID).vma(base, base + 2 * MIB).task(mm=2).vma(base + GIB, base + 2 * GIB)
    second = Script(PID, mm=2).vma(base, base + MIB).vma(base + GIB, base + 2 * GIB)
    fakes = sample_fakes(scripts=[[*first.end().chunks()], [*second.end().chunks()]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert len(fakes.streams) == 2
        assert len(screen_of(app).space.vmas) == 2
        assert "read again: 1" in text(app)

    drive(app, script)


def test_a_process_that_exits_while_it_is_read_keeps_what_was_seen() -> None:
    fakes = sample_fakes(scripts=[[*sample().end(Status.VANISHED).chunks()]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert "exited while reading" in text(app)
        assert "[heap]" in text(app)

    drive(app, script)


def test_a_failure_in_the_middle_is_a_notice_over_what_was_read() -> None:
    fakes = gated([sample().data, CorruptStream(640, "\x1b[31m[b]what\n")])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        fakes.gate.release(2)
        await settled(pilot, app)
        assert isinstance(app.failure, CorruptStream)
        await until(pilot, lambda: r"\x1b[31m[b]what\x0a" in text(app))
        assert "[heap]" in text(app)
        await until(pilot, fakes.streams[0].closed.is_set)

    drive(app, script)


def test_records_that_contradict_each_other_are_a_failure_not_a_crash() -> None:
    fakes = sample_fakes(scripts=[[Script(0).vma(GIB, GIB + MIB).data]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert isinstance(app.screen, FailureScreen)
        assert "corrupt record at byte 0" in text(app)

    drive(app, script)


def test_no_such_process_is_a_screen_of_one_line_and_an_exit_status() -> None:
    app = make(Fakes([]))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert isinstance(app.failure, NoSuchProcess)
        assert isinstance(app.screen, FailureScreen)
        assert f"no process {PID}" in text(app)
        await press(pilot, "q")

    drive(app, script)
    assert app.return_code == 1


def test_a_failure_screen_leads_back_to_the_list() -> None:
    fakes = sample_fakes(scripts=[])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await pilot.press("escape")
        assert isinstance(app.screen, ProcessesScreen)
        await until(pilot, lambda: "postgres" in text(app))
        await press(pilot, "q")

    drive(app, script)
    assert app.return_code == 0


def test_a_process_without_memory_says_so() -> None:
    fakes = sample_fakes(scripts=[[*Script(PID).end().chunks()]])
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        assert "no memory mapped" in text(app)
        await pilot.press("j", "end", "right_square_bracket", "plus", "tab", "j", "enter")

    drive(app, script)


def test_resizing_lays_out_again_without_reading() -> None:
    fakes = sample_fakes()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        reads = fakes.streams[0].reads
        address = screen_of(app).query_one(MemoryMap).address
        for size in ((80, 24), (200, 60), (20, 5), (60, 15), (120, 36)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert (len(fakes.streams), fakes.streams[0].reads) == (1, reads)
        assert screen_of(app).query_one(MemoryMap).address == address

    drive(app, script)


def test_what_came_last_is_drawn_before_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end may come alone, sooner than the next drawing is due."""
    monkeypatch.setattr(process_view, "_DRAW_EVERY", NEVER)
    fakes = gated()
    app = make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(fakes.streams) == 1)
        fakes.gate.release()
        await until(pilot, lambda: screen_of(app).shows_data)
        fakes.gate.release(3)
        await until(pilot, lambda: screen_of(app).reading.space.complete)
        await pilot.pause()
        assert "[stack]" not in text(app)
        assert not screen_of(app).at_rest
        fakes.gate.release()
        await settled(pilot, app)
        assert "[stack]" in text(app)
        await rested(pilot, app)

    drive(app, script)


def test_vmas_that_are_no_more_are_drawn_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three VMAs become one while the next drawing is far away."""
    monkeypatch.setattr(process_view, "_DRAW_EVERY", NEVER)
    start = 0x7F00_0000_0000
    apart, joined = Script(PID), Script(PID)
    for i in range(3):
        at = start + i * 4 * MIB
        apart.vma(at, at + 4 * MIB, run(at, at + 4 * MIB, Backing.PTE_4K, present=9))
    joined.vma(start, start + 12 * MIB, run(start, start + 12 * MIB, Backing.PTE_4K, present=9))
    fakes = gated([*in_turn(apart, joined)])
    gate, app = fakes.gate, make(fakes)

    async def script(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(fakes.streams) == 1)
        screen = screen_of(app)
        gate.release()
        await until(pilot, lambda: len(screen.space.vmas) == 3)
        await pilot.press("tab", "end")
        gate.release()
        await until(pilot, lambda: len(screen.space.vmas) == 1)
        await pilot.press("up", "down", "y", "left_square_bracket")
        assert screen.copy_text() == hex(start)
        gate.release()
        await settled(pilot, app)

    drive(app, script)
