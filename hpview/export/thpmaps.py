"""Folio totals as the kernel's tools/mm/thpmaps prints them.

Same lines, same numbers of a process that stands still, with one exception:
names with spaces, such as ``... (deleted)``, are kept where thpmaps loses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview import text
from hpview.pages.folios import PLACES, Kind, Place
from hpview.wire import PAGE_SIZE, SLOT_PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hpview.pages.layout import Fields
    from hpview.pages.process import ProcessFolios

_HEAD: Final = "       PID             START              END PROT   OFFSET   DEV    INODE OBJECT"
_KB: Final = PAGE_SIZE // 1024
_PMD_ORDER: Final = SLOT_PAGES.bit_length() - 1
_ORDERS: Final = range(2, _PMD_ORDER + 1)
"""thpmaps leaves out folios of two pages, and knows none above the PMD's size."""

_LABEL_WIDTH: Final = 31


def lines(folios: ProcessFolios, *, rollup: bool = False) -> Iterator[str]:
    """The output of ``thpmaps --pid PID``, without newlines.

    Args:
        folios: A process.
        rollup: As with ``--rollup``: its sums only, without a head.
    """
    counted = folios.counted
    if rollup:
        anon, rss = (int(pages[counted].sum()) for pages in (folios.anon, folios.rss))
        yield from _stats(folios.totals(), anon, rss - anon)
        return
    yield _HEAD
    table = folios.table
    first = np.searchsorted(table["vma"], np.arange(len(counted) + 1)).tolist()
    sums = zip(counted.tolist(), folios.rss.tolist(), folios.anon.tolist(), strict=True)
    for i, (is_counted, rss, anon) in enumerate(sums):
        yield _vma(folios.pid, folios.layout.fields(i))
        if is_counted and first[i] < first[i + 1]:
            pages = np.zeros(2 * PLACES, np.int64)
            rows = table[first[i] : first[i + 1]]
            pages[rows["column"]] = rows["pages"]
            yield from _stats(pages.reshape(2, PLACES), anon, rss - anon)


def stats(pages: NDArray[np.int64]) -> dict[str, tuple[Kind, int]]:
    """The counters of thpmaps, in its order.

    Args:
        pages: By kind and place, int64, shape (2, PLACES).

    Returns:
        By label: whether it is a share of anonymous or file memory, and kB.
    """
    found = {
        f"{kind.name.lower()}-thp-pmd-aligned-{_KB << _PMD_ORDER}kB": (kind, pages[kind, Place.PMD])
        for kind in Kind
    }
    for kind, other in (Kind.ANON, Kind.FILE), (Kind.FILE, Kind.ANON):
        prefix = f"{kind.name.lower()}-thp-pte"
        for name, place in ("aligned", Place.ALIGNED), ("unaligned", Place.UNALIGNED):
            for order in _ORDERS:
                count = pages[kind, place + order]
                if (name, order) == ("aligned", _PMD_ORDER):
                    count += pages[kind, Place.ZERO]
                found[f"{prefix}-{name}-{_KB << order}kB"] = kind, count
        mistold = pages[other, Place.MISTOLD] - pages[kind, Place.MISTOLD]
        found[f"{prefix}-partial"] = kind, pages[kind, Place.PARTIAL] + mistold
    return {label: (kind, int(count) * _KB) for label, (kind, count) in found.items()}


def _stats(pages: NDArray[np.int64], anon: int, file: int) -> Iterator[str]:
    wholes = {Kind.ANON: anon * _KB, Kind.FILE: file * _KB}
    for label, (kind, value) in stats(pages).items():
        if value:
            whole = wholes[kind]
            percent = f" ({value / whole:3.0%})" if whole > 0 else ""
            yield f"{label}:".ljust(_LABEL_WIDTH + 1) + f"{value:8} kB{percent}"


def _vma(pid: int, vma: Fields) -> str:
    # thpmaps takes the decimal digits of the inode for hexadecimal ones, and prints them back
    return (
        f"{pid:010d}: {vma.start:0>16}-{vma.end:0>16} {vma.perms} {vma.offset} {vma.dev} "
        f"{vma.ino:0>8} {text.printable(vma.name)}"
    )
