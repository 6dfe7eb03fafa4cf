"""The list of VMAs of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from hpview import units
from hpview.kernelfs.maps import perms
from hpview.space.slots import CellClass
from hpview.text import printable
from hpview.ui.paint import bar, fitted, thousands
from hpview.ui.widgets.rows import RowList
from hpview.wire import VmaFlag

if TYPE_CHECKING:
    import numpy as np

    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs, Inks

_ADDRESS = 12
_SIZE = 5
_PERMS = 4


def bar_width(width: int) -> int:
    """Cells for the bar of a VMA on a line of so many cells."""
    return max(4, min(16, (width - _ADDRESS - _SIZE - _PERMS - 6) // 3))


def is_file(vma: np.void) -> bool:
    """Whether a VMA maps a file (device 0 and inode 0 mean none)."""
    return bool(vma["ino"]) or bool(vma["dev"])


def shown_name(space: AddressSpace, index: int) -> tuple[str, bool]:
    """The name of a VMA, printable, and whether it is its own rather than hpview's word."""
    name = space.name_of(index)
    if name:
        return printable(name), True
    return ("…", False) if is_file(space.vmas[index]) else ("anon", False)


def vma_row(space: AddressSpace, index: int, width: int, inks: Inks) -> list[Segment]:
    """One VMA: address, size, permissions, what backs it, name."""
    vma = space.vmas[index]
    start, end = int(vma["start"]), int(vma["end"])
    changed = bool(vma["marks"]) or bool(vma["flags"] & VmaFlag.READ_ERROR)
    out = [
        Segment(f"{start:0{_ADDRESS}x}", inks.text),
        Segment(inks.glyphs.changed if changed else " ", inks.warn),
        Segment(fitted(units.short(end - start), _SIZE, right=True), inks.text),
        Segment(f" {perms(int(vma['vm_flags']))} ", inks.dim),
        *_bar(vma, bar_width(width), inks),
        Segment(" ", inks.text),
    ]
    name, own = shown_name(space, index)
    room = width - sum(len(segment.text) for segment in out)
    text = fitted(inks.glyphs.text(name), max(0, room), tail=True, more=inks.glyphs.more)
    out.append(Segment(text, inks.text if own else inks.dim))
    return out


def _bar(vma: np.void, width: int, inks: Inks) -> list[Segment]:
    if vma["flags"] & VmaFlag.SKIPPED:
        return bar([(CellClass.UNKNOWN, 1)], width, inks)
    sums = [
        (CellClass.HUGE_1G, int(vma["bytes_1g"])),
        (CellClass.HUGE_2M, int(vma["bytes_2m"])),
        (CellClass.FULL_4K, int(vma["bytes_4k"])),
        (CellClass.SWAP, int(vma["bytes_swap"])),
    ]
    rest = int(vma["end"]) - int(vma["start"]) - sum(size for _, size in sums)
    return bar([*sums, (CellClass.EMPTY, max(0, rest))], width, inks)


class VmaList(RowList):
    """VMAs by address; names appear as they become known."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(glyphs, id=id)
        self._space: AddressSpace | None = None

    def show(self, space: AddressSpace) -> None:
        """Take an address space, or the same one grown."""
        self._space = space
        self.set_rows(len(space.vmas))

    def heading(self, width: int) -> list[Segment]:
        """Titles."""
        inks = self.inks
        room = bar_width(width - 1)
        title = fitted(f"{thousands(self.row_count)} VMAs", _ADDRESS + 1)
        rest = f"{'SIZE':>{_SIZE}} PERM {'BACKED':<{room}.{room}} NAME"
        return [
            Segment(" ", inks.dim),
            Segment(title, inks.accent if self.has_focus else inks.strong),
            Segment(rest, inks.dim),
        ]

    def paint_row(self, y: int, width: int) -> list[Segment]:
        """Draw one VMA."""
        if self._space is None or y >= len(self._space.vmas):
            return []
        return vma_row(self._space, y, width, self.inks)
