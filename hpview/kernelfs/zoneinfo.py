"""/proc/zoneinfo: where physical memory ends. World readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.errors import BackendUnavailable
from hpview.kernelfs.files import PROC
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from pathlib import Path


def ram_top(root: Path = PROC) -> int:
    """The first physical address in bytes above every populated zone.

    mm/vmstat.c, zoneinfo_show_print: each zone prints its spanned pages and,
    when it is populated, its start_pfn. Device memory above it is not counted.

    Raises:
        BackendUnavailable: The file is missing or names no populated zone.
    """
    try:
        lines = (root / "zoneinfo").read_text("ascii").splitlines()
    except OSError as err:
        raise BackendUnavailable("/proc/zoneinfo", err.strerror or str(err)) from err
    top = spanned = 0
    for line in lines:
        words = line.split()
        if words and words[0] == "spanned":
            spanned = int(words[1])
        elif words and words[0] == "start_pfn:":
            top = max(top, int(words[1]) + spanned)
    if not top:
        raise BackendUnavailable("/proc/zoneinfo", "no populated zone")
    return top * PAGE_SIZE
