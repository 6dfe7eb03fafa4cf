"""The VMAs of a list: which of them, and in which order."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.holes import can_be_huge, find_holes
from hpview.wire import VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace

_PERMS: Final = ((VmFlag.READ, 8), (VmFlag.WRITE, 4), (VmFlag.EXEC, 2), (VmFlag.MAYSHARE, 1))
RISING: Final = frozenset({"address", "name", "why"})
"""Keys whose least value comes first; of all others it is the largest."""


class Only(Enum):
    """Which VMAs are listed."""

    ALL = "all"
    HUGE_ABLE = "huge-able"
    """Those that could have huge pages: ``holes.can_be_huge``."""
    HOLES = "holes"
    """Those with room for more huge pages than they have."""


def values(space: AddressSpace, key: str) -> NDArray[np.float64]:
    """What VMAs are sorted by, shape (n,); NaN where there is nothing to compare.

    Args:
        space: What is known.
        key: ``address``, ``size``, ``perms``, ``resident``, ``2m``, ``4k``, ``swap``,
            ``coverage`` or ``name``.

    Raises:
        ValueError: Another key.
    """
    vmas = space.vmas
    huge: NDArray[np.float64] = (vmas["bytes_2m"] + vmas["bytes_1g"]).astype(np.float64)
    resident: NDArray[np.float64] = huge + vmas["bytes_4k"]
    match key:
        case "address":
            return np.arange(len(vmas), dtype=np.float64)
        case "size":
            sizes: NDArray[np.float64] = (vmas["end"] - vmas["start"]).astype(np.float64)
            return sizes
        case "perms":
            flags = vmas["vm_flags"]
            letters = [((flags & np.uint64(bit)) != 0) * float(weight) for bit, weight in _PERMS]
            ranks: NDArray[np.float64] = np.stack(letters).sum(axis=0)
            return ranks
        case "resident":
            return resident
        case "2m":
            return huge
        case "4k":
            return resident - huge
        case "swap":
            swapped: NDArray[np.float64] = vmas["bytes_swap"].astype(np.float64)
            return swapped
        case "coverage":
            shares = np.full(len(vmas), np.nan)
            able = counted(space).astype(np.float64)
            np.divide(huge, able, out=shares, where=able > 0)
            return shares
        case "name":
            return _ranks(space)
    raise ValueError(f"VMAs do not sort by {key!r}")


def counted(space: AddressSpace) -> NDArray[np.int64]:
    """Bytes of each VMA that coverage is a share of, shape (n,).

    They are the huge ones and, where more could be huge, those of 4 kB pages.
    """
    vmas = space.vmas
    small = np.where(can_be_huge(space), vmas["bytes_4k"], 0)
    found: NDArray[np.int64] = vmas["bytes_2m"] + vmas["bytes_1g"] + small
    return found


def _ranks(space: AddressSpace) -> NDArray[np.float64]:
    """The place of each name in the alphabet; NaN without one."""
    numbers, where = np.unique(space.vmas["name"], return_inverse=True)
    names = [space.name(number) for number in numbers.tolist()]
    ranks = np.empty(len(names))
    for rank, i in enumerate(sorted(range(len(names)), key=names.__getitem__)):
        ranks[i] = rank if names[i] else np.nan
    return ranks[where]


def arranged(
    space: AddressSpace,
    sort: str,
    *,
    reverse: bool = False,
    only: Only = Only.ALL,
    keep: NDArray[np.bool_] | None = None,
    ranks: NDArray[np.float64] | None = None,
) -> NDArray[np.intp]:
    """The VMAs to list, in order.

    Args:
        space: What is known.
        sort: As ``values``; what is in ``RISING`` ascends.
        reverse: The other way round; what has nothing to compare comes last all the same.
        only: Leave the others out.
        keep: Further VMAs to leave out, bool, shape (n,); None leaves out none.
        ranks: What they are sorted by instead of ``values``, shape (n,), for keys that the
            address space itself knows nothing of.

    Returns:
        Indexes in ``space.vmas``; equals by ascending address.
    """
    chosen = np.ones(len(space.vmas), dtype=np.bool_) if keep is None else keep.copy()
    if only is Only.HUGE_ABLE:
        chosen &= can_be_huge(space)
    elif only is Only.HOLES:
        chosen &= find_holes(space).vmas
    at = np.flatnonzero(chosen)
    if sort == "address":
        return at[::-1] if reverse else at
    by = (values(space, sort) if ranks is None else ranks)[at]
    if (sort not in RISING) != reverse:
        by = -by
    # NaN sorts last.
    return at[np.argsort(by, kind="stable")]
