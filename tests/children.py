"""Target processes for tests: they say "ready", then wait for their standard input to end."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = "\nprint('ready', flush=True)\nimport sys\nsys.stdin.read()\n"


@contextmanager
def child(
    code: str, *, then: str = "", cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python code in a child; it is killed at the end.

    Args:
        code: Runs before the child is ready.
        then: Runs when its standard input was closed.
        cwd: Its working directory.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", code + _WAIT + then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


@contextmanager
def hugetlb_pool(count: int, size_kb: int = 2048) -> Iterator[None]:
    """At least ``count`` free pages in a pool meanwhile; needs root."""
    directory = Path(f"/sys/kernel/mm/hugepages/hugepages-{size_kb}kB")
    total = directory / "nr_hugepages"
    before = int(total.read_text())
    total.write_text(str(before + count))
    try:
        free = int((directory / "free_hugepages").read_text())
        assert free >= count, f"no {count} huge pages of {size_kb} kB to be had"
        yield
    finally:
        total.write_text(str(before))
