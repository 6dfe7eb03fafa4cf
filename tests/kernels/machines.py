"""Which machines are booted, what is run in each, and what cannot be had there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SUITES: Final = {
    "5.10": "bullseye-security",
    "6.1": "bookworm",
    "6.12": "trixie",
    "newest": "sid",
}
"""Kernels, by the names they go by here, and the suites of Debian that have them."""

EVERYTHING: Final = ("tests/kernels/inside",)


@dataclass(frozen=True)
class Variant:
    """A way to boot a kernel."""

    name: str
    append: str = ""
    """For the kernel's command line."""

    options: tuple[str, ...] = ("-smp", "2")
    """For QEMU."""

    tests: tuple[str, ...] = EVERYTHING
    """For the pytest inside."""


@dataclass(frozen=True)
class Machine:
    """One boot."""

    kernel: str
    variant: Variant
    lacks: frozenset[str] = frozenset()
    """Reasons for which tests are skipped in there: exactly these."""

    def __str__(self) -> str:
        return f"{self.kernel} {self.variant.name}".strip()


PLAIN: Final = Variant("")

MACHINES: Final = tuple(Machine(kernel, PLAIN) for kernel in SUITES)
