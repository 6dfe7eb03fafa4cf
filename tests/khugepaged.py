"""Keeps the kernel's own collapsing of huge pages out of a comparison."""

from __future__ import annotations

import mmap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAUSE = Path("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs")


@contextmanager
def asleep() -> Iterator[None]:
    """Let khugepaged pause for an hour; without the right to say so, nothing changes.

    It also wakes for the first process that asks for huge pages, which is this one.
    """
    anchor = mmap.mmap(-1, 1 << 21)
    anchor.madvise(mmap.MADV_HUGEPAGE)
    with anchor:
        yield from _paused()


def _paused() -> Iterator[None]:
    try:
        before = _PAUSE.read_text()
        _PAUSE.write_text(str(3_600_000))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        _PAUSE.write_text(before)
