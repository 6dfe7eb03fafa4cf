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

CHECKS: Final = {
    "streams": ("tests/test_streams_agree.py",),
    "resume": ("tests/test_resume_cases.py",),
    "layouts": ("tests/test_kernel_layouts.py",),
    "machine": ("tests/kernels/inside/test_machine.py",),
}
"""What runs inside, by the name of the check: arguments for pytest. Tests of the ordinary suite
stand here where they ask the kernel; what only a machine of another kind tells is in ``inside``."""

TOO_LONG: Final = (
    "tests/test_resume_cases.py::test_a_writer_without_pause_neither_hides_nor_doubles_what_is_quiet",
    "tests/test_resume_cases.py::test_contention_alone_changes_no_byte",
)
"""Left out: minutes where the processor is emulated."""


@dataclass(frozen=True)
class Variant:
    """A way to boot a kernel."""

    name: str
    append: str = ""
    """For the kernel's command line."""

    options: tuple[str, ...] = ("-smp", "2")
    """For QEMU."""

    checks: tuple[str, ...] = tuple(CHECKS)
    """What is run inside."""


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
