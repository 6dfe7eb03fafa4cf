"""Runs the tests in two halves at once, for two processors.

One half touches nothing of the machine: the screens over fakes, and as much of the rest as makes
both take as long. The other is everything that does, as pools, settings and swap of the kernel
bear no two tests at a time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
PURE: Final = (
    "census",
    "export_data",
    "holes",
    "inquiry",
    "layers",
    "pages_folios",
    "pictures",
    "program",
    "reasons_[mrv]*",
    "rollup",
    "roster_*",
    "seq_file",
    "space_*",
    "task_vma",
    "ui_*",
    "wire",
    "zoom_*",
)
_OF_THE_MACHINE: Final = ("live", "kernel")


def pure() -> list[str]:
    """The files of the first half."""
    found = sorted(path for name in PURE for path in HERE.glob(f"test_{name}.py"))
    return [
        str(path.relative_to(HERE.parent))
        for path in found
        if not path.stem.endswith(_OF_THE_MACHINE)
    ]


def main(arguments: list[str]) -> int:
    """Run both, show one after the other; the worse of the two exit statuses."""
    pytest = [sys.executable, "-m", "pytest", *arguments]
    first = pure()
    with tempfile.TemporaryFile() as shown:
        half = subprocess.Popen(
            [*pytest, "-p", "no:cacheprovider", *first],
            cwd=HERE.parent,
            stdout=shown,
            stderr=subprocess.STDOUT,
        )
        others = [f"--ignore={path}" for path in first]
        rest = subprocess.run([*pytest, *others], cwd=HERE.parent, check=False).returncode
        status = half.wait()
        shown.seek(0)
        sys.stdout.buffer.write(shown.read())
        sys.stdout.flush()
    return max(rest, status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
