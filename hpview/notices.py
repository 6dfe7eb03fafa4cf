"""What whoever reads the numbers should know of how they were come by, each said once."""

from __future__ import annotations

from threading import Lock


class Notices:
    """Sentences, untrusted, in the order they were told; may be used in any thread."""

    def __init__(self, *told: str) -> None:
        self._lock = Lock()
        self._told: dict[str, None] = dict.fromkeys(told)

    def add(self, notice: str) -> None:
        """Tell one, unless it was told before."""
        with self._lock:
            self._told[notice] = None

    def __call__(self) -> tuple[str, ...]:
        """All so far."""
        with self._lock:
            return tuple(self._told)
