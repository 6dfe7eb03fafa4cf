"""Where the map's cursor goes: holes, names, addresses not read yet, into cells and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hpview.control import END
from hpview.space.holes import Holes, find_holes
from hpview.space.names import named
from hpview.text import printable
from hpview.ui.widgets.map_pane import columns_for
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.settings import Settings
    from hpview.space.address_space import AddressSpace
    from hpview.ui.reading import Reading
    from hpview.ui.widgets.memory_map import MemoryMap

_LIMIT: Final = 1 << 63
"""Above every address that a process can map."""

_DIGITS: Final = 6
"""Hexadecimal digits from which on a word is an address rather than a name."""


class Place(NamedTuple):
    """What Escape brings back."""

    cell: int
    address: int
    top: int


def address_in(words: str) -> int | None:
    """The address that words name: hexadecimal, with 0x or of six digits and more.

    Of a range, as maps and the panes show it, the first.
    """
    first, dash, end = words.partition("-")
    if dash:
        return None if address_in(end) is None else address_in(first)
    digits = words.lower().removeprefix("0x")
    if len(digits) < _DIGITS and digits == words.lower():
        return None
    try:
        found = int(digits, 16)
    except ValueError:
        return None
    return found if 0 <= found < _LIMIT else None


def named_after(space: AddressSpace, words: str, address: int) -> int | None:
    """The start of the next VMA above an address, or else of the first, with words in its name."""
    wanted = words.casefold()
    starts = space.vmas["start"][named(space, lambda name: wanted in name.casefold())]
    if not len(starts):
        return None
    at = int(np.searchsorted(starts, np.uint64(address), "right"))
    return int(starts[at % len(starts)])


class Travel:
    """Moves the cursor of a map, further than a key moves it.

    Args:
        reading: What is known, and what may still come.
        map_: Whose cursor.
        arrived: Called when the cursor got somewhere by itself.

    Attributes:
        words: What to say of the last move, printable, or "".
    """

    def __init__(self, reading: Reading, map_: MemoryMap, arrived: Callable[[], None]) -> None:
        self._reading = reading
        self._map = map_
        self._arrived = arrived
        self._bound: int | None = None
        self._dives: list[Place] = []
        self._holes: tuple[AddressSpace, int, Holes] | None = None
        self.words = ""

    def stop(self) -> None:
        """Forget where the cursor was bound for: the user moved it."""
        self.words = ""
        self._bound = None

    def to_end(self) -> None:
        """Go to the end of everything, once it is read."""
        if self._reading.busy:
            self._await(END)

    def to_hole(self, step: int) -> None:
        """Go to the next stretch of holes (1) or the one before (-1), in another cell."""
        self.stop()
        holes, here = self._found_holes(), self._map.cursor_range
        if here is None:
            return
        found = holes.after(here[1] - 1) if step > 0 else holes.before(here[0])
        if found is not None:
            self._map.go_to(found)
        elif self._reading.busy and step > 0:
            self.words = "no hole above among what was read so far"
        else:
            where = "above" if step > 0 else "below"
            self.words = f"no hole {where}" if len(holes.start) else "no holes at all"

    def to_words(self, words: str) -> None:
        """Go to an address, or to the next VMA with a name like that."""
        self.stop()
        words = words.strip()
        space = self._reading.space
        if not words:
            return
        address = address_in(words)
        if address is None:
            found = named_after(space, words, self._map.address or 0)
            if found is None:
                self.words = f"nothing named like {printable(words)!r}"
            else:
                self._map.go_to(found)
        elif self._reading.busy and address >= self._reached():
            self._await(address)
        else:
            self._visit(address)

    def _visit(self, address: int) -> None:
        self._map.go_to(address)
        if self._reading.space.index_at(address) < 0:
            self.words = f"nothing is mapped at {address:x}"

    def go_on(self) -> None:
        """More was read: see whether what the cursor is bound for is there."""
        if self._bound is not None and self._bound < self._reached():
            self._land()

    def end(self) -> None:
        """All was read."""
        if self._bound is not None:
            self._land()

    def dive(self, settings: Settings) -> bool:
        """Zoom into the cell under the cursor, if that is larger than a slot."""
        found = self._map.cursor_range
        if found is None or self._map.on_gap or self._map.cell <= SLOT_SIZE:
            return False
        place = Place(self._map.cell, self._map.address or 0, self._map.top)
        columns = columns_for(self._map.room)
        smaller = self._map.cell >> max(1, columns.bit_length() - 1)
        if self._map.zoom_to(max(SLOT_SIZE, smaller)):
            self._dives.append(place)
            self.keep_zoom(settings)
            start = self._first_mapped(*found)
            self._map.go_to(start)
        return True

    def surface(self, settings: Settings) -> bool:
        """Go back to where the last dive began; False if there was none.

        One that was left by making cells as large again is over.
        """
        while self._dives:
            place = self._dives.pop()
            if place.cell > self._map.cell:
                self._map.zoom_to(place.cell)
                self.keep_zoom(settings)
                self._map.scroll_rows_to(place.top)
                self._map.go_to(place.address)
                return True
        return False

    def keep_zoom(self, settings: Settings) -> None:
        """Begin with such cells the next time; smaller ones are for one place only."""
        settings.zoom = max(self._map.cell, SLOT_SIZE)

    def _first_mapped(self, start: int, end: int) -> int:
        vmas = self._reading.space.vmas
        at = int(np.searchsorted(vmas["end"], np.uint64(start), "right"))
        first = int(vmas["start"][at]) if at < len(vmas) else start
        return max(start, first) if first < end else start

    def _await(self, address: int) -> None:
        self._bound = address
        self._reading.hurry(address)

    def _land(self) -> None:
        address = self._bound or 0
        self.stop()
        vmas = self._reading.space.vmas
        if address < END:
            self._visit(address)
        elif len(vmas):
            self._map.go_to(int(vmas["end"][-1]) - 1)
        self._arrived()

    def _reached(self) -> int:
        """The address up to which is known what is mapped."""
        progress = self._reading.progress
        return (progress.resume or 0) if progress is not None else 0

    def _found_holes(self) -> Holes:
        space = self._reading.space
        kept = self._holes
        if kept is None or kept[0] is not space or kept[1] != space.version:
            kept = self._holes = (space, space.version, find_holes(space))
        return kept[2]
