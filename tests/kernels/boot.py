"""Boots a kernel under QEMU and listens to what the tests in there report."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.kernels.guest import ASKED
from tests.kernels.packages import NoKernels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

QEMU: Final = "qemu-system-x86_64"
CPU: Final = "max,avx2=off"
"""All that can be emulated, five levels of page tables among it. But under QEMU 7.2 numpy's
argsort() crashed in threads by AVX2: not without it, and not by AVX2 of a real processor."""

LAST_LINES: Final = 60
"""Of the console, shown when a boot did not come to its end."""


@dataclass
class Outcome:
    """What came out of a boot."""

    log: Path
    """Everything that the console showed."""

    release: str = ""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """As ``pytest_report_to_serializable`` makes them."""

    running: str = ""
    """The test that ran last."""

    status: int | None = None
    """pytest's exit status; None if it did not come to its end."""

    timed_out: bool = False

    @property
    def ran(self) -> bool:
        """Whether tests were run to the last: pytest also ends if it found none, or no file."""
        return self.status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)

    def console(self) -> str:
        """The end of the console log."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])


def boot(
    vmlinuz: Path,
    initramfs: Path,
    log: Path,
    *,
    append: str,
    options: Sequence[str],
    checks: Sequence[str],
    patience: float,
) -> Outcome:
    """Run one machine until it powers itself off, or for ``patience`` seconds.

    Args:
        vmlinuz: The kernel.
        initramfs: What it boots into.
        log: Where the console goes; the reports go beside it.
        append: More of the kernel's command line.
        options: More of QEMU's.
        checks: What to run inside, by name.
        patience: Seconds after which it is killed.

    Raises:
        NoKernels: There is no QEMU.
    """
    if shutil.which(QEMU) is None:
        raise NoKernels(f"needs {QEMU} (qemu-system-x86)")
    told = log.with_suffix(".reports")
    told.unlink(missing_ok=True)
    line = f"console=ttyS0 panic=-1 rdinit=/init {append} {ASKED}{','.join(checks)}"
    command = [
        *(QEMU, "-accel", "tcg,thread=multi", "-cpu", CPU, "-m", "2G", "-no-reboot"),
        *("-display", "none", "-nodefaults", "-kernel", str(vmlinuz), "-initrd", str(initramfs)),
        *("-append", line, "-serial", f"file:{log}", "-serial", f"file:{told}", *options),
    ]
    outcome = Outcome(log)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        outcome.timed_out = True
    else:
        if done.returncode:
            raise NoKernels(f"{QEMU}: {done.stderr.strip()}")
    for said in told.read_text("utf-8", "replace").splitlines():
        take(outcome, said)
    return outcome


def take(outcome: Outcome, said: str) -> None:
    """One line of what the guest tells; a last one may be cut."""
    try:
        ((what, value),) = json.loads(said).items()
    except ValueError:
        return
    match what:
        case "machine":
            outcome.release = value["release"]
        case "start":
            outcome.running = value
        case "report":
            outcome.reports.append(value)
        case "exit":
            outcome.status = value
