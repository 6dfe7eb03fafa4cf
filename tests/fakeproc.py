"""Builds a small /proc and /sys out of ordinary files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PF_KTHREAD = 0x00200000


class FakeProc:
    """A tree under a temporary directory; ``proc`` and ``sys`` are its two roots."""

    def __init__(self, top: Path) -> None:
        self.proc = top / "proc"
        self.sys = top / "sys"
        self.proc.mkdir()
        self.sys.mkdir()
        (self.proc / "self").symlink_to(str(os.getpid()))

    def add_process(
        self,
        pid: int,
        *,
        comm: bytes = b"cat",
        state: str = "S",
        flags: int = 0,
        start_time: int = 100,
        maps: bytes = b"",
        **files: bytes,
    ) -> Path:
        """A directory with stat, status and maps, and any further files by keyword."""
        fields = [str(n).encode() for n in range(1, 53)]
        fields[0:3] = [str(pid).encode(), b"(" + comm + b")", state.encode()]
        fields[8] = str(flags).encode()
        fields[21] = str(start_time).encode()
        directory = self.proc / str(pid)
        directory.mkdir()
        status = f"Name:\tx\nTgid:\t{pid}\nUid:\t1000\t1001\t1002\t1003\n".encode()
        defaults = {"stat": b" ".join(fields) + b"\n", "status": status, "maps": maps}
        for name, content in (defaults | files).items():
            (directory / name).write_bytes(content)
        return directory

    def write_proc(self, name: str, content: str) -> None:
        self._write(self.proc / name, content)

    def write_sys(self, name: str, content: str) -> None:
        self._write(self.sys / name, content)

    def _write(self, path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "ascii")
