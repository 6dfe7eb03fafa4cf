"""The THP mode that the machine was booted with: what follows from it, and how it is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from hpview.demo import Demo
from tests.children import child
from tests.kernel_targets import AREA, PRELUDE
from tests.kernels.inside.having import thp_mode, told

pytestmark = pytest.mark.root

M: Final = 2 << 20


def test_memory_nobody_advised_is_huge_by_the_mode_alone() -> None:
    """Filled by a fault each slot; smaps says how many a huge page answered."""
    with child(PRELUDE + "area(4 * M); touch(0); touch(1)") as process:
        scanned = told("scan", str(process.pid))
        smaps = Path(f"/proc/{process.pid}/smaps").read_text()
    (vma,) = [vma for vma in scanned["vmas"] if int(vma["start"], 16) == AREA]
    entry = smaps.partition(f"{AREA:x}-")[2]
    found = re.search(r"AnonHugePages: *(\d+) kB", entry)
    assert found is not None
    assert vma["bytes_2m"] == int(found[1]) * 1024
    assert vma["bytes_2m"] == (2 * M if thp_mode() == "always" else 0)


def test_the_demo_says_what_it_cannot_have() -> None:
    with Demo.spawn(reserved=1 << 30) as demo:
        missing = {one.name: one.reason for one in demo.missing}
        region = demo.region("THP, all 2 MB")
    # MADV_COLLAPSE (Linux 6.1) makes them whatever the mode is.
    assert (region is None) == ("THP, all 2 MB" in missing)
    if region is None:
        assert thp_mode() == "never"
        assert "enabled" in missing["THP, all 2 MB"]


def test_the_machine_tells_the_mode() -> None:
    assert told("machine")["settings"]["values"]["enabled"] == thp_mode()
