from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview import loader
from hpview.control import END, Control
from hpview.loader import load
from hpview.stream.base import CHUNK_SIZE, Resume
from hpview.wire import RECORD_SIZE, Source
from tests.records import MIB, Script, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.loader import Batch

PATIENCE = 10.0


class Paper:
    """A stream over bytes that counts its reads."""

    source = Source.BPF
    resume: Resume | None = None
    waiting: tuple[int, int] | None = None

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0

    def read(self, size: int = CHUNK_SIZE) -> bytes:
        self.reads += 1
        out, self.data = self.data[:size], self.data[size:]
        return out

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def vmas(count: int) -> bytes:
    script = Script()
    for i in range(1, count + 1):
        start = i * 4 * MIB
        script.vma(start, start + 2 * MIB, run(start, start + 2 * MIB))
    return script.end().data


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_HEARTBEAT", 0)
    monkeypatch.setattr(loader, "_LEAST_REST", 0)
    monkeypatch.setattr(loader, "_LONGEST_REST", 0)


def loading(stream: Paper, control: Control) -> Iterator[Batch]:
    return load(lambda: stream, control=control, seconds=0)


def test_nothing_is_read_while_paused() -> None:
    stream, control = Paper(vmas(9)), Control(64, paused=True)
    batches = loading(stream, control)
    for _ in range(3):
        batch = next(batches)
        assert (batch.data, batch.reads, batch.progress.paused) == ((), (), True)
    assert stream.reads == 0


def test_a_step_is_one_read_and_then_a_pause() -> None:
    stream, control = Paper(vmas(9)), Control(128, paused=True)
    batches = loading(stream, control)
    control.step()
    batch = next(batches)
    assert [len(piece) for piece in batch.data] == [128]
    assert batch.progress.paused
    assert next(batches).data == ()
    assert stream.reads == 1
    control.step()
    control.step()
    assert not next(batches).progress.paused
    assert next(batches).progress.paused
    assert next(batches).reads == ()
    assert stream.reads == 3


def test_a_step_in_the_middle_of_reading_pauses() -> None:
    stream, control = Paper(vmas(9)), Control(64)
    batches = loading(stream, control)
    next(batches)
    control.step()
    assert next(batches).progress.paused
    assert next(batches).reads == ()


def test_pausing_hands_over_what_was_read() -> None:
    control = Control(64)

    class Pausing(Paper):
        """Somebody pauses while the fourth read is under way."""

        def read(self, size: int = CHUNK_SIZE) -> bytes:
            if self.reads == 3:
                control.pause()
            return super().read(size)

    stream = Pausing(vmas(9))
    batches = load(lambda: stream, control=control, seconds=60)
    assert len(next(batches).reads) == 1
    batch = next(batches)
    assert [read.number for read in batch.reads] == [2, 3, 4]
    assert batch.progress.paused
    assert next(batches).reads == ()


def test_a_waiting_reader_wakes_when_told() -> None:
    """Nobody polls: with an endless heartbeat only the condition wakes the reader."""
    stream, control = Paper(vmas(2)), Control(64, paused=True)
    turns: list[object] = []
    done = threading.Semaphore(0)

    def reader() -> None:
        for _ in range(2):
            turns.append(control.turn(PATIENCE))
            done.release()

    worker = threading.Thread(target=reader)
    worker.start()
    control.step()
    assert done.acquire(timeout=PATIENCE)
    control.size = 4096
    control.go()
    assert done.acquire(timeout=PATIENCE)
    worker.join(PATIENCE)
    assert turns == [(64, True), (4096, False)]
    assert stream.reads == 0


def test_going_on_swallows_steps_that_are_due() -> None:
    control = Control(64, paused=True)
    control.step()
    control.step()
    control.go()
    control.pause()
    assert control.turn(0) is None
    assert control.resting


def test_a_size_is_at_least_a_byte() -> None:
    with pytest.raises(ValueError, match="reads of 0 bytes"):
        Control().size = 0


class Rests(Control):
    """Notes how long it was asked to rest, and does not."""

    def __init__(self, toward: int = 0) -> None:
        super().__init__(64 * RECORD_SIZE, toward=toward)
        self.rests: list[int] = []

    def give_way(self, seconds: float, reached: int) -> None:
        if reached >= self.toward:
            self.rests.append(reached)
        super().give_way(0, reached)


def test_it_gives_way_behind_the_first_screenful() -> None:
    control = Rests()
    list(loading(Paper(vmas(600)), control))
    assert min(control.rests) >= 256 * 4 * MIB
    assert len(control.rests) == 12


def test_nobody_waits_for_what_is_hurried_to() -> None:
    goal = 500 * 4 * MIB
    control = Rests(toward=goal)
    progress = [batch.progress for batch in loading(Paper(vmas(600)), control)]
    assert min(control.rests) >= goal
    assert {p.toward for p in progress if (p.resume or 0) < goal} == {goal}
    assert {p.toward for p in progress if (p.resume or 0) >= goal} == {0}
    control = Rests()
    control.hurry()
    list(loading(Paper(vmas(600)), control))
    assert control.rests == []
    assert control.toward == END


def test_resting_ends_when_somebody_cannot_wait() -> None:
    control = Control()
    resting = threading.Thread(target=lambda: control.give_way(PATIENCE * 100, 5))
    resting.start()
    control.hurry(6)
    resting.join(PATIENCE)
    assert not resting.is_alive()


STREAM = vmas(7)
ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["pause", "step", "go", "hurry", "next"]),
        st.sampled_from([1, 3, 63, 64, 65, 4096, CHUNK_SIZE]),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_the_same_bytes_come_whatever_one_presses(actions: list[str | int]) -> None:
    stream, control = Paper(STREAM), Control(64)
    batches = loading(stream, control)
    taken: list[Batch] = []
    for action in actions:
        match action:
            case "pause":
                control.pause()
            case "step":
                control.step()
            case "go":
                control.go()
            case "hurry":
                control.hurry(12 * MIB)
            case int():
                control.size = action
            case _:
                before, due = stream.reads, control.resting
                taken += [batch for batch in [next(batches, None)] if batch]
                assert stream.reads - before <= (0 if due else 1)
    control.size = CHUNK_SIZE
    control.go()
    taken += batches
    reads = [read for batch in taken for read in batch.reads]
    assert b"".join(piece for batch in taken for piece in batch.data) == STREAM
    assert all(len(piece) % RECORD_SIZE == 0 for batch in taken for piece in batch.data)
    assert sum(read.records for read in reads) == len(STREAM) // RECORD_SIZE
    assert sum(read.size for read in reads) == len(STREAM)
    assert [read.number for read in reads] == list(range(1, stream.reads + 1))
    assert taken[-1].progress.done
