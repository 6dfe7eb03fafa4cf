from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.census import Census, summed_up
from hpview.events import Event, What
from tests.fake_machine import process

if TYPE_CHECKING:
    from hpview.machine import Process

FORK, EXEC, COMM, EXIT, LOST = What


class World:
    """Processes that are born and die, and the events that tell of it."""

    def __init__(self) -> None:
        self.alive: dict[int, Process] = {}
        self.events: list[Event] = []
        self._clock = 0

    def do(self, what: What, pid: int) -> None:
        self._clock += 1
        here = self.alive.get(pid)
        if what is FORK and here is None:
            self.alive[pid] = process(pid, "born", start_time=self._clock)
        elif what is EXEC and here is not None:
            self.alive[pid] = here._replace(cmdline=f"exec {self._clock}")
        elif what is COMM and here is not None:
            self.alive[pid] = here._replace(comm=f"comm {self._clock}")
        elif what is EXIT and here is not None:
            del self.alive[pid]
        else:
            return
        self.events.append(Event(what, pid))

    def glance(self, pid: int) -> Process | None:
        found = self.alive.get(pid)
        return found and found._replace(bytes_2m=None, bytes_4k=None, pending=True)

    def snapshot(self) -> tuple[Process, ...]:
        return tuple(self.alive[pid] for pid in sorted(self.alive))


def seen(census: Census) -> list[tuple[int, int, str, str]]:
    return [(p.pid, p.start_time, p.comm, p.cmdline) for p in census.processes]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([FORK, EXEC, COMM, EXIT]), st.integers(1, 4)),
        st.sampled_from(["deliver", "begin", "read", "take", "give up"]),
    ),
    max_size=40,
)


@settings(max_examples=400)
@given(STEPS)
def test_events_and_snapshots_in_any_order_tell_what_there_is(
    steps: list[tuple[What, int] | str],
) -> None:
    world, census = World(), Census()
    read: tuple[Process, ...] | None = None
    reading = False
    for step in steps:
        if not isinstance(step, str):
            world.do(*step)
        elif step == "deliver":
            census.apply(summed_up(world.events, world.glance))
            world.events.clear()
        elif step == "begin" and not reading:
            # Whatever happened before is told before, or it is told once more: no harm.
            census.begin()
            reading, read = True, None
        elif step == "read" and reading and read is None:
            read = world.snapshot()
        elif step == "take" and read is not None:
            census.take(read)
            reading, read = False, None
        elif step == "give up" and reading:
            census.give_up()
            reading, read = False, None
    if read is not None:
        census.take(read)
    census.apply(summed_up(world.events, world.glance))
    assert seen(census) == [(p.pid, p.start_time, p.comm, p.cmdline) for p in world.snapshot()]


def test_a_burst_asks_only_about_the_living() -> None:
    asked: list[int] = []

    def glance(pid: int) -> Process | None:
        asked.append(pid)
        return process(pid, "x", pending=True) if pid != 9 else None

    events = [Event(FORK, pid) for pid in range(1, 10)]
    events += [Event(EXEC, pid) for pid in range(1, 10)]
    events += [Event(EXIT, pid) for pid in range(1, 8)]
    changes = summed_up([*events, Event(LOST, 0)], glance)
    assert asked == [8, 9]
    assert changes.gone == {*range(1, 8), 9}
    assert [p.pid for p in changes.renewed] == [8]


def test_what_was_counted_stays_when_only_the_name_changes() -> None:
    census = Census()
    census.begin()
    census.take([process(5, "old", bytes_2m=7)])
    named = process(5, "new", bytes_2m=None, pending=True)
    assert census.apply(summed_up([Event(COMM, 5)], lambda _pid: named))
    (row,) = census.processes
    assert (row.cmdline, row.bytes_2m, row.pending) == ("new", 7, False)


def test_what_exec_made_is_unknown_until_the_next_snapshot() -> None:
    census = Census()
    census.begin()
    census.take([process(5, "old", bytes_2m=7)])
    fresh = process(5, "new", bytes_2m=None, pending=True)
    census.apply(summed_up([Event(EXEC, 5), Event(COMM, 5)], lambda _pid: fresh))
    assert census.processes == (fresh,)
    census.begin()
    census.take([process(5, "new", bytes_2m=8)])
    assert census.processes[0].bytes_2m == 8


def test_nothing_new_changes_nothing() -> None:
    census = Census()
    census.begin()
    census.take([process(5, "old")])
    assert not census.apply(summed_up([Event(EXIT, 77)], lambda _pid: None))
