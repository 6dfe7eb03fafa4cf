"""The options that the running kernel was built with, where it or its package tells."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path
from typing import Final

from hpview.kernelfs.files import PROC

BOOT: Final = Path("/boot")
MODULES: Final = Path("/lib/modules")


def read_options(
    root: Path = PROC, boot: Path = BOOT, modules: Path = MODULES
) -> tuple[str, dict[str, str]] | None:
    """Read /proc/config.gz (CONFIG_IKCONFIG_PROC), else what the kernel's package brings.

    That is /boot/config-RELEASE, or /lib/modules/RELEASE/config (Fedora, Debian since 7.0).

    Returns:
        The file, and the values by name without ``CONFIG_``: ``y``, ``m``, a number or a
        string; options that are not set are left out. None where neither file can be read.
    """
    packed = root / "config.gz"
    release = os.uname().release
    for path in (packed, boot / f"config-{release}", modules / release / "config"):
        try:
            data = path.read_bytes()
            lines = (gzip.decompress(data) if path is packed else data).decode("utf-8", "replace")
        except (OSError, EOFError):
            continue
        return str(path), dict(re.findall(r"^CONFIG_(\w+)=(.*)$", lines, re.MULTILINE))
    return None


def is_set(name: str, found: tuple[str, dict[str, str]] | None) -> bool | None:
    """Whether an option is ``y``; None where that is not known."""
    return None if found is None else found[1].get(name) == "y"
