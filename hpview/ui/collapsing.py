"""Collapsing memory, step by step: take hold, read, ask, try, read again."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.worker import get_current_worker

from hpview.acting.outcome import Outcome, outcome
from hpview.acting.plan import CannotCollapse, Plan, Rules, plan
from hpview.acting.target import batches
from hpview.space.changes import same_memory
from hpview.text import printable
from hpview.ui import describe
from hpview.ui.reading import Observer
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from hpview.acting.target import Acting, Attempt
    from hpview.errors import HpviewError
    from hpview.in_force import InForce
    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.ui.reading import Reading

GROUP: Final = "collapse"
"""Of the workers that hold a process and act on it."""


class Stage(Enum):
    """What is going on."""

    LOOKING = "looking"
    """The process is taken hold of and read."""
    ASKING = "asking"
    IMPOSSIBLE = "impossible"
    """It ended before anything could be told: ``Collapsing.problem`` says why."""
    RUNNING = "running"
    STOPPING = "stopping"
    """No further batch will be tried."""
    READING = "reading"
    """All was tried, and the process is read again."""
    TOLD = "told"


class Span(NamedTuple):
    """Where somebody wants memory collapsed.

    Attributes:
        start: First address.
        end: Its end, exclusive.
        address: Of the cursor: its VMA is the one that is meant.
    """

    start: int
    end: int
    address: int

    def plan(self, space: AddressSpace, rules: Rules | None = None) -> Plan:
        """What would be tried; a range smaller than a slot stands for its slot.

        Args:
            space: The process.
            rules: As of ``acting.plan.plan``.

        Raises:
            CannotCollapse: Nothing can be.
        """
        start, end = self.start, self.end
        if end - start < SLOT_SIZE:
            start = start // SLOT_SIZE * SLOT_SIZE
            end = start + SLOT_SIZE
        index = describe.index_in(space, self.start, self.end, self.address)
        return plan(space, index, start, end, rules)


class Collapsing:
    """What is known of one attempt; everything but the work itself is on the thread of the app.

    Attributes:
        stage: What is going on.
        plan: What is to be tried; None before the process was read.
        problem: Why there is nothing to tell, printable, or "".
        attempts: What the kernel answered so far.
        result: What the page tables said of it afterwards; None before.
    """

    def __init__(
        self,
        owner: Screen[bool],
        services: Services,
        reading: Reading,
        span: Span,
        changed: Callable[[], None],
    ) -> None:
        """Make one that has not begun.

        Args:
            owner: The work ends with this screen, which tells ``failed`` of what it raises.
            services: Of the app; they have an ``act``.
            reading: Of the process; read again for this.
            span: Where.
            changed: Called when there is something else to show.
        """
        self.stage = Stage.LOOKING
        self.plan: Plan | None = None
        self.problem = ""
        self.attempts: list[Attempt] = []
        self.result: Outcome | None = None
        self._owner = owner
        self._services = services
        self._reading = reading
        self._span = span
        self._changed = changed
        self._before = reading.space
        self._in_force: InForce | None = None
        self._target: Acting | None = None
        self._stop = threading.Event()
        self._then: Callable[[AddressSpace], None] | None = None
        self._stale = False
        self._observer = Observer(progressed=self._progressed, done=self._done)

    @property
    def pid(self) -> int:
        """The process."""
        return self._reading.pid

    @property
    def comm(self) -> str:
        """Its name, printable."""
        return printable(self._reading.space.comm)

    @property
    def failed_count(self) -> int:
        """Slots that the kernel did not collapse so far."""
        return sum(attempt.errno != 0 for attempt in self.attempts)

    def begin(self) -> None:
        """Take hold of the process and read it."""
        self._reading.subscribe(self._observer)
        self._work(self._hold, "Taking hold of a process")

    def confirm(self) -> None:
        """Do it."""
        if self.stage is Stage.ASKING:
            self._stage(Stage.RUNNING)
            self._work(self._run, "Collapsing memory")

    def stop(self) -> None:
        """Try no further batch."""
        if self.stage is Stage.RUNNING:
            self._stop.set()
            self._stage(Stage.STOPPING)

    def close(self) -> None:
        """Let the process go."""
        self._then = None
        self._reading.unsubscribe(self._observer)
        self._stop.set()
        # What works on it in a thread lets it go itself: the next file may get its number.
        if self._target is not None and self.stage not in (Stage.RUNNING, Stage.STOPPING):
            self._target.close()

    def failed(self, error: HpviewError) -> None:
        """Work came to nothing."""
        self._fail(printable(str(error)))

    def _fail(self, problem: str) -> None:
        self.problem = problem
        self._then = None
        self._stage(Stage.IMPOSSIBLE)

    def _stage(self, stage: Stage) -> None:
        self.stage = stage
        self._changed()

    def _work(self, work: Callable[[], None], description: str) -> None:
        self._owner.run_worker(
            work, thread=True, group=GROUP, exit_on_error=False, description=description
        )

    # -- in a thread ------------------------------------------------------------------

    def _hold(self) -> None:
        worker = get_current_worker()
        if self._services.act is None:
            return
        target = self._services.act(self.pid, self._before.start_time)
        try:
            refusal = target.refusal()
            in_force = self._services.in_force(self.pid)
        except BaseException:
            target.close()
            raise
        if worker.is_cancelled:
            target.close()
        else:
            self._owner.app.call_from_thread(self._held, target, refusal, in_force)

    def _run(self) -> None:
        worker = get_current_worker()
        if self._target is None or self.plan is None:
            return
        tell = self._owner.app.call_from_thread
        slots = self.plan.slots.tolist()
        try:
            for batch in batches(self._target, slots, self._stop.is_set):
                if worker.is_cancelled:
                    return
                tell(self._took, batch)
        finally:
            self._target.close()
        if not worker.is_cancelled:
            tell(self._ran)

    # -- on the thread of the app -----------------------------------------------------

    def _held(self, target: Acting, refusal: str, in_force: InForce) -> None:
        if not self._owner.is_running:
            target.close()
            return
        self._target = target
        self._in_force = in_force
        if refusal:
            self._fail(printable(refusal))
        else:
            self._read(self._look)

    def _look(self, space: AddressSpace) -> None:
        try:
            rules = Rules.of(space, self._in_force) if self._in_force is not None else None
            self.plan = self._span.plan(space, rules)
        except CannotCollapse as err:
            self._fail(str(err))
        else:
            self._before = space
            self._stage(Stage.ASKING)

    def _took(self, batch: list[Attempt]) -> None:
        self.attempts += batch
        self._changed()

    def _ran(self) -> None:
        self._stage(Stage.READING)
        self._read(self._compare)

    def _compare(self, space: AddressSpace) -> None:
        if self.plan is None or not same_memory(self._before, space):
            self._fail("another program runs in the process now: nothing can be told")
            return
        self.result = outcome(self.plan, self.attempts, self._before, space)
        self._stage(Stage.TOLD)

    def _read(self, then: Callable[[AddressSpace], None]) -> None:
        """Read from now on: what a reading under way shows may be from before."""
        self._then = then
        self._stale = self._reading.busy
        if not self._stale:
            self._reading.begin(quiet=True, compared=self.stage is Stage.READING)

    def _progressed(self) -> None:
        if self._then is not None and self._reading.problem:
            self._fail(self._reading.problem)

    def _done(self, _before: AddressSpace, now: AddressSpace) -> None:
        then = self._then
        if then is None:
            return
        if self._stale:
            self._read(then)
        else:
            self._then = None
            then(now)
