"""Light skeletons: a BPF program that loads another, and its .lskel file.

``bpftool gen skeleton -L`` turns an object file into two byte strings: the
instructions of a loader program (type SYSCALL) and the data it works on, which
hold the real program, its BTF and its relocations. Four bpf() calls load it, and
the kernel itself relocates it to its own types: no compiler, no libbpf, no
libelf. bpfprog/Makefile builds the file.

The file, little-endian:

======  ====  =======================================================
offset  size  field
======  ====  =======================================================
0       8     ``HPVLSKEL``
8       4     format, 1
12      4     size in bytes of the program's state, which is its .bss
16      4     size of the loader's data
20      4     size of the loader's instructions
24      rest  zlib: data, then instructions
======  ====  =======================================================
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Self

from hpview.stream import bpf

MAGIC: Final = b"HPVLSKEL"
FORMAT: Final = 1
_ATTEMPTS: Final = 5
_HEADER: Final = struct.Struct("<8s4I")

# bpf/skel_internal.h: struct bpf_loader_ctx, then one bpf_map_desc, one bpf_prog_desc
_CONTEXT: Final = struct.Struct("<IIIIQ iIQ i")


class LoadFailed(OSError):
    """The kernel refused the loader program, or what that loaded.

    Attributes:
        log: What the verifier said, if it was asked.
    """

    def __init__(self, code: int, log: str = "") -> None:
        super().__init__(code, os.strerror(code))
        self.log = log


@dataclass(frozen=True, slots=True)
class Loaded:
    """Descriptors of a loaded program, owned by the caller.

    Attributes:
        prog_fd: The program.
        state_fd: Its .bss, an array map of one element that can be mapped.
    """

    prog_fd: int
    state_fd: int


@dataclass(frozen=True, slots=True)
class LightSkeleton:
    """The parts of a light skeleton with one program and .bss as its only map.

    Attributes:
        data: What the loader program works on.
        insns: The loader program, 8 bytes an instruction.
        state_size: Bytes of .bss.
    """

    data: bytes
    insns: bytes
    state_size: int

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a .lskel file.

        Raises:
            ValueError: It is not one, or cut.
        """
        if len(content) < _HEADER.size:
            raise ValueError("not an .lskel file")
        magic, version, state_size, data_size, insns_size = _HEADER.unpack_from(content)
        if magic != MAGIC or version != FORMAT:
            raise ValueError("not an .lskel file of this version")
        try:
            body = zlib.decompress(content[_HEADER.size :])
        except zlib.error as err:
            raise ValueError(f"damaged .lskel file: {err}") from err
        if len(body) != data_size + insns_size:
            raise ValueError("damaged .lskel file: sizes do not add up")
        return cls(body[:data_size], body[data_size:], state_size)

    def pack(self) -> bytes:
        """The file's content."""
        header = _HEADER.pack(MAGIC, FORMAT, self.state_size, len(self.data), len(self.insns))
        return header + zlib.compress(self.data + self.insns, 9)

    def load(self, *, log_size: int = 0) -> Loaded:
        """Load the program into the kernel.

        The verifier gives up with EAGAIN when a signal is pending (do_check() in
        kernel/bpf/verifier.c), be it that the terminal has another size: like libbpf, try
        again.

        Args:
            log_size: Bytes of verifier log to collect if it is refused; 0: none.

        Raises:
            LoadFailed: The kernel refused the program, its map, or the loader.
            OSError: The loader was not even looked at.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._load(log_size)
            except OSError as err:
                if err.errno not in (errno.EAGAIN, errno.EINTR):
                    raise
        return self._load(log_size)

    def _load(self, log_size: int) -> Loaded:
        log = ctypes.create_string_buffer(max(log_size, 1))
        log_fields = (1, log_size, ctypes.addressof(log)) if log_size else (0, 0, 0)
        ctx = ctypes.create_string_buffer(_CONTEXT.size)
        _CONTEXT.pack_into(ctx, 0, _CONTEXT.size, 0, *log_fields, 0, 0, 0, 0)
        map_fd = bpf.map_create(bpf.MAP_TYPE_ARRAY, 4, len(self.data), 1, b"__loader.map")
        try:
            bpf.map_update(map_fd, 0, self.data)
            loader_fd = self._loader(map_fd, log if log_size else None)
            try:
                result = bpf.prog_run(loader_fd, ctx)
            finally:
                os.close(loader_fd)
        finally:
            os.close(map_fd)
        if result < 0:
            raise LoadFailed(-result, log.value.decode("ascii", "replace"))
        fields = _CONTEXT.unpack_from(ctx.raw)
        return Loaded(prog_fd=fields[8], state_fd=fields[5])

    def _loader(self, map_fd: int, log: ctypes.Array[ctypes.c_char] | None) -> int:
        try:
            return bpf.load_syscall_program(self.insns, b"__loader.prog", map_fd, log)
        except OSError as err:
            said = log.value.decode("ascii", "replace") if log is not None else ""
            raise LoadFailed(err.errno or 0, said) from err
