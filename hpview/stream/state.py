"""What the BPF program and user space share, as bpfprog/state.h lays it out.

Only the part before the records; a test holds it against the header.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from typing import Final

from hpview.wire import SLOT_PAGES


class Mode(IntEnum):
    """``enum hpv_mode``."""

    CALIBRATE = 0
    ONE = 1
    ALL = 2
    SLOT = 3


class PagesFound(IntEnum):
    """``enum hpv_pages_found``."""

    NOT_MET = 0
    READ = 1
    FAILED = 2


class EntryBit(IntFlag):
    """``HPV_PAGE_*``: what the page table entry of a 4 kB page says."""

    PRESENT = 0x0001
    SWAPPED = 0x0002
    DIRTY = 0x0004
    ACCESSED = 0x0008
    ZERO = 0x0010
    SOFT_DIRTY = 0x0020
    GUARD = 0x0040
    HUGE = 0x0080


class Params(ctypes.Structure):
    """``struct hpv_params``: written before the first read of a stream."""

    mode: int
    filter_tgid: int
    ns_level: int
    budget: int
    direct_map: int
    phys_mask: int
    ram_top: int
    zero_pte: int
    zero_pmd: int
    mm_key: ctypes.Array[ctypes.c_uint64]
    slot: int
    reads: int

    _fields_ = (
        ("mode", ctypes.c_uint32),
        ("filter_tgid", ctypes.c_uint32),
        ("ns_level", ctypes.c_uint32),
        ("budget", ctypes.c_uint32),
        ("direct_map", ctypes.c_uint64),
        ("phys_mask", ctypes.c_uint64),
        ("ram_top", ctypes.c_uint64),
        ("zero_pte", ctypes.c_uint64),
        ("zero_pmd", ctypes.c_uint64),
        ("mm_key", ctypes.c_uint64 * 2),
        ("slot", ctypes.c_uint64),
        ("reads", ctypes.c_uint64),
    )


class Calibration(ctypes.Structure):
    """``struct hpv_calibration``: the addresses to look at, and what was found."""

    magic_addr: int
    magic: ctypes.Array[ctypes.c_uint64]
    zero_addr: int
    huge_addr: int
    pgd: int
    lowest_base: int
    direct_map: int
    magic_entry: int
    zero_entry: int
    huge_entry: int
    huge_shift: int
    ns_level: int
    tried: int

    _fields_ = (
        ("magic_addr", ctypes.c_uint64),
        ("magic", ctypes.c_uint64 * 4),
        ("zero_addr", ctypes.c_uint64),
        ("huge_addr", ctypes.c_uint64),
        ("pgd", ctypes.c_uint64),
        ("lowest_base", ctypes.c_uint64),
        ("direct_map", ctypes.c_uint64),
        ("magic_entry", ctypes.c_uint64),
        ("zero_entry", ctypes.c_uint64),
        ("huge_entry", ctypes.c_uint64),
        ("huge_shift", ctypes.c_uint32),
        ("ns_level", ctypes.c_uint32),
        ("tried", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


class Cursor(ctypes.Structure):
    """``struct hpv_cursor``: where an unfinished VMA goes on."""

    mm: int
    start: int
    end: int
    next: int
    active: int
    done: int
    restarts: int

    _fields_ = (
        ("mm", ctypes.c_uint64),
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("next", ctypes.c_uint64),
        ("active", ctypes.c_uint32),
        ("done", ctypes.c_uint32),
        ("restarts", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


class Progress(ctypes.Structure):
    """``struct hpv_progress``: what has been written so far."""

    bytes: int
    tasks: int
    vmas: int
    runs: int
    read_errors: int
    mm: int
    boottime: int
    seen: int

    _fields_ = (
        ("bytes", ctypes.c_uint64),
        ("tasks", ctypes.c_uint64),
        ("vmas", ctypes.c_uint64),
        ("runs", ctypes.c_uint64),
        ("read_errors", ctypes.c_uint64),
        ("mm", ctypes.c_uint64),
        ("boottime", ctypes.c_uint64),
        ("seen", ctypes.c_uint64),
    )


class State(ctypes.Structure):
    """``struct hpv_state``, up to the records."""

    params: Params
    calibration: Calibration
    cursor: Cursor
    progress: Progress
    spill_first: int
    spill_count: int
    pages: ctypes.Array[ctypes.c_uint16]
    pages_found: int

    _fields_ = (
        ("params", Params),
        ("calibration", Calibration),
        ("cursor", Cursor),
        ("progress", Progress),
        ("spill_first", ctypes.c_uint32),
        ("spill_count", ctypes.c_uint32),
        ("pages", ctypes.c_uint16 * SLOT_PAGES),
        ("pages_found", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


OUT_OFFSET: Final = ctypes.sizeof(State)
"""Where ``out``, the records, begins."""
