"""The facts behind each reason, and where the kernel says what follows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.reasons import modes, verdicts
from hpview.reasons.case import Case, Evidence
from hpview.reasons.eligibility import ANY_FILE_MAY_BE_DATA
from hpview.reasons.kinds import VmaKind
from hpview.reasons.reason import Reason
from hpview.wire import PAGE_SIZE, SLOT_PAGES, SLOT_SIZE, VmFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ALLOWABLE: Final = "mm/huge_memory.c, __thp_vma_allowable_orders()"
_SUITABLE: Final = "include/linux/huge_mm.h, thp_vma_suitable_order()"
_SCAN: Final = "mm/khugepaged.c, hpage_collapse_scan_pmd()"
_FLAGS: Final = "vm_flags"

_PASSED_ON: Final = {
    "inherit": "this size does what the next file says",
    "force": "holds only for sizes whose own file says inherit",
}
"""What a setting means that does not decide alone."""

_DEVICE_BITS: Final = (
    (VmFlag.PFNMAP, "VM_PFNMAP"),
    (VmFlag.IO, "VM_IO"),
    (VmFlag.MIXEDMAP, "VM_MIXEDMAP"),
    (VmFlag.DONTEXPAND, "VM_DONTEXPAND"),
)


def _unreadable(case: Case) -> tuple[Evidence, ...]:
    return (
        Evidence(
            f"page tables of {case.start:x}-{case.end:x}",
            "could not be read",
            "what is not known is not guessed",
            "fs/proc/task_mmu.c",
        ),
    )


def _empty(case: Case) -> tuple[Evidence, ...]:
    return (
        Evidence(
            f"page table of {case.slot:x}",
            "no page, or only the zero page",
            "memory is given when it is first written",
            "mm/memory.c, create_huge_pmd()",
        ),
    )


def _kind(case: Case) -> tuple[Evidence, ...]:
    bits = [word for bit, word in _DEVICE_BITS if case.field("vm_flags") & bit]
    rule = "special mappings never have transparent huge pages"
    if bits:
        return (Evidence(_FLAGS, " ".join(bits), rule, "include/linux/mm.h, VM_NO_KHUGEPAGED"),)
    return (Evidence("name of the VMA", case.name, rule, "mm/mmap.c, _install_special_mapping()"),)


def _too_small(case: Case) -> tuple[Evidence, ...]:
    size = case.field("end") - case.field("start")
    rule = "a VMA under 2 MiB holds no 2 MiB range"
    return (Evidence(f"VMA {case.range_words}", units.size(size), rule, _SUITABLE),)


def _edge(case: Case) -> tuple[Evidence, ...]:
    start, end = case.field("start"), case.field("end")
    which = "head" if case.slot < start else "tail"
    bound = start if which == "head" else end
    value = f"{which}: the VMA {'begins' if which == 'head' else 'ends'} at {bound:x}"
    rule = f"the slot {case.slot:x}-{case.slot + SLOT_SIZE:x} must lie in one VMA"
    return (Evidence(f"VMA {case.range_words}", value, rule, _SUITABLE),)


def _misaligned(case: Case) -> tuple[Evidence, ...]:
    start, offset = case.field("start"), case.field("pgoff") * PAGE_SIZE
    value = f"start {start % SLOT_SIZE:#x}, offset {offset % SLOT_SIZE:#x} modulo 2 MiB"
    rule = "address and file offset must agree modulo 2 MiB"
    return (Evidence(f"VMA {case.range_words}", value, rule, _SUITABLE),)


def _file(case: Case) -> tuple[Evidence, ...]:
    in_force, mount = case.in_force, case.mount
    built = {True: "y", False: "not set", None: "not known"}[in_force.read_only_thp]
    executable = in_force.kernel < ANY_FILE_MAY_BE_DATA
    facts = [
        Evidence(
            in_force.config_file or "kernel configuration",
            f"CONFIG_READ_ONLY_THP_FOR_FS {built}",
            "only with it khugepaged puts pages of files together"
            + (", of executable mappings" if executable else ""),
            "mm/huge_memory.c, file_thp_enabled()",
        )
    ]
    if mount is not None:
        value = f"type {mount.kind}, Linux {in_force.kernel[0]}.{in_force.kernel[1]}"
        rule = "this file system's page cache has no large folios"
        facts.append(Evidence(f"mount {mount.point}", value, rule, "mapping_set_large_folios()"))
    return tuple(facts)


def _cache(case: Case) -> tuple[Evidence, ...]:
    mount = case.mount
    value = "not known" if mount is None else f"type {mount.kind}"
    rule = "a PMD maps only what is one 2 MB folio in the page cache; readahead made smaller ones"
    point = "" if mount is None else mount.point
    return (Evidence(f"mount {point}", value, rule, "mm/memory.c, do_set_pmd()"),)


def _copied(case: Case) -> tuple[Evidence, ...]:
    rule = "what is written becomes a 4 kB page of its own, and khugepaged leaves that alone"
    value = "private and writable, or once was"
    return (Evidence(_FLAGS, value, rule, "mm/memory.c, do_cow_fault() and wp_page_copy()"),)


def _process_off(case: Case) -> tuple[Evidence, ...]:
    in_force = case.in_force
    rule = "prctl(PR_SET_THP_DISABLE), inherited over fork and exec"
    source = "include/linux/huge_mm.h, vma_thp_disabled()"
    what = f"/proc/{in_force.pid}/status THP_enabled"
    if in_force.process.name == "DISABLED":
        return (Evidence(what, "0", rule, source),)
    return (Evidence("mm flags", "MMF_DISABLE_THP_EXCEPT_ADVISED", rule, source),)


def _nohugepage(_case: Case) -> tuple[Evidence, ...]:
    rule = "madvise(MADV_NOHUGEPAGE), or mmap(MAP_STACK) since 6.7"
    return (Evidence(_FLAGS, "VM_NOHUGEPAGE (nh)", rule, "mm/khugepaged.c, hugepage_madvise()"),)


def _settings(case: Case, rule: str) -> tuple[Evidence, ...]:
    source = "mm/shmem.c, shmem_allowable_huge_orders()" if case.is_shared_memory else _ALLOWABLE
    *way, (file, value) = case.ruling.settings
    passed = (Evidence(name, word, _PASSED_ON[word], source) for name, word in way)
    return (*passed, Evidence(file, value, rule, source))


def _off(case: Case) -> tuple[Evidence, ...]:
    return _settings(case, "no huge pages by faults or khugepaged")


def _not_advised(case: Case) -> tuple[Evidence, ...]:
    advised = "only where the program asks by madvise(MADV_HUGEPAGE)"
    flag = Evidence(_FLAGS, "no VM_HUGEPAGE (hg)", "it did not ask", _ALLOWABLE)
    return (*_settings(case, advised), flag)


def _cannot_tell(case: Case) -> tuple[Evidence, ...]:
    if case.kind is VmaKind.TMPFS:
        own, mount = modes.unlinked(case.in_force, case.mount), case.ruling
        values = " against ".join(f"{r.settings[-1][0]}: {r.settings[-1][1]}" for r in (own, mount))
        rule = "what was unlinked before it was mapped has the knobs of the sizes, else the mount's"
        return (
            Evidence(f"when {case.name} lost its name", f"not known; {values}", rule,
                     "mm/shmem.c, shmem_mmap()"),
        )  # fmt: skip
    if case.kind is VmaKind.FILE:
        return (
            Evidence(
                f"file system of {case.name}",
                "not known",
                "whether its page cache has large folios decides",
                "mm/memory.c, do_set_pmd()",
            ),
        )
    advised = "only where the program asks by madvise(MADV_HUGEPAGE)"
    rule = "of /proc only smaps tells whether it did, and reading that stalls the process"
    flag = Evidence(_FLAGS, "VM_HUGEPAGE not known", rule, "fs/proc/task_mmu.c, show_smap()")
    return (*_settings(case, advised), flag)


def _limit(case: Case, name: str, default: int, value: str, rule: str) -> tuple[Evidence, ...]:
    limit = case.in_force.khugepaged(name, default)
    fact = Evidence(f"page table of {case.slot:x}", value, rule, _SCAN)
    return (fact, Evidence(case.knob(name), str(limit), "what khugepaged puts up with", _SCAN))


def _swapped(case: Case) -> tuple[Evidence, ...]:
    value = f"{case.swapped} of {SLOT_PAGES} pages swapped out"
    if not case.present:
        rule = "none is in memory that khugepaged could see used"
        return (Evidence(f"page table of {case.slot:x}", f"{value}, 0 present", rule, _SCAN),)
    return _limit(
        case, "max_ptes_swap", verdicts.SWAP_DEFAULT, value, "they would all have to be read back"
    )


def _shared(case: Case) -> tuple[Evidence, ...]:
    value = f"{case.shared} of {SLOT_PAGES} pages mapped by another process, too"
    return _limit(
        case, "max_ptes_shared", verdicts.SHARED_DEFAULT, value, "they would have to be copied"
    )


def _sparse(case: Case) -> tuple[Evidence, ...]:
    value = f"{case.present} of {SLOT_PAGES} pages present"
    if case.field("vm_flags") & VmFlag.UFFD_MISSING:
        rule = "userfaultfd waits for missing pages: khugepaged fills in none"
        armed = Evidence(_FLAGS, "VM_UFFD_MISSING (um)", rule, _SCAN)
        return (Evidence(f"page table of {case.slot:x}", value, "not all are there", _SCAN), armed)
    return _limit(
        case, "max_ptes_none", verdicts.NONE_DEFAULT, value, "the missing ones would be filled"
    )


def _split(case: Case) -> tuple[Evidence, ...]:
    return (
        Evidence(
            f"/proc/kpageflags of {case.slot:x}",
            f"a 2 MB folio mapped by {case.present} entries of 4 kB",
            "a part of it was unmapped, protected or freed; the folio stayed, the leaf did not",
            "mm/huge_memory.c, __split_huge_pmd_locked()",
        ),
    )


def _fallback(case: Case) -> tuple[Evidence, ...]:
    in_force = case.in_force
    facts = [
        Evidence("/proc/buddyinfo", "0 free blocks of 2 MiB", "no huge page without compaction",
                 "mm/huge_memory.c, vma_alloc_anon_folio_pmd()"),
        Evidence(f"{modes.THP}/defrag", in_force.thp.defrag or "no such file",
                 "whether a fault compacts for one", "mm/huge_memory.c, vma_thp_gfp_mask()"),
    ]  # fmt: skip
    return (*facts, *_rate(case))


def _rate(case: Case) -> tuple[Evidence, ...]:
    """How often faults got none, since boot."""
    given, refused = case.in_force.fault_alloc, case.in_force.fault_fallback
    if given is None or refused is None or not given + refused:
        return ()
    value = f"thp_fault_fallback {refused}, thp_fault_alloc {given}"
    rule = f"{units.percent(refused, given + refused)} of the faults since boot got none"
    return (Evidence("/proc/vmstat", value, rule, "mm/huge_memory.c, count_vm_event()"),)


def _waiting(case: Case) -> tuple[Evidence, ...]:
    in_force = case.in_force
    names = ("pages_to_scan", "scan_sleep_millisecs", "full_scans")
    known = {
        name: in_force.thp.khugepaged[name] for name in names if name in in_force.thp.khugepaged
    }
    value = ", ".join(f"{name} {number}" for name, number in known.items()) or "not known"
    return (
        Evidence(case.knob(""), value, _pace(known), "mm/khugepaged.c, khugepaged_do_scan()"),
        *_rate(case),
    )


def _pace(known: Mapping[str, int]) -> str:
    """How fast khugepaged comes, by its settings as far as they are known."""
    pages, sleep = known.get("pages_to_scan"), known.get("scan_sleep_millisecs")
    if pages is None or sleep is None:
        return "it comes at a pace of its own"
    if not sleep:
        return "as fast as it can"
    a_second = units.size(pages * PAGE_SIZE * 1000 // sleep)
    return f"at most {a_second} of all processes' memory a second"


EVIDENCE: Final[dict[Reason, Callable[[Case], tuple[Evidence, ...]]]] = {
    Reason.UNREADABLE: _unreadable,
    Reason.EMPTY: _empty,
    Reason.KIND: _kind,
    Reason.TOO_SMALL: _too_small,
    Reason.EDGE: _edge,
    Reason.MISALIGNED: _misaligned,
    Reason.FILE: _file,
    Reason.COPIED: _copied,
    Reason.PROCESS_OFF: _process_off,
    Reason.NOHUGEPAGE: _nohugepage,
    Reason.SHMEM_OFF: _off,
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

POSSIBLE: Final = frozenset({Reason.COPIED, Reason.CACHE, Reason.FALLBACK, Reason.WAITING})
"""What is likely and not proved: nothing records why a fault or khugepaged did not,
and which pages of a private mapping are still those of the file."""


def is_certain(reason: Reason, case: Case) -> bool:
    """Whether the evidence proves the reason.

    Of shared memory khugepaged counts the page cache, of which this page table shows a part,
    and a 2 MB folio of it may never have been mapped by a leaf here.
    """
    if case.is_shared_memory and reason in (Reason.SPARSE, Reason.SWAPPED, Reason.SPLIT):
        return False
    return reason not in POSSIBLE
