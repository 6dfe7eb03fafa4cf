"""A process that is about to be acted on, held so that it cannot be mistaken for another."""

from __future__ import annotations

import errno
import os
import select
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from hpview.acting import madvise
from hpview.acting.words import refusal_words
from hpview.errors import HpviewError, NoSuchProcess
from hpview.kernelfs.files import PROC, MmFile
from hpview.kernelfs.namespaces import require_own
from hpview.kernelfs.status import read_stat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCH: Final = 8
"""Slots of one system call: some milliseconds, after which it can be stopped."""

_GONE: Final = frozenset({errno.ESRCH})
_REFUSED: Final = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""Errors that are not about a slot: the next one would fail in the same way."""


class AnotherProgram(HpviewError):
    """What is known of the process is no longer about what it runs."""

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"process {pid} {what}: nothing more was done")


class Refused(HpviewError):
    """The kernel does not let this user collapse memory of the process."""

    def __init__(self, pid: int, code: int) -> None:
        super().__init__(f"process {pid}: {refusal_words(code)}")
        self.errno = code


class Attempt(NamedTuple):
    """What the kernel answered for one slot.

    Attributes:
        address: Of the slot.
        errno: Why it was not done; 0 if the kernel says that it is huge now.
    """

    address: int
    errno: int


class Acting(Protocol):
    """What can be done to one process. All may be called in any thread, by one at a time."""

    def refusal(self) -> str:
        """Why nothing can be done, a sentence, or ""; tells without doing anything."""

    def collapse(self, slots: Sequence[int]) -> list[Attempt]:
        """Try some slots, ``BATCH`` at most."""

    def close(self) -> None:
        """Let the process go; idempotent."""


class Target(MmFile):
    """``Acting`` on a real process, which is held by a pidfd, and its address space by maps.

    Args:
        pid: Process.
        start_time: Of the process that is meant, USER_HZ ticks since boot; None takes
            whichever has the pid now.

    Raises:
        AnotherProgram: Another process has the pid now.
        Refused: This kernel has no pidfds.
        NoSuchProcess, NoMemoryMap, AccessDenied: It cannot be read.
        BackendUnavailable: The pid is of another pid namespace, and means another process.
    """

    _fd = -1

    def __init__(self, pid: int, start_time: int | None = None) -> None:
        self._pidfd = _held(pid)
        try:
            self.start_time = read_stat(pid, PROC).start_time
            if start_time not in (None, self.start_time):
                raise AnotherProgram(pid, "is not the one that was read: its pid was used again")
            super().__init__(pid, "maps", PROC)
            # Only now is it certain that stat and maps were of the process behind the pidfd.
            if self._has_exited() or not self.lives():
                raise self.lost()
        except BaseException:
            self.close()
            raise

    def refusal(self) -> str:
        """See ``Acting``."""
        try:
            madvise.advise(self._pidfd, ())
        except OSError as err:
            if err.errno in _GONE:
                return f"process {self._pid} has exited"
            return refusal_words(err.errno or 0)
        return ""

    def collapse(self, slots: Sequence[int]) -> list[Attempt]:
        """Try some slots; one that fails does not keep the others from being tried.

        A short count tells which slot failed, but not why: that one is asked for again.

        Raises:
            NoSuchProcess: It has exited; slots before may have been done.
            AnotherProgram: It called exec().
            Refused: The right is missing.
        """
        out: list[Attempt] = []
        while rest := slots[len(out) :]:
            if self._has_exited():
                raise NoSuchProcess(self._pid)
            if not self.lives():
                # Memory goes first when a process exits.
                if self._has_exited() or not read_stat(self._pid, PROC).has_mm:
                    raise NoSuchProcess(self._pid)
                raise AnotherProgram(self._pid, "runs another program now")
            try:
                done = madvise.advise(self._pidfd, rest)
            except OSError as err:
                code = err.errno or 0
                if code in _GONE:
                    raise NoSuchProcess(self._pid) from err
                if code in _REFUSED:
                    raise Refused(self._pid, code) from err
                if code != errno.EINTR:
                    out.append(Attempt(rest[0], code))
                continue
            out += [Attempt(slot, 0) for slot in rest[:done]]
        return out

    def _has_exited(self) -> bool:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Let the process go; idempotent."""
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd >= 0:
            os.close(pidfd)
        super().close()

    def __enter__(self) -> Self:
        return self


def _held(pid: int) -> int:
    require_own("MADV_COLLAPSE", PROC)
    try:
        return os.pidfd_open(pid)
    except OSError as err:
        # EINVAL, or ENOENT since Linux 6.15: a thread's own number (kernel/pid.c, pidfd_open()).
        if err.errno in (errno.ESRCH, errno.EINVAL, errno.ENOENT):
            raise NoSuchProcess(pid) from err
        if err.errno in _REFUSED:
            raise Refused(pid, err.errno or 0) from err
        raise


def batches(
    target: Acting, slots: Sequence[int], stop: Callable[[], bool] = lambda: False
) -> Iterator[list[Attempt]]:
    """Try slots batch by batch until there are no more, or until somebody wants it to stop.

    Args:
        target: The process.
        slots: First addresses.
        stop: Asked before each batch.

    Raises:
        HpviewError: As ``Target.collapse``.
    """
    for at in range(0, len(slots), BATCH):
        if stop():
            return
        yield target.collapse(slots[at : at + BATCH])
