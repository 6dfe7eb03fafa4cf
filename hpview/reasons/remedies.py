"""What would change each verdict: in the program's source, by a setting, or now."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.in_force import ProcessThp
from hpview.reasons import modes
from hpview.reasons.case import Case, Remedy
from hpview.reasons.kinds import VmaKind
from hpview.reasons.reason import Reason
from hpview.text import printable
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, VmFlag

if TYPE_CHECKING:
    from collections.abc import Callable

_LINKER: Final = "-Wl,-z,max-page-size=0x200000,-z,common-page-size=0x200000"
_MALLOC: Final = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"
_SLEEP: Final = "scan_sleep_millisecs"


def _madvise(case: Case, advice: str) -> str:
    start, end = case.field("start"), case.field("end")
    return f"madvise((void *){start:#x}, {end - start:#x}, {advice});"


def _set(file: str, value: str | int) -> str:
    return f"echo {value} > {file}"


def collapse(case: Case) -> tuple[Remedy, ...]:
    """Trying it now, where that is allowed."""
    if not case.collapsible:
        return ()
    missing = (SLOT_PAGES - case.present - case.swapped) * PAGE_SIZE
    price = f"; it takes {units.size(missing)} more" if missing else ""
    text = f"hpview collapse {case.in_force.pid} {case.slot:x}-{case.slot + SLOT_SIZE:x}"
    return (Remedy(f"collapse the slot now (MADV_COLLAPSE){price}", text),)


def _unreadable(_case: Case) -> tuple[Remedy, ...]:
    return (Remedy("run as the process's user or as root"),)


def _empty(_case: Case) -> tuple[Remedy, ...]:
    return (Remedy("nothing is missed: it takes memory once it is written to"),)


def _none(_case: Case) -> tuple[Remedy, ...]:
    return ()


def _too_small(_case: Case) -> tuple[Remedy, ...]:
    return (Remedy("map more at once, such as one arena instead of many small mappings"),)


def _edge(case: Case) -> tuple[Remedy, ...]:
    if case.kind is VmaKind.FILE:
        return (Remedy("link the file with segments aligned to 2 MB", _LINKER),)
    size = case.field("end") - case.field("start")
    whole = -(-size // SLOT_SIZE) * SLOT_SIZE
    text = f"aligned_alloc(2 << 20, {whole:#x});" if case.kind is VmaKind.ANON else ""
    return (Remedy("begin the mapping at a multiple of 2 MB and make it as long", text),)


def _misaligned(case: Case) -> tuple[Remedy, ...]:
    if case.kind is VmaKind.FILE:
        return (Remedy("link the file with segments aligned to 2 MB", _LINKER),)
    if case.ruling.mode is modes.Mode.NEVER:
        # shmem_get_unmapped_area() of mm/shmem.c then takes the first gap that is large enough.
        words = "let shared memory be huge before it is mapped: then mmap() picks a fitting address"
    else:
        words = "map it at an address that agrees with the offset modulo 2 MB, or let mmap() choose"
    return (Remedy(words),)


def _file(_case: Case) -> tuple[Remedy, ...]:
    return (
        Remedy("a kernel with CONFIG_READ_ONLY_THP_FOR_FS, and madvise(MADV_HUGEPAGE)"),
        Remedy("a file system with large folios (xfs, ext4 from 6.16 on)"),
        Remedy("copy what is hot to anonymous memory that may be huge, as text remappers do"),
    )


def _copied(_case: Case) -> tuple[Remedy, ...]:
    return (Remedy("map it shared, or read what is written often into anonymous memory"),)


def _cache(case: Case) -> tuple[Remedy, ...]:
    words = "have it read in by 2 MB: advise before it is first read, and drop what is cached"
    return (Remedy(words, _madvise(case, "MADV_HUGEPAGE")),)


def _process_off(case: Case) -> tuple[Remedy, ...]:
    advise: tuple[Remedy, ...] = ()
    if case.in_force.process is ProcessThp.ADVISED_ONLY:
        # Forcing it is advice, too (include/linux/huge_mm.h, vma_thp_disabled()).
        advise = (
            Remedy("ask for it in the program", _madvise(case, "MADV_HUGEPAGE")),
            *collapse(case),
        )
    words = "do not disable it, or enable it again in the program or in what starts it"
    off = Remedy(words, "prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);")
    return (*advise, off, Remedy("systemd: MemoryTHP=inherit", "MemoryTHP=inherit"))


def _nohugepage(_case: Case) -> tuple[Remedy, ...]:
    return (Remedy("leave out madvise(MADV_NOHUGEPAGE), or MAP_STACK, in the program"),)


def _remount(case: Case) -> str:
    """A command that is safe to paste into a shell, or "": who may mount chooses the path."""
    path = "" if case.mount is None else case.mount.path
    if not path or printable(path) != path:
        return ""
    there = f"nsenter -t {case.in_force.pid} -m -r " if case.in_force.other_mounts else ""
    return f"{there}mount -o remount,huge=advise {shlex.quote(path)}"


def _shmem_off(case: Case) -> tuple[Remedy, ...]:
    if case.in_force.thp.shmem_enabled is None:
        return (Remedy("a kernel with CONFIG_TRANSPARENT_HUGEPAGE and CONFIG_SHMEM"),)
    return (*collapse(case), _allow_shmem(case))


def _allow_shmem(case: Case) -> Remedy:
    """All that has to be set for it, if one setting stands above another that forbids it too."""
    thp = case.in_force.thp
    words = "let shared memory be huge where it is advised"
    if thp.shmem_enabled == "deny":
        lift = _set(f"{modes.THP}/shmem_enabled", "advise")
        in_force = replace(case.in_force, thp=replace(thp, shmem_enabled="advise"))
        lifted = replace(case, in_force=in_force)
        if lifted.ruling.mode is not modes.Mode.NEVER:
            return Remedy(words, lift)
        rest = _allow_shmem(lifted)
        text = f"{lift} && {rest.text}" if rest.text else ""
        return Remedy(f"deny it to shared memory no more, and {rest.words}", text)
    file, _ = case.ruling.settings[-1]
    if not file.startswith("/"):
        return Remedy("mount it with huge=advise, and advise; or with huge=always", _remount(case))
    if thp.shmem_enabled == "force":
        # Of a size with a setting of its own nothing but inherit counts then.
        return Remedy("have the size take over what is forced", _set(file, "inherit"))
    return Remedy(words, _set(file, "advise"))


def _off(case: Case) -> tuple[Remedy, ...]:
    if case.in_force.thp.enabled is None:
        return (Remedy("a kernel with CONFIG_TRANSPARENT_HUGEPAGE"),)
    file, _ = case.ruling.settings[-1]
    words = "let it be huge where it is advised (madvise), or wherever it fits (always)"
    return (*collapse(case), Remedy(words, _set(file, "madvise")))


def _not_advised(case: Case) -> tuple[Remedy, ...]:
    malloc: tuple[Remedy, ...] = ()
    if case.name == "[heap]":
        malloc = (Remedy("have glibc's malloc ask (2.35), at the next start", _MALLOC),)
    file, _ = case.ruling.settings[-1]
    knob: tuple[Remedy, ...] = ()
    if file.startswith("/"):
        knob = (Remedy("or without asking, for all programs", _set(file, "always")),)
    return (
        Remedy("ask for it in the program, before the memory is touched",
               _madvise(case, "MADV_HUGEPAGE")),
        *malloc,
        *collapse(case),
        *knob,
    )  # fmt: skip


def _cannot_tell(case: Case) -> tuple[Remedy, ...]:
    if case.kind in (VmaKind.FILE, VmaKind.TMPFS):
        return ()
    pid = case.in_force.pid
    return (
        Remedy("run as root, or with CAP_BPF and CAP_PERFMON: then the flags are read at no cost"),
        Remedy("read smaps once; the process waits meanwhile", f"hpview why {pid} --smaps"),
    )


def _limit(name: str, least: int) -> Callable[[Case], tuple[Remedy, ...]]:
    def remedy(case: Case) -> tuple[Remedy, ...]:
        words = f"have khugepaged put up with more, for all processes (now {name} is too low)"
        return (*collapse(case), Remedy(words, _set(case.knob(name), least)))

    return remedy


def _swapped(case: Case) -> tuple[Remedy, ...]:
    back = Remedy("use it, or have it read back in", _madvise(case, "MADV_WILLNEED"))
    if not case.present:
        return (back, *collapse(case))
    return (back, *_limit("max_ptes_swap", SLOT_PAGES - 1)(case))


def _shared(case: Case) -> tuple[Remedy, ...]:
    if case.shared < SLOT_PAGES:
        return _limit("max_ptes_shared", SLOT_PAGES - 1)(case)
    # No number may be written that lets all of them pass.
    return (*collapse(case), Remedy("write to it, or let the process that shares it end"))


def _sparse(case: Case) -> tuple[Remedy, ...]:
    if case.field("vm_flags") & VmFlag.UFFD_MISSING:
        return (Remedy("have the handler of userfaultfd fill in what is missing, or end it"),)
    return _limit("max_ptes_none", SLOT_PAGES - 1)(case)


def _split(case: Case) -> tuple[Remedy, ...]:
    words = "free whole 2 MB ranges only: madvise(MADV_DONTNEED), munmap() and mprotect() split"
    return (*collapse(case), Remedy(words))


def _fallback(case: Case) -> tuple[Remedy, ...]:
    compact = _set("/proc/sys/vm/compact_memory", 1)
    defrag = _set(f"{modes.THP}/defrag", "defer+madvise")
    return (
        Remedy("compact memory once; it takes the processor for a while", compact),
        Remedy("let faults of advised memory compact, and others wake kcompactd", defrag),
        *collapse(case),
    )


def _waiting(case: Case) -> tuple[Remedy, ...]:
    sleep = case.in_force.khugepaged(_SLEEP, 0)
    if not sleep:
        return collapse(case)
    words = "have khugepaged come more often; it takes more of a processor"
    return (*collapse(case), Remedy(words, _set(case.knob(_SLEEP), sleep // 10)))


REMEDIES: Final[dict[Reason, Callable[[Case], tuple[Remedy, ...]]]] = {
    Reason.UNREADABLE: _unreadable,
    Reason.EMPTY: _empty,
    Reason.KIND: _none,
    Reason.TOO_SMALL: _too_small,
    Reason.EDGE: _edge,
    Reason.MISALIGNED: _misaligned,
    Reason.FILE: _file,
    Reason.COPIED: _copied,
    Reason.PROCESS_OFF: _process_off,
    Reason.NOHUGEPAGE: _nohugepage,
    Reason.SHMEM_OFF: _shmem_off,
    Reason.OFF: _off,
    Reason.NOT_ADVISED: _not_advised,
    Reason.CANNOT_TELL: _cannot_tell,
    Reason.SWAPPED: _swapped,
    Reason.SHARED: _shared,
    Reason.SPARSE: _sparse,
    Reason.CACHE: _cache,
    Reason.SPLIT: _split,
    Reason.FALLBACK: _fallback,
    Reason.WAITING: _waiting,
}
