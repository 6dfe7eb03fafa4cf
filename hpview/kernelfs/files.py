"""Opening and reading the files of one process, with errors told in hpview's words."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final, Self

from hpview.errors import (
    AccessDenied,
    BackendUnavailable,
    NoMemoryMap,
    NoSuchProcess,
    OtherProgram,
    ReadFailed,
)

PROC: Final = Path("/proc")
SYS: Final = Path("/sys")
MOUNT_SYSFS: Final = "mount -t sysfs sysfs /sys"

PF_KTHREAD: Final = 0x00200000
"""include/linux/sched.h: the task is a kernel thread."""

CUT: Final = "its last line is cut"

_LARGE_READ: Final = 1 << 16
_MOST_EXECS: Final = 8

_REFUSALS: Final = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
)
"""An ioctl that fails so for one range fails so for the next."""


def own_pid(root: Path = PROC) -> int:
    """The number of this process in a procfs, which may be of another pid namespace.

    Raises:
        BackendUnavailable: It is not shown there.
    """
    try:
        return int((root / "self").resolve(strict=True).name)
    except FileNotFoundError as err:
        shown = (root / "self").is_symlink()
        what = "it does not show this process" if shown else "it is not mounted"
        raise BackendUnavailable(str(root), what, remedy=f"mount -t proc proc {root}") from err


def without_sysfs(sysfs: Path = SYS) -> str:
    """Why no setting can be known, or "": then a file that is missing tells of the kernel."""
    return "" if (sysfs / "kernel").is_dir() else f"{sysfs} is not mounted"


def open_file(pid: int, name: str, root: Path = PROC) -> int:
    """Open ``root/pid/name`` for reading and return the descriptor.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: As ``failure`` tells them.
    """
    try:
        return os.open(root / str(pid) / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise failure(err, pid, name, root) from err


def read_file(pid: int, name: str, root: Path = PROC) -> bytes:
    """Return the whole of ``root/pid/name``.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: As ``failure`` tells them.
    """
    try:
        with open(root / str(pid) / name, "rb", buffering=0) as file:
            return file.readall()
    except OSError as err:
        raise failure(err, pid, name, root) from err


def read_mm_file(pid: int, name: str, root: Path = PROC) -> bytes:
    """Return the whole of a file that tells of an address space, VMA by VMA.

    When the process exits or calls exec() meanwhile, such a file just ends: half of it would
    pass for the whole. After an exec it is read anew.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: As ``failure`` tells them.
    """
    for _ in range(_MOST_EXECS):
        parts = []
        with MmFile(pid, name, root) as file:
            while part := file.read_on(_LARGE_READ):
                parts.append(part)
            if file.lives():
                return b"".join(parts)
        if missing := no_memory_map(pid, root):
            raise missing
    raise OtherProgram(pid)


def ioctl(fd: int, request: int, argument: bytearray) -> int:
    """Make an ioctl again until no signal interrupts it, as Python does with all else (PEP 475)."""
    while True:
        try:
            return int(fcntl.ioctl(fd, request, argument))
        except InterruptedError:
            continue


def read_number(path: Path) -> int | None:
    """What a file with one number says; None where it is missing or holds none."""
    try:
        digits = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return int(digits) if digits.isdigit() else None


def by_page_size(base: Path) -> list[tuple[int, Path]]:
    """The folders ``hugepages-*kB`` below one: sizes in bytes, ascending, and where they are."""
    return sorted(
        (int(path.name.removeprefix("hugepages-").removesuffix("kB")) * 1024, path)
        for path in base.glob("hugepages-*kB")
    )


class MmFile:
    """An open file of a process that is bound to its address space of that moment.

    A context manager; what it can be asked is its subclasses' affair.

    Args:
        pid: Process.
        name: The file below ``root/pid``.
        root: /proc, or a folder of tasks.

    Raises:
        NoSuchProcess, NoMemoryMap, AccessDenied: The process cannot be read.
    """

    def __init__(self, pid: int, name: str, root: Path) -> None:
        self._pid = pid
        self._file = name
        self._root = root
        self._fd = open_file(pid, name, root)

    def _refused(self, err: OSError, ioctl: str, since: str) -> Exception:
        """Tell an error of an ioctl that kernels have ``since`` some version.

        The process may be read, or its file would not have been opened: what is denied
        now is the ioctl, by whatever stands between this process and the kernel.
        """
        if err.errno == errno.ENOTTY:
            return BackendUnavailable(
                ioctl, "this kernel has no such ioctl", remedy=f"{since} or later"
            )
        if err.errno in _REFUSALS:
            return BackendUnavailable(
                ioctl,
                f"it was refused ({err.strerror})",
                remedy="a seccomp filter or a security module may be why",
            )
        return self._failed(err)

    def _failed(self, err: OSError) -> Exception:
        """Tell an error of reading the open file."""
        if err.errno == errno.ESRCH:
            return self.lost()
        return failure(err, self._pid, self._file, self._root)

    def lost(self) -> NoSuchProcess | NoMemoryMap:
        """What to raise once the address space is gone."""
        return no_memory_map(self._pid, self._root) or OtherProgram(self._pid)

    def read_on(self, size: int) -> bytes:
        """The next bytes, at most so many; b"" at the end, and once the address space is gone."""
        try:
            return os.read(self._fd, size)
        except ProcessLookupError:
            return b""
        except OSError as err:
            raise self._failed(err) from err

    def lives(self) -> bool:
        """Whether the address space is still in use.

        Of one that has gone the kernel shows not even the first line (m_start() in
        fs/proc/task_mmu.c), and a reader cannot tell that from the end.
        """
        try:
            return bool(os.pread(self._fd, 1, 0))
        except ProcessLookupError:
            return False
        except OSError as err:
            raise self._failed(err) from err

    def close(self) -> None:
        """Close the descriptor; idempotent. What is asked later raises."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def failure(err: OSError, pid: int, name: str, root: Path = PROC) -> Exception:
    """Translate an error met on ``root/pid/name``.

    The kernel answers ESRCH both for a process that is gone and for one that has
    no address space (fs/proc/task_mmu.c, proc_maps_open); its stat tells which.

    Returns:
        NoSuchProcess, NoMemoryMap or AccessDenied; BackendUnavailable when the
        process is there but the kernel has no such file; ReadFailed otherwise.
    """
    denied = err.errno in (errno.EACCES, errno.EPERM)
    if not denied and err.errno not in (errno.ENOENT, errno.ESRCH):
        return ReadFailed(str(root / str(pid) / name), err)
    # Files of a task without an mm belong to root, whoever ran it (task_dump_owner()).
    if missing := no_memory_map(pid, root):
        return missing
    if denied:
        return access_denied(pid)
    if err.errno == errno.ENOENT:
        return BackendUnavailable(name, f"this kernel has no /proc/PID/{name}")
    return OtherProgram(pid)


def access_denied(pid: int) -> AccessDenied:
    """What to raise where the kernel does not let this user read a process."""
    if os.geteuid() == 0:
        return AccessDenied(pid, "it has capabilities this user lacks")
    return AccessDenied(pid)


def no_memory_map(pid: int, root: Path = PROC) -> NoSuchProcess | NoMemoryMap | None:
    """Why a process has no address space, by its stat; None when it should have one."""
    path = root / str(pid) / "stat"
    try:
        stat = path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return NoSuchProcess(pid)
    except PermissionError:
        return None  # hidepid=1
    except OSError as err:
        raise ReadFailed(str(path), err) from err
    fields = stat.rpartition(b")")[2].split()
    if fields[0] in (b"Z", b"X"):
        return NoMemoryMap(pid, "a zombie")
    if int(fields[6]) & PF_KTHREAD:
        return NoMemoryMap(pid, "a kernel thread")
    return None
