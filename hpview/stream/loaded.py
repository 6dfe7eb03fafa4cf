"""The BPF program once loaded: its state, its iterators, and why it cannot be loaded."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.errors import BackendUnavailable
from hpview.in_force import release
from hpview.kernelfs.files import PROC
from hpview.kernelfs.namespaces import require_own
from hpview.kernelfs.task import is_zombie
from hpview.kernelfs.zoneinfo import ram_top
from hpview.stream import bpf
from hpview.stream.calibrate import calibrate
from hpview.stream.lskel import LightSkeleton, Loaded, LoadFailed
from hpview.stream.patience import MOST, Patience
from hpview.stream.refusal import missing_capabilities, unavailable
from hpview.stream.state import OUT_OFFSET, Mode, PagesFound, State
from hpview.wire import RECORD_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS_PER_TABLE: Final = 16
"""bpfprog/slots.h: a full PTE table costs 16 units of the budget."""

TABLES_PER_CALL: Final = 256

_SKELETON: Final = Path(__file__).with_name("task_vma.lskel")
_SYS: Final = Path("/sys/kernel")
_BTF: Final = _SYS / "btf/vmlinux"
_READ_KERNEL: Final = "bpf_probe_read_kernel"
"""Whom CAP_PERFMON allows this helper the verifier refuses it, by name, in lockdown only
(kernel/trace/bpf_trace.c, bpf_base_func_proto(): LOCKDOWN_BPF_READ_KERNEL)."""

_LOG_SIZE: Final = 1 << 20
_LOG_LINES: Final = 20


class LoadedProgram:
    """One program in the kernel, for one stream at a time.

    Attributes:
        state: Shared with the program; touch it only while no read runs.

    Raises:
        BackendUnavailable: It cannot be loaded, or not be trusted here.
    """

    def __init__(self) -> None:
        # It is told pids of /proc, and tells those of its own namespace.
        require_own("bpf", PROC)
        try:
            skeleton = LightSkeleton.parse(_SKELETON.read_bytes())
        except OSError as err:
            raise BackendUnavailable("bpf", f"{_SKELETON}: {err.strerror}") from err
        loaded = _load(skeleton)
        self._prog_fd = loaded.prog_fd
        try:
            self._map = mmap.mmap(loaded.state_fd, skeleton.state_size)
        except OSError as err:
            os.close(self._prog_fd)
            raise unavailable(err) from err
        finally:
            os.close(loaded.state_fd)
        self.state = State.from_buffer(self._map)
        # Once: the same mm is to have the same number in every stream.
        self.state.params.mm_key[:] = list(struct.unpack("2Q", os.urandom(16)))
        try:
            self._calibrate()
        except BaseException:
            self.close()
            raise

    def start(self, mode: Mode, pid: int = 0, slot: int = 0) -> int:
        """Reset the state and return the descriptor of a new iterator.

        Args:
            mode: ONE, ALL or SLOT.
            pid: The process for ONE and SLOT, as numbered in our pid namespace.
            slot: For SLOT: an address in it that a VMA covers.
        """
        if not self._machine.zero_pmd:
            # Huge pages may have been allowed since; then there is a huge zero page.
            with suppress(BackendUnavailable):  # what is known already stays good
                self._calibrate()
        machine = self._machine
        state = self.state
        for part in (state.cursor, state.progress):
            ctypes.memset(ctypes.addressof(part), 0, ctypes.sizeof(part))
        state.spill_count = 0
        params = state.params
        params.mode = mode
        params.slot = slot
        params.budget = TABLES_PER_CALL * UNITS_PER_TABLE
        params.direct_map = machine.direct_map
        params.phys_mask = machine.phys_mask
        params.ram_top = machine.ram_top
        params.zero_pte = machine.zero_pte
        params.zero_pmd = machine.zero_pmd
        params.ns_level = machine.ns_level
        return self._iterator(pid)

    def drained(self, received: int) -> bool:
        """Whether a reader that got so many bytes has all that the kernel's buffer held."""
        return received >= self.state.progress.bytes

    def take_spill(self) -> bytes:
        """The piece that did not go through the iterator, once; b"" when there is none."""
        state = self.state
        count = state.spill_count
        if not count:
            return b""
        start = OUT_OFFSET + state.spill_first * RECORD_SIZE
        data = self._map[start : start + count * RECORD_SIZE]
        state.spill_count = 0
        return data

    def take_pages(self, fd: int) -> NDArray[np.uint16] | None:
        """Read an iterator of mode SLOT: ``EntryBit`` of each page, shape (512,).

        None when no VMA, or one that is not walked, covers the address, or a table
        could not be read.
        """
        state = self.state
        state.pages_found = 0
        ctypes.memset(ctypes.addressof(state.pages), 0, ctypes.sizeof(state.pages))
        state.params.reads += 1
        # EAGAIN: the slot was met, or so many VMAs were passed over. Nothing is ever
        # written to the iterator itself.
        patience = Patience(MOST)
        while state.pages_found == PagesFound.NOT_MET:
            try:
                os.read(fd, 1)
            except BlockingIOError:
                patience.again()
                continue
            except OSError as err:
                raise unreadable(err) from err
            break
        if state.pages_found != PagesFound.READ:
            return None
        return np.array(state.pages, dtype=np.uint16)

    def close(self) -> None:
        """Unload; idempotent."""
        if self._prog_fd >= 0:
            os.close(self._prog_fd)
            self._prog_fd = -1
            # Not closed: whoever still holds a view of it keeps it mapped.
            del self.state, self._map

    def _calibrate(self) -> None:
        self.state.params.mode = Mode.CALIBRATE
        try:
            top = ram_top(PROC)
        except BackendUnavailable as err:
            what = f"where memory ends is not known: {err.backend}: {err.reason}"
            raise BackendUnavailable("bpf", what) from err
        try:
            self._machine = calibrate(self.state, self._run, top)
        except OSError as err:
            what = f"no memory of its own to look at: {err.strerror}"
            raise BackendUnavailable("bpf", what) from err

    def _run(self) -> None:
        fd = self._iterator(os.getpid())
        patience = Patience(MOST)
        try:
            while True:
                try:
                    if not os.read(fd, 1):
                        return
                except BlockingIOError:
                    patience.again()  # a million VMAs, and nothing to say about them
                except OSError as err:
                    raise unreadable(err) from err
        finally:
            os.close(fd)

    def _iterator(self, pid: int) -> int:
        params = self.state.params
        params.filter_tgid = 0
        if not _hidden_by_filter(pid):
            try:
                return bpf.iterator(self._prog_fd, pid)
            except OSError as err:
                if not pid or err.errno not in (errno.E2BIG, errno.EINVAL):
                    raise unavailable(err) from err
        params.filter_tgid = pid  # before 6.1 the program itself has to filter
        try:
            return bpf.iterator(self._prog_fd)
        except OSError as err:
            raise unavailable(err) from err


