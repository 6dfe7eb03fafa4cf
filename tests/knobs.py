"""Settings of transparent huge pages, changed for a while and put back; needs root."""

from __future__ import annotations

import fcntl
import re
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

THP: Final = Path("/sys/kernel/mm/transparent_hugepage")
PMD: Final = "hugepages-2048kB"
SMALL: Final = "hugepages-64kB"

USUAL: Final = {
    "enabled": "madvise",
    f"{PMD}/enabled": "inherit",
    f"{PMD}/shmem_enabled": "inherit",
    f"{SMALL}/enabled": "never",
    f"{SMALL}/shmem_enabled": "never",
    "shmem_enabled": "never",
    "khugepaged/max_ptes_none": "511",
    "khugepaged/max_ptes_swap": "64",
    "khugepaged/max_ptes_shared": "256",
}
"""What tests of verdicts start from, whatever the machine is set to."""


@contextmanager
def alone() -> Iterator[None]:
    """No other run of tests changes these settings meanwhile."""
    with open(Path(tempfile.gettempdir()) / "hpview-tests-knobs.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def turned(knobs: Mapping[str, str]) -> Iterator[None]:
    """Set some, by name under transparent_hugepage; afterwards they are as before.

    Those of a size that this kernel has not are left out.
    """
    with ExitStack() as stack:
        for name, value in knobs.items():
            file = THP / name
            if not file.exists():
                continue
            before = _chosen(file)
            if before != value:
                file.write_text(value)
                stack.callback(file.write_text, before)
        yield


def _chosen(file: Path) -> str:
    text = file.read_text("ascii").strip()
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else text
