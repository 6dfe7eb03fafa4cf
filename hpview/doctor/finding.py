"""One thing that the doctor tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["yes", "partly", "no"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried.

    Attributes:
        name: What, in a few words.
        state: ``yes``, ``partly`` or ``no``.
        detail: What was tried and what came back; may have several lines.
        remedy: What would change it, or "".
    """

    name: str
    state: State
    detail: str
    remedy: str = ""
