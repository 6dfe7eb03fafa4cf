"""The address space as /proc/PID/maps prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.kernelfs.maps import Mapping, format_line
from hpview.wire import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.space.address_space import AddressSpace


def lines(space: AddressSpace) -> Iterator[str]:
    """One line a VMA, without newline; names are raw, undecodable bytes as surrogates."""
    vmas = space.vmas
    names = ("start", "end", "vm_flags", "pgoff", "dev", "ino")
    columns = (vmas[name].tolist() for name in names)
    for i, (start, end, vm_flags, pgoff, dev, ino) in enumerate(zip(*columns, strict=True)):
        offset = pgoff * PAGE_SIZE
        yield format_line(Mapping(start, end, vm_flags, offset, dev, ino, space.name_of(i)))
