"""Draws the pictures of this folder again: ``hpview shot`` on the demo process.

As root it goes into a pid namespace of its own first, so that the process list
shows the demo and not whatever runs on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hpview.cli import main
from hpview.demo import Demo

HERE = Path(__file__).resolve().parent
_INSIDE = "HPVIEW_SCREENSHOTS_INSIDE"


def draw() -> int:
    """Write the pictures; the exit status of the first that failed, or 0."""
    with Demo.spawn() as demo:
        shots = (
            ["shot", str(demo.pid), "--size", "140x40", "-o", str(HERE / "process.svg")],
            ["shot", "--screen", "list", "--size", "120x12", "-o", str(HERE / "list.svg")],
        )
        return next((status for status in map(main, shots) if status), 0)


if __name__ == "__main__":
    if os.geteuid() == 0 and _INSIDE not in os.environ:
        command = ["unshare", "--fork", "--pid", "--mount-proc", sys.executable, __file__]
        sys.exit(subprocess.run(command, env=os.environ | {_INSIDE: "1"}, check=False).returncode)
    sys.exit(draw())
