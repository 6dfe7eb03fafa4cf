"""/proc/vmstat: what the memory management has counted since boot. World readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.kernelfs.files import PROC

if TYPE_CHECKING:
    from pathlib import Path


def read_vmstat(root: Path = PROC) -> dict[str, int]:
    """Every line, by name, in the file's order.

    Raises:
        OSError: The file is missing.
        ValueError: A line is not a name and a number.
    """
    lines = (root / "vmstat").read_text("ascii").splitlines()
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
