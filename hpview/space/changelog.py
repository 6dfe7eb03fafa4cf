"""What changed in one process, reading by reading, and what of it is to be marked now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.space.changes import CHANGE, ChangeKind
from hpview.space.columns import subtract
from hpview.space.runs import slots_of
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpview.space.address_space import AddressSpace
    from hpview.wire import Records

LOGGED: Final = np.dtype(
    [
        *((name, CHANGE[name]) for name in CHANGE.names or () if name != "name"),
        ("name", "O"),
        ("when", "f8"),
        ("scan", "u4"),
    ],
    align=True,
)
"""A change and its reading. ``name``: str, "" without one, or unknown. ``when``: seconds
on the clock of whoever logs. ``scan``: number of the reading."""

KEPT: Final = 20_000
"""Changes in the log; the oldest are dropped."""

MARKED_SECONDS: Final = 10.0
MARKED_SCANS: Final = 5
"""How long a change is marked: for so many seconds or readings, whichever is longer."""

_NO_RANGE: Final = np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Marks:
    """Ranges to be marked: sorted, disjoint, arrays of shape (n,).

    Attributes:
        start: First addresses.
        end: Ends, exclusive.
        kind: ``ChangeKind``.
        age: 0 where the newest reading showed the change, else 1 or more.
    """

    start: NDArray[np.uint64]
    end: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    age: NDArray[np.uint8]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Slots marked, by ``ChangeKind``, shape (9,)."""
        return _slots_by_kind(self.start, self.end, self.kind)

    def cells(
        self, start: int, count: int, cell: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """What is marked in consecutive cells.

        Of cells smaller than a slot only the first ones of a slot and of a range are, so
        that the others can be seen.

        Args:
            start: Address of the first cell.
            count: Cells.
            cell: Bytes per cell.

        Returns:
            For each cell the first ``ChangeKind`` of those in it, 0 for none, and whether
            the newest reading showed that one; shape (count,).
        """
        found = np.full(count, 0xFFFF, dtype=np.uint16)
        edges = np.arange(count + 1, dtype=np.uint64) * np.uint64(cell) + np.uint64(start)
        first = np.searchsorted(self.end, edges[:-1], "right")
        behind = np.searchsorted(self.start, edges[1:])
        some = first < behind
        if some.any():
            order = np.append(self.kind.astype(np.uint16) << 8 | self.age, np.uint16(0xFFFF))
            bounds = np.stack((first[some], behind[some]), axis=1).ravel()
            found[some] = np.minimum.reduceat(order, bounds)[::2]
            if cell < SLOT_SIZE:
                begun = self.start[first[some]] < edges[:-1][some]
                some[some] = ~begun | (edges[:-1][some] % np.uint64(SLOT_SIZE) == 0)
        kinds = np.where(some, found >> 8, 0).astype(np.uint8)
        return kinds, some & ((found & 0xFF) == 0)


NO_MARKS: Final = Marks(
    _NO_RANGE, _NO_RANGE, np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8)
)


class ChangeLog:
    """The newest changes.

    Attributes:
        rows: dtype LOGGED, oldest first, those of one reading by address.
        total: Changes ever logged; ``total - len(rows)`` were dropped.
        scans: Readings compared.
    """

    def __init__(self) -> None:
        self.rows: Records = np.zeros(0, dtype=LOGGED)
        self.total = 0
        self.scans = 0

    def add(self, found: Records, old: AddressSpace, new: AddressSpace, when: float) -> None:
        """Note what one reading showed, be it nothing.

        Args:
            found: What ``changes`` made of the two.
            old: The reading before.
            new: This one.
            when: The time, never less than before.
        """
        self.scans += 1
        self.total += len(found)
        found = found[:KEPT]
        more = np.zeros(len(found), dtype=LOGGED)
        for name in CHANGE.names or ():
            if name != "name":
                more[name] = found[name]
        gone = found["kind"] == ChangeKind.UNMAPPED
        for side, mine in ((old, gone), (new, ~gone)):
            more["name"][mine] = _names(side, found["name"][mine])
        more["when"], more["scan"] = when, self.scans
        self.rows = np.concatenate((self.rows, more))[-KEPT:]

    def clear(self) -> None:
        """Forget everything: another program has taken the memory's place."""
        self.rows = self.rows[:0].copy()
        self.total = self.scans = 0

    def marks(self, now: float) -> Marks:
        """What is to be marked at a time; where there are several changes, the newest.

        Cost: some passes over the changes to be marked for each reading they come from.
        """
        rows = self.rows
        recent = rows["scan"] + np.uint32(MARKED_SCANS) > self.scans
        recent |= rows["when"] > now - MARKED_SECONDS
        rows = rows[recent]
        if not len(rows):
            return NO_MARKS
        bounds = [0, *(np.flatnonzero(np.diff(rows["scan"])) + 1).tolist(), len(rows)]
        start, end = _NO_RANGE, _NO_RANGE
        kind, age = np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8)
        for i in range(len(bounds) - 2, -1, -1):
            part = rows[bounds[i] : bounds[i + 1]]
            index, lo, hi = subtract(part["start"], part["end"], start, end)
            ago = min(self.scans - int(part["scan"][0]), 255)
            ages = np.full(len(index), ago, dtype=np.uint8)
            order = np.argsort(np.concatenate((start, lo)), kind="stable")
            start, end = np.concatenate((start, lo))[order], np.concatenate((end, hi))[order]
            kind = np.concatenate((kind, part["kind"][index]))[order]
            age = np.concatenate((age, ages))[order]
        return Marks(start, end, kind, age)


def _slots_by_kind(
    start: NDArray[np.uint64], end: NDArray[np.uint64], kind: NDArray[np.uint8]
) -> NDArray[np.int64]:
    slots = slots_of(start, end) if len(start) else np.zeros(0, dtype=np.int64)
    out = np.zeros(len(ChangeKind) + 1, dtype=np.int64)
    np.add.at(out, kind, slots)
    return out


def _names(space: AddressSpace, numbers: NDArray[np.uint32]) -> NDArray[np.object_]:
    """The names that numbers stand for; each is looked up once."""
    different, at = np.unique(numbers, return_inverse=True)
    names = np.empty(len(different), dtype=object)
    names[:] = [space.name(number) for number in different.tolist()]
    found: NDArray[np.object_] = names[at]
    return found
