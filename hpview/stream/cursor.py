"""Where a VMA goes on that was not finished by the call before: bpfprog/cursor.h."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hpview.stream.task_vma import Vma

MAX_RESTARTS: Final = 8
"""So often a VMA whose start moves is begun again; then the rest of it stays unknown."""


class Place(Enum):
    """Where a call begins."""

    START = "start"
    """Of a VMA not seen before, or one that has to be seen again."""
    INSIDE = "inside"
    """At ``Cursor.next``."""
    BEHIND = "behind"
    """All of it was handed over."""


class Cursor:
    """The place inside a VMA at which the next call goes on.

    Attributes:
        active: There is such a VMA.
        mm: Whose it is.
        start: Of the VMA.
        end: Of the VMA when the last piece was read.
        next: All below has been seen.
        done: All of it has; the iterator has to move on.
    """

    def __init__(self) -> None:
        self.active = False
        self.mm = 0
        self.start = 0
        self.end = 0
        self.next = 0
        self.done = False
        self._restarts = 0

    @property
    def unfinished(self) -> bool:
        """Whether pieces of a VMA were read, and not the last one."""
        return self.active and not self.done

    @property
    def gives_up(self) -> bool:
        """Whether the VMA was begun again too often to be cut into pieces once more."""
        return self._restarts > MAX_RESTARTS

    def is_inside(self, mm: int, vma: Vma) -> bool:
        """Whether the next piece of this VMA is due.

        It may have grown, shrunk above the cursor or changed its permissions: what
        was read of it still holds. With another start it is another VMA.
        """
        same = self.mm == mm and self.start == vma.start
        return self.unfinished and same and self.next < vma.end

    def find_place(self, mm: int, vma: Vma) -> Place:
        """Where to begin with this VMA; a cursor that stands elsewhere is dropped."""
        if not self.active:
            return Place.START
        if self.is_inside(mm, vma):
            return Place.INSIDE
        if self.done and self.mm == mm and self.start == vma.start:
            return Place.BEHIND
        self.active = False
        overlaps = self.mm == mm and vma.start < self.end and vma.end > self.start
        self._restarts = self._restarts + 1 if overlaps else 0
        return Place.START

    def stay_at(self, mm: int, vma: Vma, resume: int | None) -> None:
        """The next call is to be for this VMA again: from ``resume`` on, or to skip it."""
        self.active = True
        self.mm = mm
        self.start = vma.start
        self.end = vma.end
        self.next = vma.end if resume is None else resume
        self.done = resume is None

    def leave(self) -> None:
        """The VMA is whole."""
        self.active = False
        self._restarts = 0
