"""A process on which to act, without one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpview.acting.target import Attempt
from tests.piloting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.errors import HpviewError


@dataclass
class FakeActing:
    """Answers as it is told, one batch for each permit of ``gate``; notes what it was asked.

    ``codes`` has the errno of slots that are not done, ``error`` is raised for all,
    ``unheld`` when somebody wants to take hold of it.
    """

    told: str = ""
    codes: dict[int, int] = field(default_factory=dict)
    error: HpviewError | None = None
    unheld: HpviewError | None = None
    hold_gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1_000_000))
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1_000_000))
    held: list[tuple[int, int]] = field(default_factory=list)
    asked: list[list[int]] = field(default_factory=list)
    closed: int = 0

    def hold(self, pid: int, start_time: int) -> FakeActing:
        """What ``Services.act`` is."""
        assert self.hold_gate.acquire(timeout=PATIENCE)
        if self.unheld is not None:
            raise self.unheld
        self.held.append((pid, start_time))
        return self

    def refusal(self) -> str:
        return self.told

    def collapse(self, slots: Sequence[int]) -> list[Attempt]:
        self.asked.append(list(slots))
        assert self.gate.acquire(timeout=PATIENCE)
        if self.error is not None:
            raise self.error
        return [Attempt(slot, self.codes.get(slot, 0)) for slot in slots]

    def close(self) -> None:
        self.closed += 1
