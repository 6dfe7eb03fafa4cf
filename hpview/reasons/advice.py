"""What madvise() said of each VMA, which only some sources tell."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from hpview.space.columns import found_at
from hpview.wire import Source, VmFlag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.kernelfs.smaps import Smaps
    from hpview.space.address_space import AddressSpace


class Advice(IntEnum):
    """The last word of madvise() on huge pages in a VMA."""

    UNKNOWN = 0
    NONE = 1
    HUGEPAGE = 2
    NOHUGEPAGE = 3


def advice_of(space: AddressSpace, smaps: Smaps | None = None) -> NDArray[np.uint8]:
    """The ``Advice`` of each VMA, shape (n,).

    The iterator reads vm_flags themselves. /proc tells them in smaps only, whose reading
    stalls the process: it is used where somebody asked for it.

    Args:
        space: What is known.
        smaps: The process's smaps; a VMA whose range changed since stays unknown.
    """
    vmas = space.vmas
    if space.source is Source.BPF:
        flags = vmas["vm_flags"]
        out = np.full(len(vmas), Advice.NONE, dtype=np.uint8)
        out[(flags & np.uint64(VmFlag.HUGEPAGE)) != 0] = Advice.HUGEPAGE
        out[(flags & np.uint64(VmFlag.NOHUGEPAGE)) != 0] = Advice.NOHUGEPAGE
        return out
    out = np.zeros(len(vmas), dtype=np.uint8)
    if smaps is not None:
        told = np.array([_advice(codes) for codes in smaps.vm_flags], dtype=np.uint8)
        at, same = in_smaps(space, smaps)
        out[same] = told[at[same]]
    return out


def in_smaps(space: AddressSpace, smaps: Smaps) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The row of each VMA in smaps, and whether it is there with the same range; shape (n,)."""
    vmas, table = space.vmas, smaps.table
    at, same = found_at(table["start"], vmas["start"])
    same[same] = table["end"][at[same]] == vmas["end"][same]
    return at, same


def _advice(codes: str) -> Advice:
    words = codes.split()
    if "nh" in words:
        return Advice.NOHUGEPAGE
    return Advice.HUGEPAGE if "hg" in words else Advice.NONE
