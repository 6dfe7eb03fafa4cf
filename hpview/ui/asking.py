"""Why the memory of a process is not huge, asked in the background while it is read."""

from __future__ import annotations

import copy
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from textual.worker import get_current_worker

from hpview.errors import HpviewError
from hpview.export import exportable
from hpview.inquiry.asking import ask, cross_check, look_closer
from hpview.reasons.reason import Reason
from hpview.space.columns import found_at
from hpview.text import printable
from hpview.ui.reading import Observer
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray
    from textual.screen import Screen
    from textual.timer import Timer

    from hpview.export.exportable import Exportable
    from hpview.in_force import InForce
    from hpview.inquiry.asking import Inquiry
    from hpview.kernelfs.smaps import Smaps
    from hpview.reasons.answers import Answers
    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.ui.reading import Reading

_LEAST_REST: Final = 0.3
"""Seconds between two askings while more is read."""

_REST: Final = 9
"""Times as long as an asking took that follow without one: it costs a tenth of the time."""

_BY_PAGES: Final = frozenset({Reason.SPARSE, Reason.FALLBACK, Reason.WAITING})
"""Reasons that give way to what single pages tell."""

GROUP: Final = "why"
"""Of the workers that ask."""


class Asking:
    """Applies the rules again whenever more of the process is known; no key waits for it.

    Attributes:
        found: The newest answers, over an address space that does not change any more; None
            before the first.
        problem: Why there are none, printable, or "".
        smaps: Of the process, once somebody asked for it.
    """

    def __init__(self, owner: Screen[None], services: Services, reading: Reading) -> None:
        """Ask from now on.

        Args:
            owner: Its threads and timers end with this screen.
            services: Where settings and pages come from.
            reading: Of the process.
        """
        self.found: Inquiry | None = None
        self.problem = ""
        self.smaps: Smaps | None = None
        self._owner = owner
        self._services = services
        self._reading = reading
        self._in_force: tuple[int, InForce] | None = None
        self._asked: Hashable = None
        self._closer = False
        self._busy = False
        self._smaps_took: float | None = None
        self._token = 0
        self._ended = float("-inf")
        self._took = 0.0
        self._hurried = False
        self._timer: Timer | None = None
        self._listeners: list[Callable[[], None]] = []
        self._mains: tuple[AddressSpace, int, Inquiry, NDArray[np.uint8]] | None = None
        reading.subscribe(Observer(done=lambda *_: self._hurry()))

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call somebody whenever there are other answers."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], None]) -> None:
        """Call somebody no more."""
        self._listeners.remove(listener)

    @property
    def answers(self) -> Answers | None:
        """The newest."""
        return None if self.found is None else self.found.answers

    @property
    def at_rest(self) -> bool:
        """No other answers are to come by themselves."""
        return self._timer is None and not self._busy

    def renew(self) -> None:
        """Ask again, soon, if more is known than was asked about."""
        if self._busy or self._asked == self._known():
            return
        wait = self._rest()
        if wait <= 0:
            self._start()
        elif self._timer is None:
            self._timer = self._owner.set_timer(wait, self._start)

    def _rest(self) -> float:
        """Seconds until the next asking may begin; step by step somebody waits for each."""
        if self._hurried:
            return 0.0
        least = 0.0 if self._reading.paused else _LEAST_REST
        return self._ended + max(least, _REST * self._took) - time.monotonic()

    def need_pages(self) -> None:
        """Ask single pages too, from now on, once the whole process is known."""
        if not self._closer:
            self._closer = True
            self._hurry()

    def need_pages_at(self, address: int | None) -> None:
        """Ask single pages, too, if they could tell more of the slot around an address."""
        if self._closer or self.answers is None or address is None:
            return
        explanation = self.answers.explain(address)
        findings = () if explanation is None else explanation.findings
        if findings and findings[0].reason in _BY_PAGES:
            self.need_pages()

    def read_smaps(self) -> None:
        """Read it in a thread, then ask again; the process has to wait meanwhile."""
        self._owner.run_worker(
            self._read_smaps,
            thread=True,
            exclusive=True,
            group="smaps",
            exit_on_error=False,
            description="Reading smaps",
        )

    def mains(self, space: AddressSpace) -> NDArray[np.uint8]:
        """The main ``Reason`` of each VMA of an address space, shape (n,), NONE where not known.

        Args:
            space: What is shown; it may have grown since the answers were found.
        """
        found = self.found
        if found is None:
            return np.zeros(len(space.vmas), dtype=np.uint8)
        kept = self._mains
        if kept is None or kept[:3] != (space, space.version, found):
            reasons = _matched(found, space)
            kept = self._mains = (space, space.version, found, reasons)
        return kept[3]

    def data(self) -> Sequence[Exportable]:
        """The answers, to be exported; none before there are any."""
        found = self.found
        if found is None:
            return ()
        space = found.answers.space
        whole = space.complete and not (space.execs or space.partial or space.read_errors)
        return [exportable.why(found, complete=whole)]

    def _hurry(self) -> None:
        """Ask now, or once the asking under way is over: nothing else is waited for."""
        self._hurried = True
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.renew()

    def _known(self) -> Hashable:
        """All that the answers hang on."""
        reading, space = self._reading, self._reading.space
        closer = self._closer and not reading.partial
        # As numbers: what is kept here keeps nothing else alive.
        which = reading.number, reading.reloads, id(space), space.version
        return *which, reading.partial, closer, id(self.smaps)

    def _start(self) -> None:
        self._timer = None
        self._hurried = False
        reading = self._reading
        space = reading.space
        if not len(space.vmas):
            return
        self._busy = True
        self._token += 1
        self._asked = self._known()
        # What still grows must not change while the rules are applied to it.
        whole = not reading.partial
        shown = space if whole else copy.deepcopy(space)
        self._owner.run_worker(
            partial(self._ask, self._token, shown, reading.number, closer=whole and self._closer),
            thread=True,
            exclusive=True,
            group=GROUP,
            exit_on_error=False,
            description="Applying the rules",
        )

    def _ask(self, token: int, space: AddressSpace, number: int, *, closer: bool) -> None:
        worker = get_current_worker()
        began = time.monotonic()
        try:
            found = ask(space, self._settings(number, space), self.smaps)
            if closer:
                found = look_closer(self._services, found)
            # Worked out here, not while a frame is drawn.
            _ = found.answers.breakdown, found.answers.main, found.told
        except HpviewError as error:
            result: Inquiry | HpviewError = error
        else:
            result = found
        took = time.monotonic() - began
        if not worker.is_cancelled:
            self._owner.app.call_from_thread(self._take, token, result, took)

    def _settings(self, number: int, space: AddressSpace) -> InForce:
        """Those of a reading; the last ones known of a process that is gone."""
        kept = self._in_force
        if kept is not None and kept[0] == number:
            return kept[1]
        try:
            found = self._services.in_force(self._reading.pid)
            self._services.require_same(space)
        except HpviewError:
            if kept is None:
                raise
            return kept[1]
        self._in_force = number, found
        return found

    def _take(self, token: int, result: Inquiry | HpviewError, took: float) -> None:
        if token != self._token or not self._owner.is_running:
            return
        self._busy = False
        self._ended, self._took = time.monotonic(), took
        if isinstance(result, HpviewError):
            self.problem = printable(str(result))
        else:
            self.found, self.problem = result, ""
            self._tell_smaps(result)
        self._tell()
        self.renew()

    def _read_smaps(self) -> None:
        worker = get_current_worker()
        began = time.monotonic()
        space = self._reading.space
        try:
            smaps = self._services.smaps(self._reading.pid)
            self._services.require_same(space)
        except HpviewError as error:
            self._owner.notify(printable(str(error)), severity="error", markup=False)
            return
        if not worker.is_cancelled:
            took = time.monotonic() - began
            self._owner.app.call_from_thread(self._take_smaps, smaps, took)

    def _take_smaps(self, smaps: Smaps, took: float) -> None:
        if self._owner.is_running:
            self.smaps, self._smaps_took = smaps, took
            self._hurry()

    def _tell_smaps(self, found: Inquiry) -> None:
        """What reading smaps cost, and whether the kernel says what the rules say."""
        if self._smaps_took is None or found.smaps is not self.smaps:
            return
        compared, differ = cross_check(found)
        vmas = f"{thousands(compared)} VMA{'s' * (compared != 1)}"
        agree = f"THPeligible is as foretold in {vmas}"
        if differ:
            agree = f"THPeligible differs in {thousands(len(differ))} of {vmas}"
        self._owner.notify(
            f"reading smaps took {self._smaps_took * 1000:.0f} ms; {agree}",
            severity="warning" if differ else "information",
            markup=False,
        )
        self._smaps_took = None

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _matched(found: Inquiry, space: AddressSpace) -> NDArray[np.uint8]:
    """The answers for the VMAs of another address space, by where they begin."""
    answers = found.answers
    at, known = found_at(answers.space.vmas["start"], space.vmas["start"])
    matched = np.full(len(known), Reason.NONE, dtype=np.uint8)
    matched[known] = answers.main[at[known]]
    return matched
