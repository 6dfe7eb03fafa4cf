"""Names of mappings, each kept once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace


class VmaFacts(Protocol):
    """What user space knows of a mapping, such as ``kernelfs.maps.Mapping``."""

    @property
    def name(self) -> str:
        """As /proc/PID/maps prints it."""

    @property
    def dev(self) -> int:
        """Major << 20 | minor."""

    @property
    def ino(self) -> int:
        """The inode number, 0 without a file."""


class Names:
    """Names by number; 0 is "", for a VMA without a name or not named yet."""

    def __init__(self) -> None:
        self._names = [""]
        self._ids = {"": 0}

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    def number(self, name: str) -> int:
        """The number of a name, a new one if it is new."""
        known = self._ids.setdefault(name, len(self._names))
        if known == len(self._names):
            self._names.append(name)
        return known


def named(space: AddressSpace, wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Which VMAs have a name that is wanted, shape (n,); each name is asked about once."""
    numbers, where = np.unique(space.vmas["name"], return_inverse=True)
    found = [wanted(space.name(number)) for number in numbers.tolist()]
    return np.array(found, dtype=np.bool_)[where]
