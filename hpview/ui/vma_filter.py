"""Which VMAs the list shows: what was typed, and one of three kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.listing import Only

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.ui.widgets.vma_list import VmaList

_NEXT: Final = {Only.ALL: Only.HUGE_ABLE, Only.HUGE_ABLE: Only.HOLES, Only.HOLES: Only.ALL}


class VmaFilter:
    """Filters a list as its user types.

    Attributes:
        text: What was typed.
    """

    placeholder: Final = "part of a name"

    def __init__(self, vmas: VmaList) -> None:
        self._vmas = vmas
        self.text = ""

    @property
    def is_set(self) -> bool:
        """Some VMAs may be left out."""
        return bool(self.text) or self._vmas.only is not Only.ALL

    def type(self, text: str) -> None:
        """Filter by a text."""
        self.text = text.strip()
        self._vmas.choose(self._mask if self.text else None)

    def next_only(self) -> None:
        """Go on to the next kind."""
        self._vmas.list_only(_NEXT[self._vmas.only])

    def clear(self) -> None:
        """List all."""
        self.type("")
        self._vmas.list_only(Only.ALL)

    def _mask(self, space: AddressSpace) -> NDArray[np.bool_]:
        numbers, where = np.unique(space.vmas["name"], return_inverse=True)
        wanted = self.text.casefold()
        named = [wanted in space.name(number).casefold() for number in numbers.tolist()]
        return np.array(named, dtype=np.bool_)[where]
