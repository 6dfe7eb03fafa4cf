"""Has the kernel refuse system calls to this process from now on, by a seccomp filter.

As a program it runs another one below the filter: ``python -m tests.denied scan=EPERM -- true``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Call(NamedTuple):
    """A system call of x86-64.

    Attributes:
        number: arch/x86/entry/syscalls/syscall_64.tbl
        argument: Only if this one of its arguments is ``value``; None: always.
        value: Lower 32 bits.
    """

    number: int
    argument: int | None = None
    value: int = 0


CALLS: Final = {
    "bpf": Call(321),
    "scan": Call(16, 1, 0xC0606610),
    "query": Call(16, 1, 0xC0686611),
}

# include/uapi/linux/filter.h, seccomp.h, prctl.h
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_ARGUMENTS_AT: Final = 16


def deny(calls: Iterable[tuple[Call, int]]) -> None:
    """Let each of some calls fail with an errno; it can be done again, and not be undone."""
    code = b"".join(_rule(call, number) for call, number in calls) + _insn(_RETURN, 0, 0, _ALLOW)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack("H6xQ", len(code) // 8, ctypes.addressof(buffer))
    )
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for arguments in ((_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, program, 0, 0)):
        if prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def denied(*words: str) -> list[tuple[Call, int]]:
    """Words such as ``scan=EPERM``; ``iterator`` is read(2) of every open iterator of BPF."""
    rules = []
    for word in words:
        name, _, code = word.partition("=")
        calls = _iterators() if name == "iterator" else [CALLS[name]]
        rules += [(call, int(getattr(errno, code))) for call in calls]
    return rules


def _iterators() -> list[Call]:
    entries = Path("/proc/self/fd").iterdir()
    numbers = [int(e.name) for e in entries if os.path.realpath(e).endswith("bpf_iter")]
    assert numbers, "no iterator is open"
    return [Call(0, 0, number) for number in numbers]


def _insn(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _rule(call: Call, number: int) -> bytes:
    answer = _insn(_RETURN, 0, 0, _ERRNO | number)
    if call.argument is not None:
        answer = (
            _insn(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * call.argument)
            + _insn(_JUMP_IF_EQUAL, 0, 1, call.value)
            + answer
        )
    return _insn(_LOAD, 0, 0, 0) + _insn(_JUMP_IF_EQUAL, 0, len(answer) // 8, call.number) + answer


if __name__ == "__main__":
    at = sys.argv.index("--")
    deny(denied(*sys.argv[1:at]))
    os.execvp(sys.argv[at + 1], sys.argv[at + 1 :])
