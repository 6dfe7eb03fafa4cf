"""Which VMAs the list shows: what was typed, and one of three kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.space.listing import Only
from hpview.space.query import parse

if TYPE_CHECKING:
    from hpview.ui.widgets.vma_list import VmaList

_NEXT: Final = {Only.ALL: Only.HUGE_ABLE, Only.HUGE_ABLE: Only.HOLES, Only.HOLES: Only.ALL}


class VmaFilter:
    """Filters a list as its user types.

    Attributes:
        text: What was typed.
    """

    placeholder: Final = "words, perm:rw, backing:4k, size>2M, cov<50, !term"

    def __init__(self, vmas: VmaList) -> None:
        self._vmas = vmas
        self.text = ""

    @property
    def is_set(self) -> bool:
        """Some VMAs may be left out."""
        return bool(self.text) or self._vmas.only is not Only.ALL

    def type(self, text: str) -> tuple[str, ...]:
        """Filter by a text; returns what is wrong with it."""
        self.text = text.strip()
        query = parse(text)
        self._vmas.set_placeholder("no VMA matches" if self.text else "")
        self._vmas.choose(None if query.is_empty else query.mask)
        return query.problems

    def next_only(self) -> None:
        """Go on to the next kind."""
        self._vmas.list_only(_NEXT[self._vmas.only])

    def clear(self) -> None:
        """List all."""
        self.type("")
        self._vmas.list_only(Only.ALL)
