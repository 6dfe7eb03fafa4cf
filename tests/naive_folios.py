"""Folio totals page by page, straight from what the words mean: slow, and independent."""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ANON, HEAD, TAIL, HUGETLB, THP, ZERO = (1 << bit for bit in (12, 15, 16, 17, 22, 24))
PRESENT, FRAME = 1 << 63, (1 << 55) - 1
PAGE = 4096


@dataclass(frozen=True)
class Page:
    vfn: int
    pfn: int
    flags: int
    leaf: bool = False


def extent(pfn: int, flags_at: Callable[[int], int]) -> tuple[int, int]:
    first, behind = pfn, pfn + 1
    while flags_at(first) & TAIL:
        first -= 1
    while flags_at(behind) & TAIL:
        behind += 1
    return first, behind - first


def totals(pages: list[Page], flags_at: Callable[[int], int]) -> Counter[str]:
    """Pages of one VMA by thpmaps's labels without the sizes' unit: ``anon-aligned-16``."""
    found: Counter[str] = Counter()
    pages = [page for page in pages if page.flags & THP]
    mapped = {page.vfn: page.pfn for page in pages}

    @cache
    def consecutive(vfn: int, pfn: int, count: int) -> bool:
        return all(mapped.get(vfn + k) == pfn + k for k in range(count))

    for i, page in enumerate(pages):
        kind = "anon" if page.flags & ANON else "file"
        if page.leaf:
            found["file-aligned-2048" if page.flags & ZERO else f"{kind}-pmd"] += 1
            continue
        first, count = extent(page.pfn, flags_at)
        behind_head = page.pfn - first
        vfn = page.vfn - behind_head
        if consecutive(vfn, first, count):
            way = "unaligned" if vfn % count else "aligned"
            found[f"{kind}-{way}-{count * 4}"] += 1
            continue
        # thpmaps's own: a head whose folio is cut off takes the kind of the page listed before
        if consecutive(vfn, first, behind_head):
            before = pages[i - behind_head - 1]
            kind = "anon" if before.flags & ANON else "file"
        found[f"{kind}-partial"] += 1
    return found


@dataclass(frozen=True)
class Vma:
    start: int
    end: int
    rss: int
    anon: int
    found: Counter[str]


def process(pid: int) -> list[Vma]:
    """All VMAs by smaps, with kB of memory, and their totals in pages."""
    vmas: list[tuple[int, int, str, dict[str, int]]] = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                low, high = (int(word, 16) for word in words[0].split("-"))
                vmas.append((low, high, words[1], {}))
            elif words[-1] == "kB":
                vmas[-1][3][words[0][:-1]] = int(words[1])
    pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
    kpageflags = os.open("/proc/kpageflags", os.O_RDONLY)
    known: dict[int, int] = {}

    def flags_at(pfn: int) -> int:
        if pfn not in known:
            known[pfn] = struct.unpack("=Q", os.pread(kpageflags, 8, 8 * pfn))[0]
        return known[pfn]

    out = []
    for start, end, perms, sizes in vmas:
        found: Counter[str] = Counter()
        if perms[:3] != "---" and sizes["Rss"]:
            data = os.pread(pagemap, (end - start) // PAGE * 8, start // PAGE * 8)
            pages = [
                Page(start // PAGE + i, entry & FRAME, flags_at(entry & FRAME))
                for i, (entry,) in enumerate(struct.iter_unpack("=Q", data))
                if entry & PRESENT
            ]
            found = totals(pages, flags_at)
            by_leaf = {
                "anon": sizes["AnonHugePages"],
                "file": sizes["ShmemPmdMapped"] + sizes["FilePmdMapped"],
            }
            for kind, kb in by_leaf.items():
                found[f"{kind}-aligned-2048"] -= kb // 4
                found[f"{kind}-pmd"] += kb // 4
        out.append(Vma(start, end, sizes["Rss"], sizes["Anonymous"], +found))
    os.close(pagemap)
    os.close(kpageflags)
    return out


def labelled(found: Counter[str]) -> dict[str, int]:
    """As thpmaps labels them, in kB; folios of two pages left out, as there."""
    out = {}
    for name, pages in found.items():
        kind, _, rest = name.partition("-")
        if rest == "pmd":
            label = f"{kind}-thp-pmd-aligned-2048kB"
        elif rest == "partial":
            label = f"{kind}-thp-pte-partial"
        elif rest.endswith("-8"):
            continue
        else:
            label = f"{kind}-thp-pte-{rest}kB"
        out[label] = pages * 4
    return out
