"""process_madvise(2) with MADV_COLLAPSE: the only system call here that changes another process."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from typing import TYPE_CHECKING, Final

from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

MADV_COLLAPSE: Final = 25
"""include/uapi/asm-generic/mman-common.h; since Linux 6.1."""

_SAME: Final = ("x86_64", "aarch64", "riscv64", "ppc64le", "ppc64", "s390x", "loongarch64")
_NUMBERS: Final = dict.fromkeys(_SAME, 440)
"""The number of process_madvise by machine; since Linux 5.10."""


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def advise(pidfd: int, slots: Sequence[int]) -> int:
    """Collapse slots one after the other; the kernel stops at the first it cannot.

    The kernel goes through the vector range by range and returns the bytes of the ranges
    before the one that failed, or the error if that is the first (mm/madvise.c,
    vector_madvise()). No range at all changes nothing, and tells whether the call is
    allowed: permission and advice are looked at first (``process_madvise()``).

    Args:
        pidfd: The process.
        slots: First addresses, multiples of the slot size, 1024 at most (UIO_MAXIOV).

    Returns:
        How many of them are done, counted from the first.

    Raises:
        OSError: Not even the first could be done, or the call may not be made at all.
    """
    number = _NUMBERS.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    vector = (_Iovec * len(slots))(*(_Iovec(slot, SLOT_SIZE) for slot in slots))
    done = _libc.syscall(
        number,
        ctypes.c_int(pidfd),
        ctypes.byref(vector),
        ctypes.c_size_t(len(slots)),
        ctypes.c_int(MADV_COLLAPSE),
        ctypes.c_uint(0),
    )
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(done) // SLOT_SIZE
