"""/proc/PID/stat and /proc/PID/status: what a process is, and its few own totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hpview.errors import CorruptText
from hpview.kernelfs.files import CUT, PF_KTHREAD, PROC, read_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stat:
    """Some fields of /proc/PID/stat.

    Attributes:
        comm: Untrusted bytes, 15 at most for user processes.
        state: One letter, ``Z`` for a zombie.
        flags: ``PF_*`` of include/linux/sched.h.
        threads: Number of threads.
        start_time: USER_HZ ticks since boot.
        has_mm: It has an address space: not a kernel thread, and not past exit_mm(),
            which comes long before a large process is a zombie.
    """

    comm: bytes
    state: str
    flags: int
    threads: int
    start_time: int
    has_mm: bool

    @property
    def is_kernel_thread(self) -> bool:
        """It runs in the kernel only and has no address space of its own."""
        return bool(self.flags & PF_KTHREAD)

    @property
    def is_zombie(self) -> bool:
        """Exited, not yet reaped: its address space is gone."""
        return self.state in "ZX"


def read_stat(pid: int, root: Path = PROC) -> Stat:
    """Read /proc/PID/stat; world readable.

    Raises:
        NoSuchProcess: There is no such process, or hidepid hides it.
        CorruptText: Half of it is missing.
    """
    data = read_file(pid, "stat", root)
    if not data.endswith(b"\n"):
        raise CorruptText("stat", CUT)
    head, _, tail = data.rpartition(b")")
    # comm may itself hold brackets and spaces: it ends at the last ")" and begins at the first "("
    comm = head.partition(b"(")[2]
    fields = tail.split()
    # vsize is 0 without an mm, for every reader (do_task_stat(), fs/proc/array.c)
    return Stat(
        comm,
        fields[0].decode(),
        int(fields[6]),
        int(fields[17]),
        int(fields[19]),
        fields[20] != b"0",
    )


def is_kernel_thread(pid: int, root: Path = PROC) -> bool:
    """Whether a pid is a kernel thread.

    Raises:
        NoSuchProcess: There is no such process.
    """
    return read_stat(pid, root).is_kernel_thread


@dataclass(frozen=True, slots=True)
class Status:
    """Some fields of /proc/PID/status; sizes in bytes.

    Attributes:
        tgid: Thread group.
        uid: Effective user.
        nspid: The pid in each namespace, outermost that is visible first; () before 4.1.
        rss: Resident, without hugetlb.
        swap: ``VmSwap``.
        hugetlb: ``HugetlbPages``.
        thp_enabled: False after PR_SET_THP_DISABLE; None where the kernel does not say.
        has_mm: Whether it has an address space; kernel threads and zombies have not.
    """

    tgid: int
    uid: int
    nspid: tuple[int, ...]
    rss: int
    swap: int
    hugetlb: int
    thp_enabled: bool | None
    has_mm: bool


def read_status(pid: int, root: Path = PROC) -> Status:
    """Read /proc/PID/status; world readable.

    Raises:
        NoSuchProcess: There is no such process, or hidepid hides it.
        CorruptText: Half of it is missing.
    """
    fields: dict[bytes, bytes] = {}
    data = read_file(pid, "status", root)
    if not data.endswith(b"\n"):
        raise CorruptText("status", CUT)
    for line in data.split(b"\n"):
        key, _, value = line.partition(b":")
        fields[key] = value
    thp = fields.get(b"THP_enabled")
    return Status(
        tgid=int(fields[b"Tgid"]),
        uid=int(fields[b"Uid"].split()[1]),
        nspid=tuple(map(int, fields.get(b"NSpid", b"").split())),
        rss=_size(fields, b"VmRSS"),
        swap=_size(fields, b"VmSwap"),
        hugetlb=_size(fields, b"HugetlbPages"),
        thp_enabled=None if thp is None else thp.strip() != b"0",
        has_mm=b"VmSize" in fields,
    )


def _size(fields: dict[bytes, bytes], key: bytes) -> int:
    """A field in kB as bytes; 0 when it is absent."""
    value = fields.get(key)
    return int(value.split()[0]) * 1024 if value else 0
