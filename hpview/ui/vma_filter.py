"""Which VMAs the list shows: what was typed, and one of three kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.query import UnfinishedError, WrongError
from hpview.reasons.reason import Reason
from hpview.space.listing import Only
from hpview.space.query import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.ui.widgets.vma_list import Mains, VmaList

_NEXT: Final = {Only.ALL: Only.HUGE_ABLE, Only.HUGE_ABLE: Only.HOLES, Only.HOLES: Only.ALL}
_REASONS: Final = {reason.key: int(reason) for reason in Reason if reason is not Reason.EMPTY}


class VmaFilter:
    """Filters a list as its user types.

    Attributes:
        text: What was typed.
    """

    placeholder: Final = "words, perm:rw, backing:4k, size>2M, cov<50, why:sparse, !term"

    def __init__(self, vmas: VmaList, mains: Mains) -> None:
        """Make one that lets everything through.

        Args:
            vmas: The list.
            mains: The main ``Reason`` of each VMA, as far as it is known.
        """
        self._vmas = vmas
        self._mains = mains
        self.text = ""

    @property
    def is_set(self) -> bool:
        """Some VMAs may be left out."""
        return bool(self.text) or self._vmas.only is not Only.ALL

    def type(self, text: str) -> tuple[str, ...]:
        """Filter by a text; returns what is wrong with it."""
        self.text = text.strip()
        query = parse(text, {"why": self._why})
        self._vmas.set_placeholder("no VMA matches" if self.text else "")
        self._vmas.choose(None if query.is_empty else query.mask)
        return query.problems

    def _why(self, value: str) -> Callable[[AddressSpace], NDArray[np.bool_]]:
        """VMAs whose main reason is one of some, by ``Reason.key`` with commas in between."""
        parts = [part for part in value.split(",") if part]
        if not parts:
            raise UnfinishedError
        for part in parts:
            if part not in _REASONS:
                if any(key.startswith(part) for key in _REASONS):
                    raise UnfinishedError
                raise WrongError(f"why: is one of {', '.join(_REASONS)}")
        wanted = [_REASONS[part] for part in parts]
        return lambda space: np.isin(self._mains(space), wanted)

    def next_only(self) -> None:
        """Go on to the next kind."""
        self._vmas.list_only(_NEXT[self._vmas.only])

    def clear(self) -> None:
        """List all."""
        self.type("")
        self._vmas.list_only(Only.ALL)
