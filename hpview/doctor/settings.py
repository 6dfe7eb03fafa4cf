"""The doctor's findings about the machine: what it is and how it is set."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hpview import units
from hpview.doctor.finding import Finding
from hpview.kernelfs.files import MOUNT_SYSFS, without_sysfs
from hpview.kernelfs.hugetlb import read_pools
from hpview.kernelfs.thp import read_thp
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def kernel() -> Finding:
    """Release and architecture; the BPF program knows x86-64 page tables only."""
    system = os.uname()
    detail = f"{system.sysname} {system.release} on {system.machine}"
    if system.machine == "x86_64":
        return Finding("kernel", "yes", detail)
    return Finding("kernel", "partly", f"{detail}: the BPF program reads x86-64 tables only")


def page_sizes(sysfs: Path) -> Finding:
    """4 KiB pages and 2 MiB slots are what everything counts in."""
    page, pmd = os.sysconf("SC_PAGE_SIZE"), read_thp(sysfs).pmd_size
    detail = f"pages of {units.size(page)}, huge pages of "
    detail += "unknown size" if pmd is None else units.size(pmd)
    right = page == PAGE_SIZE and pmd in (None, SLOT_SIZE)
    return Finding("page sizes", "yes" if right else "no", detail)


def transparent(sysfs: Path) -> Finding:
    """The mode of transparent huge pages."""
    settings = read_thp(sysfs)
    place = "/sys/kernel/mm/transparent_hugepage/enabled"
    if why := without_sysfs(sysfs):
        return Finding("transparent huge pages", "no", f"not known: {why}", MOUNT_SYSFS)
    if settings.enabled is None:
        return Finding("transparent huge pages", "no", "the kernel was built without them")
    zero = "on" if settings.use_zero_page else "off"
    detail = (
        f"{settings.enabled}, defrag {settings.defrag}, shared memory {settings.shmem_enabled}, "
        f"huge zero page {zero}"
    )
    if settings.enabled == "always":
        return Finding("transparent huge pages", "yes", detail)
    if settings.enabled == "madvise":
        return Finding(
            "transparent huge pages", "partly", f"{detail}: only where a program asks for them",
            f"write always to {place}",
        )  # fmt: skip
    return Finding("transparent huge pages", "no", detail, f"write madvise or always to {place}")


def folio_sizes(sysfs: Path) -> Finding:
    """The knob of each folio size."""
    by_mode: dict[str, list[str]] = {}
    for size in read_thp(sysfs).sizes:
        if size.enabled is not None:
            by_mode.setdefault(size.enabled, []).append(units.short(size.size))
    if why := without_sysfs(sysfs):
        return Finding("folio sizes", "no", f"not known: {why}", MOUNT_SYSFS)
    if not by_mode:
        return Finding("folio sizes", "no", "this kernel has one size only", "Linux 6.8 or later")
    detail = "; ".join(f"{mode}: {' '.join(sizes)}" for mode, sizes in sorted(by_mode.items()))
    return Finding("folio sizes", "yes", detail)


def hugetlb(sysfs: Path) -> Finding:
    """The pools."""
    pools = read_pools(sysfs)
    if why := without_sysfs(sysfs):
        return Finding("hugetlb pools", "no", f"not known: {why}", MOUNT_SYSFS)
    if not pools:
        return Finding("hugetlb pools", "no", "the kernel was built without hugetlb")
    detail = ", ".join(
        f"{units.size(pool.page_size)}: {pool.free} of {pool.total} free" for pool in pools
    )
    if any(pool.total for pool in pools):
        return Finding("hugetlb pools", "yes", detail)
    return Finding("hugetlb pools", "no", detail, "write a number to /proc/sys/vm/nr_hugepages")


def swap(root: Path) -> Finding:
    """Whether anything can be swapped out."""
    try:
        count = len((root / "swaps").read_text("utf-8").splitlines()) - 1
    except OSError as err:
        return Finding("swap", "no", str(err))
    if count > 0:
        return Finding("swap", "yes", f"{count} device{'s' if count > 1 else ''} or files")
    return Finding("swap", "no", "none: nothing will be shown as swapped out")


def terminal(environ: Mapping[str, str], encoding: str) -> Finding:
    """Characters and colours."""
    language = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "unset"
    wide = encoding.lower().replace("-", "") == "utf8"
    colour = not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"
    detail = (
        f"{encoding} (language {language}), {'colour' if colour else 'no colour'} "
        f"(TERM={environ.get('TERM', '')}{', NO_COLOR' if environ.get('NO_COLOR') else ''})"
    )
    remedy = "" if wide else "set LANG to a UTF-8 locale, such as C.UTF-8"
    return Finding("terminal", "yes" if wide and colour else "partly", detail, remedy)
