"""A memory cgroup for a test, of either version."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.conftest import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOTS = (
    (Path("/sys/fs/cgroup"), "memory.current", "memory.max"),
    (Path("/sys/fs/cgroup/memory"), "memory.usage_in_bytes", "memory.limit_in_bytes"),
)
_PATIENCE = 5.0
"""Seconds that the kernel may take to forget a process that has ended."""


class MemoryGroup(NamedTuple):
    """A cgroup of its own."""

    folder: Path
    used: str
    limit: str

    def leave(self, room: int) -> None:
        """Let it grow by so many bytes from now on."""
        used = int((self.folder / self.used).read_text())
        (self.folder / self.limit).write_text(str(used + room))

    def remove(self) -> None:
        """Remove it once its processes are reaped, which cgroup v1 tells nobody."""
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.001)
        self.folder.rmdir()


def _made() -> MemoryGroup | None:
    for root, used, limit in _ROOTS:
        folder = root / f"hpview-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            if (folder / used).exists():
                return MemoryGroup(folder, used, limit)
            folder.rmdir()
    return None


@contextlib.contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """Whoever writes its pid to ``cgroup.procs`` of the folder is in it, until it ends."""
    group = _made()
    if group is None:
        lacking("needs a memory cgroup to be made")
    assert group is not None
    try:
        yield group
    finally:
        group.remove()
