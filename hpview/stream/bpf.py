"""The bpf() system call: the few commands that loading and iterating need.

Layouts are those of ``union bpf_attr`` in include/uapi/linux/bpf.h. Every
descriptor returned is close-on-exec: the kernel makes all of its BPF
descriptors so. Errors are OSError with the kernel's errno.
"""

from __future__ import annotations

import ctypes
import os
import struct
from enum import IntEnum
from typing import Final

SYS_BPF: Final = 321
"""arch/x86/entry/syscalls/syscall_64.tbl"""

MAP_TYPE_ARRAY: Final = 2
PROG_TYPE_SYSCALL: Final = 31
TRACE_ITER: Final = 28
F_SLEEPABLE: Final = 1 << 4
ATTR_SIZE: Final = 144
"""Room for every command here; the kernel accepts a longer attr if its tail is zero."""


class Command(IntEnum):
    """``enum bpf_cmd``."""

    MAP_CREATE = 0
    MAP_UPDATE_ELEM = 2
    PROG_LOAD = 5
    PROG_RUN = 10
    LINK_CREATE = 28
    ITER_CREATE = 33


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def bpf(command: Command, attr: ctypes.Array[ctypes.c_char]) -> int:
    """Make the call; ``attr`` is updated in place by the kernel.

    Raises:
        OSError: With the kernel's errno.
    """
    result = int(_libc.syscall(SYS_BPF, command, ctypes.addressof(attr), len(attr)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"bpf({command.name}): {os.strerror(code)}")
    return result


def _attr(layout: str, *values: int | bytes) -> ctypes.Array[ctypes.c_char]:
    packed = struct.pack("<" + layout, *values)
    return ctypes.create_string_buffer(packed.ljust(ATTR_SIZE, b"\0"), ATTR_SIZE)


def map_create(map_type: int, key_size: int, value_size: int, max_entries: int, name: bytes) -> int:
    """Create a map; ``name`` is at most 15 bytes."""
    # map_type key_size value_size max_entries map_flags inner_map_fd numa_node map_name
    attr = _attr("7I16s", map_type, key_size, value_size, max_entries, 0, 0, 0, name)
    return bpf(Command.MAP_CREATE, attr)


def map_update(fd: int, key: int, value: bytes) -> None:
    """Set the element with a 32-bit key."""
    key_buffer = ctypes.c_uint32(key)
    value_buffer = ctypes.create_string_buffer(value, len(value))
    # map_fd (padding) key value flags
    attr = _attr("I4xQQQ", fd, ctypes.addressof(key_buffer), ctypes.addressof(value_buffer), 0)
    bpf(Command.MAP_UPDATE_ELEM, attr)


def load_syscall_program(
    insns: bytes, name: bytes, map_fd: int, log: ctypes.Array[ctypes.c_char] | None = None
) -> int:
    """Load a sleepable BPF_PROG_TYPE_SYSCALL program whose fd_array is one map (5.14).

    Args:
        insns: Its instructions.
        name: At most 15 bytes.
        map_fd: The map.
        log: Takes what the verifier says.
    """
    log_fields = (1, len(log), ctypes.addressof(log)) if log is not None else (0, 0, 0)
    code = ctypes.create_string_buffer(insns, len(insns))
    license_ = ctypes.create_string_buffer(b"Dual BSD/GPL")
    fds = (ctypes.c_int * 1)(map_fd)
    attr = _attr(
        # prog_type insn_cnt insns license log_level log_size log_buf kern_version prog_flags
        # prog_name ifindex expected_attach_type prog_btf_fd func_info_rec_size func_info
        # func_info_cnt line_info_rec_size line_info line_info_cnt attach_btf_id attach_prog_fd
        # core_relo_cnt fd_array
        "2I2Q2IQ2I16s4IQ2IQ4IQ",
        PROG_TYPE_SYSCALL,
        len(insns) // 8,
        ctypes.addressof(code),
        ctypes.addressof(license_),
        *log_fields,
        0,
        F_SLEEPABLE,
        name,
        *(0,) * 12,
        ctypes.addressof(fds),
    )
    return bpf(Command.PROG_LOAD, attr)


def prog_run(fd: int, ctx: ctypes.Array[ctypes.c_char]) -> int:
    """Run a program once over ``ctx``, which it may change; its signed return value."""
    # prog_fd retval data_size_in data_size_out data_in data_out repeat duration
    # ctx_size_in ctx_size_out ctx_in ctx_out
    attr = _attr("4I2Q4I2Q", fd, 0, 0, 0, 0, 0, 0, 0, len(ctx), 0, ctypes.addressof(ctx), 0)
    bpf(Command.PROG_RUN, attr)
    return int(struct.unpack_from("<i", attr.raw, 4)[0])


def iterator(prog_fd: int, tgid: int = 0) -> int:
    """A descriptor that iterates; the link behind it is not kept.

    Args:
        prog_fd: A program of an iterator type.
        tgid: Only this process, as numbered in the caller's pid namespace; 0: all.

    Raises:
        OSError: E2BIG or EINVAL when the kernel knows no filter (before 6.1).
    """
    # union bpf_iter_link_info, task: tid pid pid_fd. Not tid: with it the kernel
    # repeats the last records for ever once a chunk ended inside the task.
    info = ctypes.create_string_buffer(struct.pack("<4I", 0, tgid, 0, 0), 16)
    where = (ctypes.addressof(info), len(info)) if tgid else (0, 0)
    # prog_fd target_fd attach_type flags iter_info iter_info_len
    link = bpf(Command.LINK_CREATE, _attr("4IQI", prog_fd, 0, TRACE_ITER, 0, *where))
    try:
        return bpf(Command.ITER_CREATE, _attr("2I", link, 0))
    finally:
        os.close(link)
