"""Compiles bench/programs into a temporary folder."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from bench.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCES: Final = Path(__file__).resolve().parent / "programs"
_PLAIN: Final = ("target", "forest", "readfile", "scan", "entries", "run")


@dataclass(frozen=True, slots=True)
class Programs:
    """The compiled programs.

    Attributes:
        folder: Where they are.
        no_floor: Why the bare iterator could not be built, or "".
    """

    folder: Path
    no_floor: str

    def path(self, name: str) -> str:
        """What to execute."""
        return str(self.folder / name)


@contextmanager
def programs() -> Iterator[Programs]:
    """Build them; they are removed at the end.

    Raises:
        BenchError: There is no C compiler, or it refused one of them.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("the targets are C programs: no cc here (Debian: apt install gcc)")
    with TemporaryDirectory(prefix="hpview-bench-") as made:
        folder = Path(made)
        with ThreadPoolExecutor() as pool:
            floor = pool.submit(_floor, compiler, folder)
            for built in [pool.submit(_compile, compiler, name, folder) for name in _PLAIN]:
                built.result()
            no_floor = floor.result()
        yield Programs(folder, no_floor)


def _compile(compiler: str, program: str, folder: Path) -> None:
    source, binary = str(SOURCES / f"{program}.c"), str(folder / program)
    _run([compiler, "-O2", "-pthread", f"-I{folder}", "-o", binary, source])


def _floor(compiler: str, folder: Path) -> str:
    """Build the bare iterator; returns what is missing for it, or ""."""
    for tool in ("clang", "bpftool"):
        if shutil.which(tool) is None:
            return f"no {tool} here"
    dwarf, btf = str(folder / "floor.dwarf.o"), str(folder / "floor.bpf.o")
    target = ["-g", "-O2", "-target", "bpf", "-mcpu=v3"]
    try:
        _run(["clang", *target, "-c", str(SOURCES / "floor.bpf.c"), "-o", dwarf])
        _run(["bpftool", "gen", "object", btf, dwarf])
        header = _run(["bpftool", "gen", "skeleton", "-L", btf, "name", "floor_bpf"])
        (folder / "floor.lskel.h").write_bytes(header)
        _compile(compiler, "floor", folder)
    except BenchError as err:
        return str(err)
    return ""


def _run(command: Sequence[str]) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").replace(f"{SOURCES}/", "")
        first = said.strip().splitlines()[:3]
        raise BenchError(f"{Path(command[0]).name} failed: {' / '.join(first)}")
    return done.stdout
