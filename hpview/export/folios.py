"""The folios of a process as a table for people and as an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hpview import text, units
from hpview.export.columns import aligned
from hpview.pages.folios import ORDERS, PLACES, Kind, Place
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.pages.process import ProcessFolios

_HEAD: Final = ("FOLIO", "MAPPED BY", "ANON", "%", "FILE", "%")
_LEFT: Final = frozenset({"FOLIO", "MAPPED BY"})
_WAYS: Final = (("aligned", Place.ALIGNED), ("unaligned", Place.UNALIGNED))


def table(folios: ProcessFolios) -> Iterator[str]:
    """One row per folio size and way of mapping that occurs, largest first, and the sums.

    The numbers are those of thpmaps: of mappings that are accessible at all.
    Percentages are of all their anonymous and all their file memory.
    """
    pages = folios.totals() * PAGE_SIZE
    wholes = _wholes(folios)
    rows = [
        (units.short(size) if size else "any", _way(by, way), pages[:, place])
        for size, by, way, place in _places()
        if pages[:, place].any()
    ]
    small = [whole - sum(int(row[2][kind]) for row in rows) for kind, whole in enumerate(wholes)]
    rows.append((units.short(PAGE_SIZE), "4k", np.array(small)))
    cells = [
        (size, way, *_shares(int(counts[0]), wholes[0]), *_shares(int(counts[1]), wholes[1]))
        for size, way, counts in rows
    ]
    cells.append(("all", "", units.short(wholes[0]), "", units.short(wholes[1]), ""))
    yield from aligned(_HEAD, list(zip(*cells, strict=True)), _LEFT)
    yield ""
    yield _remarks(folios)


def folios_object(folios: ProcessFolios) -> dict[str, Any]:
    """The totals as an object, schema ``hpview.folios/1``; bytes throughout.

    ``anon`` and ``file`` are the resident memory of the mappings that thpmaps counts,
    ``prot_none`` that of the others. ``mapped`` has a row per folio size and way of
    mapping that occurs; what is missing there to ``anon`` and ``file`` are single 4 kB
    pages. ``size`` is null for folios of any size that are mapped in part.
    """
    pages = folios.totals() * PAGE_SIZE
    anon, file = _wholes(folios)
    return {
        "schema": "hpview.folios/1",
        "pid": folios.pid,
        "comm": text.well_formed(folios.comm),
        "source": folios.source,
        "complete": folios.complete,
        "vmas": len(folios.layout),
        "anon": anon,
        "file": file,
        "prot_none": _prot_none(folios),
        "huge_zero": _everywhere(folios, Place.ZERO),
        "hugetlb": _everywhere(folios, Place.HUGETLB),
        "mapped": [
            {"size": size, "by": by, "alignment": way, "kind": kind.name.lower(), "bytes": count}
            for size, by, way, place in _places()
            for kind in Kind
            if (count := int(pages[kind, place]))
        ],
    }


def _places() -> Iterator[tuple[int | None, str, str, int]]:
    """Size, ``pmd`` or ``pte``, alignment and ``Place``, largest first."""
    for order in reversed(range(1, ORDERS)):
        size = PAGE_SIZE << order
        if size == SLOT_SIZE:
            yield size, "pmd", "aligned", int(Place.PMD)
        for way, place in _WAYS:
            yield size, "pte", way, place + order
    yield None, "pte", "partial", int(Place.PARTIAL)


def _way(by: str, alignment: str) -> str:
    return "2M" if by == "pmd" else f"4k, {alignment}"


def _shares(count: int, whole: int) -> tuple[str, str]:
    return units.short(count), units.percent(count, whole)


def _wholes(folios: ProcessFolios) -> tuple[int, int]:
    """Bytes of anonymous and of file memory that are counted."""
    counted = folios.counted
    anon, rss = (int(pages[counted].sum()) * PAGE_SIZE for pages in (folios.anon, folios.rss))
    return anon, rss - anon


def _prot_none(folios: ProcessFolios) -> int:
    return int(folios.rss[~folios.layout.accessible].sum()) * PAGE_SIZE


def _everywhere(folios: ProcessFolios, place: Place) -> int:
    rows = folios.table[folios.table["column"] % PLACES == int(place)]
    return int(rows["pages"].sum()) * PAGE_SIZE


def _remarks(folios: ProcessFolios) -> str:
    parts = [f"{folios.pid} {text.printable(folios.comm)}: {len(folios.layout)} VMAs"]
    for count, what in (
        (_everywhere(folios, Place.HUGETLB), "hugetlb"),
        (_prot_none(folios), "in PROT_NONE mappings"),
    ):
        if count:
            parts.append(f"besides {units.size(count)} {what}")
    if zero := _everywhere(folios, Place.ZERO):
        parts.append(f"huge zero page {units.size(zero)}, no memory")
    parts.append(folios.source)
    parts.append("complete" if folios.complete else "called exec() while being read: incomplete")
    return " · ".join(parts)
