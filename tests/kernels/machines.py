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

NO_KASLR: Final = Variant("nokaslr", "nokaslr", checks=("calibration", "accounting"))
FOUR_LEVELS: Final = Variant("no5lvl", "no5lvl", checks=("calibration", "accounting"))
ADVISED: Final = Variant(
    "thp=madvise", "transparent_hugepage=madvise", checks=("layouts", "reasons", "accounting")
)
NO_THP: Final = Variant(
    "thp=never", "transparent_hugepage=never", checks=("calibration", "reasons", "accounting")
)
LOCKED: Final = Variant(
    "lockdown", "lockdown=confidentiality", checks=("doctor", "accounting", "app")
)
POOL: Final = Variant("hugepages=8", "hugepages=8", checks=("hugetlb", "accounting"))
NODES: Final = Variant("2 nodes", options=_NODES, checks=("numa", "accounting"))
SINGLE: Final = Variant("1 CPU", options=("-smp", "1"), checks=("streams", "accounting"))

TOO_OLD: Final = (
    "bpf is not available: the kernel refused the program: "
    "bpf(MAP_CREATE): Operation not permitted; Linux 5.17 or later"
)
FORBIDDEN: Final = (
    "bpf is not available: kernel lockdown forbids it to read kernel memory; "
    "boot without lockdown=confidentiality"
)
NO_SCAN: Final = "no PAGEMAP_SCAN"
GUESSES: Final = "before Linux 6.7 the emulation guesses which pages are huge"
NO_GUARD: Final = "no MADV_GUARD_INSTALL before Linux 6.13"
SMALL: Final = "no memory for a 1 GiB page"
# What only a variant has.
OPEN: Final = "lockdown is not confidentiality"
ONE_NODE: Final = "one NUMA node"

MACHINES: Final = (
    Machine("5.10", PLAIN, frozenset({TOO_OLD, NO_SCAN, OPEN, ONE_NODE})),
    Machine("5.10", POOL, frozenset({TOO_OLD, NO_SCAN})),
    Machine("6.1", PLAIN, frozenset({NO_SCAN, GUESSES, NO_GUARD, SMALL, OPEN, ONE_NODE})),
    Machine("6.1", NO_KASLR, frozenset({NO_SCAN})),
    Machine("6.1", FOUR_LEVELS, frozenset({NO_SCAN})),
    Machine("6.1", LOCKED, frozenset({FORBIDDEN, NO_SCAN})),
    Machine("6.12", PLAIN, frozenset({NO_GUARD, SMALL, OPEN, ONE_NODE})),
    Machine("6.12", ADVISED, frozenset({NO_GUARD, SMALL})),
    Machine("6.12", NO_THP),
    Machine("newest", PLAIN, frozenset({SMALL, OPEN, ONE_NODE})),
    Machine("newest", NO_KASLR),
    Machine("newest", FOUR_LEVELS),
    Machine("newest", ADVISED, frozenset({SMALL})),
    Machine("newest", NO_THP),
    Machine("newest", LOCKED, frozenset({FORBIDDEN})),
    Machine("newest", POOL),
    Machine("newest", NODES),
    Machine("newest", SINGLE),
)
"""Each kernel by Debian's defaults, THP ``always`` among them, and in the ways that change what
hpview has to know."""
