"""Draws the pictures of this folder again: ``hpview shot`` on the demo process.

As root it goes into a pid namespace of its own first, so that the process list
shows the demo and not whatever runs on the machine. ``make.py FOLDER`` draws
them elsewhere: a test compares them with those that are committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hpview.cli import main
from hpview.demo import Demo
from hpview.wire import SLOT_SIZE

HERE = Path(__file__).resolve().parent
NAMES = ("list", "process", "why", "slot", "protocol")
_INSIDE = "HPVIEW_SCREENSHOTS_INSIDE"
_IN_SLOT = "THP with holes"
"""The region of which a slot is shown: its second slot has a hole."""

_STEPS = "< < " + ". " * 10 + "k"
"""Read by half a kilobyte, ten times, and look at the read before the last."""


def draw(folder: Path) -> int:
    """Write the pictures; the exit status of the first that failed, or 0."""
    with Demo.spawn() as demo:
        pid = str(demo.pid)
        holes = next(region.start for region in demo.regions if region.name == _IN_SLOT)
        wanted = {
            "list": ["--screen", "list", "--size", "120x16"],
            "process": [pid, "--size", "140x40"],
            "why": [pid, "--screen", "why", "--keys", "j", "--size", "110x30"],
            "slot": [pid, "--address", f"{holes + SLOT_SIZE:x}", "--size", "120x30"],
            "protocol": [
                *("--backend", "procfs", pid, "--screen", "protocol"),
                *("--keys", _STEPS, "--size", "120x28"),
            ],
        }
        for name in NAMES:
            status = main(["shot", *wanted[name], "-o", str(folder / f"{name}.svg")])
            if status:
                return status
    return 0


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE
    # Command lines are in the picture of the list: without the path of this checkout.
    os.chdir(HERE.parent)
    sys.executable = os.path.relpath(sys.executable)
    if os.geteuid() == 0 and _INSIDE not in os.environ:
        command = ["unshare", "--fork", "--pid", "--mount-proc", sys.executable]
        command += ["screenshots/make.py", str(target)]
        sys.exit(subprocess.run(command, env=os.environ | {_INSIDE: "1"}, check=False).returncode)
    sys.exit(draw(target))
