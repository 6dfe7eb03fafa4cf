"""Gives up rights of this process for good, as setpriv(1) does, but without another program."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# include/uapi/linux/capability.h, prctl.h
CAPABILITIES: Final = {
    "dac_read_search": 2,
    "net_admin": 12,
    "sys_ptrace": 19,
    "sys_admin": 21,
    "perfmon": 38,
    "bpf": 39,
}
_VERSION: Final = 0x20080522
_KEEPCAPS, _BOUNDING_DROP = 8, 24

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def drop(names: Iterable[str]) -> None:
    """Have some capabilities no more, nor have any program have them that is run."""
    held = int(_status("CapEff"), 16)
    for name in names:
        _check(_libc.prctl(_BOUNDING_DROP, CAPABILITIES[name], 0, 0, 0))
        held &= ~(1 << CAPABILITIES[name])
    _hold(held)


def become(uid: int, names: Iterable[str]) -> None:
    """Be another user, with no capabilities but these."""
    _check(_libc.prctl(_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _hold(sum(1 << CAPABILITIES[name] for name in names))
    # Or nobody but root could look into what belongs to this user.
    _check(_libc.prctl(4, 1, 0, 0, 0))


def _status(key: str) -> str:
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(line.split()[1] for line in status if line.startswith(f"{key}:"))


def _hold(bits: int) -> None:
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = ctypes.create_string_buffer(struct.pack("Ii", _VERSION, 0))
    data = ctypes.create_string_buffer(struct.pack("6I", low, low, 0, high, high, 0))
    _check(_libc.capset(header, data))
