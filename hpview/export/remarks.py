"""What is to be known of a VMA's numbers."""

from __future__ import annotations

from typing import Final

from hpview.space.vma import Mark
from hpview.wire import VmaFlag

_FLAGS: Final = (
    (VmaFlag.SKIPPED, "not walked"),
    (VmaFlag.READ_ERROR, "partly unreadable"),
    (VmaFlag.ESTIMATE, "estimate"),
)


def remarks(flags: int, marks: int) -> list[str]:
    """In words: ``flags`` and ``marks`` of a VMA row; most have none."""
    found = [word for flag, word in _FLAGS if flags & flag]
    if marks & Mark.CHANGED:
        found.append("changed while reading")
    return found
