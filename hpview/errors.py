"""The failures hpview knows, each told in one line.

They are raised where the operating system's own errors are met and caught once,
by the command line or by the screen that shows them.
"""

from __future__ import annotations


class HpviewError(Exception):
    """Something the user should read; ``str()`` is one printable line."""


class NoSuchProcess(HpviewError):
    """The process does not exist, or no longer."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"no process {pid}")
        self.pid = pid


class OtherProgram(NoSuchProcess):
    """The process exists, but the address space that was read has gone: by exec(), or soon it."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.args = (f"process {pid} runs another program by now, or is about to end",)


class NoMemoryMap(HpviewError):
    """The process has no address space of its own: a kernel thread or a zombie."""

    def __init__(self, pid: int, what: str) -> None:
        super().__init__(f"process {pid} is {what}: it has no memory map")
        self.pid = pid


class NothingMapped(HpviewError):
    """No VMA of the process covers an address, or none any longer."""

    def __init__(self, pid: int, address: int) -> None:
        super().__init__(f"process {pid} has nothing mapped at {address:x}")
        self.pid = pid
        self.address = address


class AccessDenied(HpviewError):
    """The process exists but this user may not read it."""

    def __init__(self, pid: int, remedy: str = "run as its user or as root") -> None:
        super().__init__(f"process {pid} may not be read: {remedy}")
        self.pid = pid


class BackendUnavailable(HpviewError):
    """A source of records cannot be used here.

    Attributes:
        reason: Why, in a few words.
        remedy: What would change it, or "".
        details: Further lines, such as the end of the verifier's log.
    """

    def __init__(
        self, backend: str, reason: str, *, remedy: str = "", details: tuple[str, ...] = ()
    ) -> None:
        change = f"; {remedy}" if remedy else ""
        super().__init__(f"{backend} is not available: {reason}{change}")
        self.backend = backend
        self.reason = reason
        self.remedy = remedy
        self.details = details


class ReadFailed(HpviewError):
    """Reading failed for a reason that says nothing about what was to be read.

    No memory or no descriptor was left, say.

    Attributes:
        errno: The kernel's number.
    """

    def __init__(self, what: str, err: OSError) -> None:
        super().__init__(f"{what} could not be read: {err.strerror or err}")
        self.errno = err.errno or 0


class CorruptText(HpviewError, ValueError):
    """A text of /proc ends within a line, or holds what the kernel does not write."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"not the text of {name}: {what}")


class CorruptStream(HpviewError):
    """Bytes that are not records.

    Attributes:
        offset: The byte in the stream at which the bad record begins.
    """

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(f"corrupt record at byte {offset}: {what}")
        self.offset = offset


class NotAProcess(HpviewError):
    """The number is that of a thread: the process is named by another."""

    def __init__(self, tid: int, tgid: int) -> None:
        super().__init__(f"{tid} is a thread of process {tgid}: name that one")
        self.tid = tid
        self.tgid = tgid
