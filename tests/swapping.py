"""Swap space where the machine has none, and a process's pages in it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTES: Final = 64 << 20
_BLOCK: Final = b"\0" * (1 << 20)


class NoSwap(Exception):
    """There is none, and none can be made here."""


def is_on() -> bool:
    """Whether there is swap space."""
    return len(Path("/proc/swaps").read_text("ascii").splitlines()) > 1


@contextmanager
def swap_space(folder: Path) -> Iterator[None]:
    """What there is, or meanwhile a file of 64 MiB in a folder; needs root.

    Raises:
        NoSwap: Neither is to be had.
    """
    if is_on():
        yield
        return
    file = folder / "swap"
    with file.open("wb", buffering=0) as made:
        # A file with holes cannot be swapped to.
        for _ in range(_BYTES // len(_BLOCK)):
            made.write(_BLOCK)
    file.chmod(0o600)
    _run("mkswap", str(file))
    with _device(file) as device:
        try:
            yield
        finally:
            _run("swapoff", device)


@contextmanager
def _device(file: Path) -> Iterator[str]:
    """The file in use, or a loop device over it where its file system cannot be swapped to."""
    try:
        _run("swapon", str(file))
    except NoSwap:
        loop = _run("losetup", "--find", "--show", str(file)).strip()
        try:
            _run("swapon", loop)
            yield loop
        finally:
            _run("losetup", "--detach", loop)
    else:
        yield str(file)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as err:
        raise NoSwap(f"no {command[0]} here") from err
    if done.returncode:
        raise NoSwap(done.stderr.strip())
    return done.stdout
