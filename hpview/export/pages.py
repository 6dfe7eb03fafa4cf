"""The pages of one slot as a picture of letters, and as an object for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hpview import units
from hpview.pages.page import FolioBit, PageBit
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hpview.pages.page import SlotPages

_COLUMNS: Final = 64

_LETTERS: Final = (
    (PageBit.GUARD, "g", "guard"),
    (PageBit.SWAPPED, "s", "swapped"),
    (PageBit.ZERO, "z", "zero page"),
    (PageBit.HUGE, "H", "by a huge leaf"),
    (PageBit.FILE, "f", "file or shared memory"),
    (PageBit.PRESENT, "p", "present"),
)
"""The first that a page has is its letter."""

_COUNTED: Final = (
    (PageBit.PRESENT, "present"),
    (PageBit.DIRTY, "dirty"),
    (PageBit.ACCESSED, "accessed"),
    (PageBit.SOFT_DIRTY, "soft-dirty"),
    (PageBit.FILE, "file"),
    (PageBit.ZERO, "zero"),
    (PageBit.SWAPPED, "swapped"),
    (PageBit.GUARD, "guard"),
    (PageBit.EXCLUSIVE, "exclusive"),
    (PageBit.HUGE, "huge"),
)


def lines(slot: SlotPages) -> Iterator[str]:
    """64 pages a line, what they are, the folios behind them, and what is not known."""
    bits = slot.pages["bits"]
    letters = np.full(len(bits), ".", dtype="U1")
    for bit, letter, _ in reversed(_LETTERS):
        letters[(bits & int(bit)) != 0] = letter
    for at in range(0, len(letters), _COLUMNS):
        yield f"{slot.start + at * PAGE_SIZE:012x}  {''.join(letters[at : at + _COLUMNS])}"
    yield ""
    used = set(letters.tolist())
    legend = [f"{letter} {word}" for _, letter, word in _LETTERS if letter in used]
    yield ", ".join(legend + [". nothing"] * ("." in used))
    yield "pages: " + ", ".join([f"{len(bits)} in all", *_counts(slot)])
    if slot.folio_known:
        yield from _folios(slot.pages)
    yield from (f"not known: {reason}" for reason in slot.reasons)


def _counts(slot: SlotPages) -> Iterator[str]:
    for bit, word in _COUNTED:
        if bit in slot.known and (count := np.count_nonzero(slot.having(bit))):
            yield f"{count} {word}"


def _folios(pages: NDArray[np.void]) -> Iterator[str]:
    """How many pages lie in folios of which size and way of mapping; zero pages are no memory."""
    pages = pages[(pages["bits"] & int(PageBit.ZERO)) == 0]
    found = Counter(
        zip(pages["folio_pages"].tolist(), (pages["folio"] & _WAY).tolist(), strict=True)
    )
    for (size, folio), count in sorted(found.items(), reverse=True):
        if size:
            yield f"{count} pages in {units.short(size * PAGE_SIZE)} folios: {_way(size, folio)}"


_WAY: Final = int(
    FolioBit.ALIGNED | FolioBit.PARTIAL | FolioBit.ANON | FolioBit.HUGETLB | FolioBit.KSM
)


def _way(size: int, folio: int) -> str:
    words = ["anon" if folio & FolioBit.ANON else "file"]
    if folio & FolioBit.HUGETLB:
        words = ["hugetlb"]
    if folio & FolioBit.KSM:
        words = ["ksm"]
    if size > 1:
        words.append("aligned" if folio & FolioBit.ALIGNED else "unaligned")
        if folio & FolioBit.PARTIAL:
            words.append("partly mapped")
    return ", ".join(words)


def slot_object(pid: int, slot: SlotPages) -> dict[str, Any]:
    """The pages as columns, schema ``hpview.slot/1``; a bit that is not known is null."""
    found: dict[str, Any] = {
        "schema": "hpview.slot/1",
        "pid": pid,
        "start": hex(slot.start),
        "end": hex(slot.end),
        "page_size": PAGE_SIZE,
        "not_known": list(slot.reasons),
    }
    for bit, word in _COUNTED:
        known = bit in slot.known
        found[word.replace("-", "_")] = slot.having(bit).astype(int).tolist() if known else None
    pages = slot.pages
    found["folio"] = (
        {
            "pages": pages["folio_pages"].tolist(),
            "index": pages["index"].tolist(),
            **{
                bit.name.lower(): ((pages["folio"] & int(bit)) != 0).astype(int).tolist()
                for bit in FolioBit
                if bit.name
            },
        }
        if slot.folio_known
        else None
    )
    return found


PAGE_KEYS: Final = (
    "address",
    *(word.replace("-", "_") for _, word in _COUNTED),
    "folio_pages",
    "folio_index",
    *(f"folio_{bit.name.lower()}" for bit in FolioBit if bit.name),
)
"""Keys of ``page_objects``."""


def page_objects(slot: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The columns of ``slot_object`` as one object a page; a bit that is not known is None."""
    first, last, size = int(slot["start"], 16), int(slot["end"], 16), slot["page_size"]
    folio = slot["folio"] or {}
    columns = {key: slot.get(key) or folio.get(key.removeprefix("folio_")) for key in PAGE_KEYS[1:]}
    for i, address in enumerate(range(first, last, size)):
        bits = {key: column[i] if column is not None else None for key, column in columns.items()}
        yield {"address": hex(address), **bits}
