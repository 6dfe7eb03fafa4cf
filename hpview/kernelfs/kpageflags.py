"""/proc/kpageflags: the kernel's flags of page frames, for root only (fs/proc/page.c)."""

from __future__ import annotations

import os
from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs.files import PROC
from hpview.kernelfs.pagemap import own_frame

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class PageFlag(IntFlag):
    """``KPF_*`` of include/uapi/linux/kernel-page-flags.h, those hpview uses."""

    MMAP = 1 << 11
    ANON = 1 << 12
    SWAPBACKED = 1 << 14
    COMPOUND_HEAD = 1 << 15
    COMPOUND_TAIL = 1 << 16
    HUGE = 1 << 17
    """A hugetlb page."""
    NOPAGE = 1 << 20
    """There is no such frame; also what ``read`` gives above the end of memory."""
    KSM = 1 << 21
    THP = 1 << 22
    ZERO_PAGE = 1 << 24


_ENTRY_SIZE: Final = 8
_BRIDGE: Final = 128
"""Frames between two wanted ones that are cheaper to read than to skip by another call."""


def read(pfns: NDArray[np.uint64], root: Path = PROC) -> NDArray[np.uint64]:
    """The flags of page frames.

    One pread per run of neighbouring frames, whatever the order they come in.

    Args:
        pfns: Page frame numbers, any order, repetitions allowed, shape (n,).
        root: Where kpageflags lies.

    Returns:
        ``PageFlag`` bits, uint64, shape (n,).

    Raises:
        BackendUnavailable: The file is missing, empty or this user may not read it.
    """
    fd = open_flags(root)
    try:
        return _read(fd, pfns)
    except OSError as err:
        raise unreadable(err) from err
    finally:
        os.close(fd)


def open_flags(root: Path = PROC, remedy: str = "run as root") -> int:
    """A descriptor of the file, from which the flags of the first frame could be read.

    Raises:
        BackendUnavailable: As ``read``.
    """
    try:
        fd = os.open(root / "kpageflags", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise unreadable(err, remedy) from err
    try:
        first = os.pread(fd, _ENTRY_SIZE, 0)
    except OSError as err:
        os.close(fd)
        raise unreadable(err, remedy) from err
    if len(first) == _ENTRY_SIZE:
        return fd
    os.close(fd)
    # containers put /dev/null over what is to be hidden
    raise BackendUnavailable("/proc/kpageflags", "it is empty", remedy="run outside of a container")


def unreadable(err: OSError, remedy: str = "run as root") -> BackendUnavailable:
    """What to raise for an error met on the file."""
    reason = err.strerror or str(err)
    denied = isinstance(err, PermissionError)
    return BackendUnavailable("/proc/kpageflags", reason, remedy=remedy if denied else "")


def _read(fd: int, pfns: NDArray[np.uint64]) -> NDArray[np.uint64]:
    wanted, back = np.unique(pfns, return_inverse=True)
    flags = np.full(len(wanted), int(PageFlag.NOPAGE), dtype=np.uint64)
    breaks = np.flatnonzero(np.diff(wanted) > _BRIDGE) + 1
    for run in np.split(np.arange(len(wanted)), breaks):
        if not len(run):
            continue
        first, last = int(wanted[run[0]]), int(wanted[run[-1]])
        data = _pread(fd, (last - first + 1) * _ENTRY_SIZE, first * _ENTRY_SIZE)
        entries = np.frombuffer(data, dtype="<u8", count=len(data) // _ENTRY_SIZE)
        places = (wanted[run] - np.uint64(first)).astype(np.intp)
        known = places < len(entries)
        flags[run[known]] = entries[places[known]]
    return flags[back]


def _pread(fd: int, size: int, offset: int) -> bytes:
    pieces = []
    while size:
        piece = os.pread(fd, size, offset)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
        offset += len(piece)
    return b"".join(pieces)


def readable(root: Path = PROC) -> bool:
    """Whether this user may read the flags of frames, and is told frames, tried on an own page."""
    try:
        attempt(root)
    except (HpviewError, OSError):
        return False
    return True


def attempt(root: Path = PROC) -> None:
    """Read the flags of the frame behind a page of this very process.

    Raises:
        HpviewError, OSError: Flags or frames may not be read.
    """
    flags = read(np.array([own_frame(root)], np.uint64), root)
    if int(flags[0]) & PageFlag.NOPAGE:
        raise BackendUnavailable("/proc/kpageflags", "it does not know a page of this process")