def _hidden_by_filter(pid: int) -> bool:
    """Whether the kernel's filter shows nothing of a process: one whose leader has exited.

    Until 6.7 it looked at the leader's open files for each thread (87abbf7a54f6).
    """
    return bool(pid) and release(os.uname().release) < (6, 7) and is_zombie(pid, pid, PROC)


def unreadable(err: OSError) -> BackendUnavailable:
    """What to raise for an error of read(2) on an iterator."""
    return BackendUnavailable("bpf", f"reading the iterator: {err.strerror}")


def _load(skeleton: LightSkeleton) -> Loaded:
    if platform.machine() != "x86_64":
        raise BackendUnavailable("bpf", f"page tables of {platform.machine()} are not known")
    try:
        return skeleton.load()
    except LoadFailed as err:
        raise _refused(skeleton, err) from err
    except OSError as err:
        raise unavailable(err) from err


def _refused(skeleton: LightSkeleton, first: LoadFailed) -> BackendUnavailable:
    """Load again for the verifier's words; those about a missing right would add nothing."""
    failure = unavailable(first)
    if missing_capabilities():
        return failure
    log = ""
    try:
        loaded = skeleton.load(log_size=_LOG_SIZE)
    except LoadFailed as err:
        log = err.log
    except OSError as err:
        return unavailable(err)
    else:
        os.close(loaded.prog_fd)
        os.close(loaded.state_fd)
    if _READ_KERNEL in log:
        reason = "kernel lockdown forbids it to read kernel memory"
        return BackendUnavailable("bpf", reason, remedy="boot without lockdown=confidentiality")
    if _SYS.is_dir() and not _BTF.is_file():
        remedy = "a kernel built with CONFIG_DEBUG_INFO_BTF"
        return BackendUnavailable("bpf", f"no {_BTF}", remedy=remedy)
    failure.details = tuple(log.splitlines()[-_LOG_LINES:])
    return failure
