"""move_pages(2) without a destination: on which NUMA node pages of a process lie."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable, NoSuchProcess
from hpview.kernelfs.files import access_denied
from hpview.kernelfs.namespaces import require_own

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBERS: Final = {"x86_64": 279, "aarch64": 239}
"""The C library has no wrapper; libnuma, which has one, is seldom installed."""

_NAME: Final = "move_pages"

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def nodes_of(pid: int, addresses: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Ask where pages are; nothing is moved.

    The kernel takes mmap_lock for reading anew for every 16 addresses and looks each up in the
    page tables (mm/migrate.c, do_pages_stat). A page that is not there is not faulted in.

    Args:
        pid: Process; needs the right to read it (PTRACE_MODE_READ).
        addresses: Any address of each page, shape (n,).

    Returns:
        Shape (n,): the node, or a negative errno: ENOENT where no page is, EFAULT where no VMA
        is or the page is the zero page.

    Raises:
        NoSuchProcess: It is gone.
        AccessDenied: It may not be read.
        BackendUnavailable: The kernel has no such call, or hpview not its number here; or /proc
            is of another pid namespace.
    """
    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise BackendUnavailable(_NAME, f"its number on {platform.machine()} is not known here")
    require_own(_NAME)
    asked = np.ascontiguousarray(addresses, np.uint64)
    status = np.full(len(asked), -errno.ENOENT, np.int32)
    failed = _syscall(
        ctypes.c_long(number),
        ctypes.c_int(pid),
        ctypes.c_ulong(len(asked)),
        ctypes.c_void_p(asked.ctypes.data),
        None,
        ctypes.c_void_p(status.ctypes.data),
        ctypes.c_int(0),
    )
    if failed:
        raise _failure(ctypes.get_errno(), pid)
    return status


def _failure(code: int, pid: int) -> Exception:
    # EINVAL is what a task without an address space gets (find_mm_struct())
    if code in (errno.ESRCH, errno.EINVAL):
        return NoSuchProcess(pid)
    if code in (errno.EPERM, errno.EACCES):
        return access_denied(pid)
    if code == errno.ENOSYS:
        return BackendUnavailable(_NAME, "the kernel was built without NUMA or migration")
    return OSError(code, os.strerror(code))
