"""One process of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hpview.wire import Source


class Process(NamedTuple):
    """One process. Sizes are in bytes, None where they could not be read.

    Attributes:
        pid: tgid.
        user: Name of the effective user, or the number.
        comm: Untrusted, at most 15 bytes.
        cmdline: Untrusted, arguments joined by spaces; "" where it has none.
        resident: Memory mapped by it, hugetlb included.
        bytes_2m: By PMD leaves.
        bytes_1g: By PUD leaves.
        bytes_4k: By PTEs, without zero pages.
        bytes_swap: Swapped out.
        vmas: Number of VMAs.
        source: Where the backing was read from; ``NONE`` if it was not.
        start_time: Clock ticks since boot: tells reused pids apart.
        partial: It has more than was counted: it changed while it was read, or some of it
            could not be read.
        ppid: Its parent, 0 for the first process of a pid namespace.
        cgroup: Untrusted path of its cgroup, "" where that could not be read.
        change: Bytes that ``resident`` grew by since the snapshot before; None where
            there was none, or it was not in it.
        bytes_gap: Of ``bytes_4k``, what lies in VMAs that may have huge pages by what they map
            (``stream.hugeable``); None where it was not counted.
        bytes_hugetlb: Of the huge bytes, those from hugetlb pools.
        pending: It was born, or called exec(), after the last snapshot: only what costs
            nothing is known yet.
        estimate: What of it is huge, or memory at all, was concluded in part, not read.
    """

    pid: int
    user: str
    comm: str
    cmdline: str
    resident: int
    bytes_2m: int | None
    bytes_1g: int | None
    bytes_4k: int | None
    bytes_swap: int
    vmas: int | None
    source: Source
    start_time: int
    partial: bool = False
    ppid: int = 0
    cgroup: str = ""
    change: int | None = None
    bytes_gap: int | None = None
    bytes_hugetlb: int | None = None
    pending: bool = False
    estimate: bool = False

    @property
    def identity(self) -> tuple[int, int]:
        """What no other process ever has: pid and start time."""
        return self.pid, self.start_time

    @property
    def huge(self) -> int | None:
        """Bytes mapped by leaves of 2 MiB and above."""
        if self.bytes_2m is None or self.bytes_1g is None:
            return None
        return self.bytes_2m + self.bytes_1g

    @property
    def coverage(self) -> float | None:
        """Huge bytes over all that are or could be huge, 0 to 1; None when there are none."""
        huge, gap = self.huge, self.bytes_gap
        if huge is None or gap is None or not huge + gap:
            return None
        return huge / (huge + gap)

    @property
    def shown_command(self) -> str:
        """The command line, or comm in brackets where it has none, as ps prints it."""
        return self.cmdline or f"[{self.comm}]"
