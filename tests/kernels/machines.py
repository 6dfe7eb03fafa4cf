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
    "doctor": ("tests/kernels/inside/test_doctor.py",),
    "accounting": ("tests/kernels/inside/test_accounting.py",),
    "machine": ("tests/kernels/inside/test_whole_machine.py",),
    "calibration": ("tests/kernels/inside/test_calibration.py",),
    "user": ("tests/kernels/inside/test_ordinary_user.py",),
    "app": ("tests/kernels/inside/test_app.py",),
    "reasons": ("tests/kernels/inside/test_reasons.py", "tests/kernels/inside/test_modes.py"),
    "collapse": ("tests/kernels/inside/test_collapse.py",),
    "hugetlb": ("tests/kernels/inside/test_hugetlb.py",),
    "numa": ("tests/kernels/inside/test_numa.py",),
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


_NODES: Final = (
    *("-smp", "2"),
    *("-object", "memory-backend-ram,id=low,size=1G", "-numa", "node,nodeid=0,cpus=0,memdev=low"),
    *("-object", "memory-backend-ram,id=high,size=1G", "-numa", "node,nodeid=1,cpus=1,memdev=high"),
)

PLAIN: Final = Variant("")
"""Debian's defaults: KASLR, five levels of page tables on this processor, THP always."""

VARIANTS: Final = (
    Variant("nokaslr", "nokaslr", checks=("calibration", "accounting")),
    Variant("no5lvl", "no5lvl", checks=("calibration", "accounting")),
    Variant("thp=always", "transparent_hugepage=always", checks=("layouts", "reasons")),
    Variant("thp=madvise", "transparent_hugepage=madvise", checks=("layouts", "reasons")),
    Variant("thp=never", "transparent_hugepage=never", checks=("layouts", "reasons")),
    Variant("lockdown", "lockdown=confidentiality", checks=("doctor", "accounting", "app")),
    Variant("hugepages=8", "hugepages=8", checks=("accounting", "hugetlb")),
    Variant("2 nodes", options=_NODES, checks=("accounting", "numa")),
    Variant("1 CPU", options=("-smp", "1"), checks=("streams", "accounting")),
)

MACHINES: Final = tuple(Machine(kernel, PLAIN) for kernel in SUITES)
