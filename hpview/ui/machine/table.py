"""Small tables that fit themselves to a width: the least important columns go first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment

from hpview.ui.paint import fitted, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.style import Style

    from hpview.ui.palette import Inks

Ink = Literal["text", "dim", "strong", "accent", "warn"]

GAP = 2
"""Terminal cells between two columns."""


class Part(NamedTuple):
    """Words in one ink."""

    text: str
    ink: Ink = "text"

    def segment(self, inks: Inks) -> Segment:
        """Drawn, in the character set in use."""
        return Segment(inks.glyphs.text(self.text), style_of(self.ink, inks))


def style_of(ink: Ink, inks: Inks) -> Style:
    """The style of an ink."""
    style: Style = getattr(inks, ink)
    return style


class Cell(NamedTuple):
    """What stands in one place of a table.

    Attributes:
        parts: Printable words.
        draw: Draws in so many terminal cells instead.
        tail: Of words that do not fit, the end is what matters.
    """

    parts: tuple[Part, ...] = ()
    draw: Callable[[int, Inks], list[Segment]] | None = None
    tail: bool = False

    @property
    def width(self) -> int:
        """Terminal cells of the words."""
        return sum(cell_len(part.text) for part in self.parts)


def cell(text: str, ink: Ink = "text", *, tail: bool = False) -> Cell:
    """Words in one ink."""
    return Cell((Part(text, ink),), tail=tail)


NOTHING = Cell()


class Column(NamedTuple):
    """A column.

    Attributes:
        title: In the heading; of the first one, that of the table.
        right: Aligned to the right.
        rank: Where there is no room, the column of the highest rank goes first; 0 stays.
        least: Terminal cells it can do with, if it can be narrower than its words; else 0.
        most: Terminal cells it takes where there are some left over; 0: those of its words.
    """

    title: str
    right: bool = True
    rank: int = 0
    least: int = 0
    most: int = 0


class Detail(NamedTuple):
    """What the lines at the bottom say of a row.

    Attributes:
        field: What it is called where it was read.
        value: To the last digit.
        source: The file.
        meaning: One sentence.
    """

    field: str
    value: str
    source: str
    meaning: str


class Row(NamedTuple):
    """A row.

    Attributes:
        key: Tells it from the other rows of its section, whatever its values.
        cells: By column; where there is only one in a table of more, it has the whole line.
        detail: For the lines at the bottom; None where the cursor does not stop.
        pid: Of a process that it stands for, else None.
    """

    key: str
    cells: tuple[Cell, ...]
    detail: Detail | None = None
    pid: int | None = None


def note(key: str, words: str, detail: Detail, ink: Ink = "warn") -> Row:
    """A sentence in place of numbers."""
    return Row(key, (cell(words, ink),), detail)


def subtitle(words: str) -> Row:
    """What the rows below have in common."""
    return Row(f"subtitle {words}", (cell(words, "dim"),))


class Table:
    """Rows below titles.

    Attributes:
        columns: From left to right.
        rows: From top to bottom.
    """

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self.columns = tuple(columns)
        self.rows = tuple(rows)
        self._placed: tuple[int, list[tuple[int, int]]] = (-1, [])

    def titles(self, width: int, inks: Inks) -> list[Segment]:
        """The heading."""
        out: list[Segment] = []
        for number, room in self._places(width):
            column = self.columns[number]
            style = inks.dim if number else inks.strong
            if out:
                out.append(Segment(" " * GAP, inks.text))
            text = fitted(column.title, room, right=column.right and number > 0)
            out.append(Segment(text, style))
        return out

    def row(self, y: int, width: int, inks: Inks) -> list[Segment]:
        """One row."""
        cells = self.rows[y].cells
        if len(cells) == 1 < len(self.columns):
            return drawn(cells[0], width, right=False, inks=inks)
        out: list[Segment] = []
        for number, room in self._places(width):
            if out:
                out.append(Segment(" " * GAP, inks.text))
            right = self.columns[number].right and number > 0
            out += drawn(cells[number], room, right=right, inks=inks)
        return out

    def _places(self, width: int) -> list[tuple[int, int]]:
        """Which columns have room, and how many terminal cells each."""
        if self._placed[0] != width:
            self._placed = (width, self._laid_out(width))
        return self._placed[1]

    def _laid_out(self, width: int) -> list[tuple[int, int]]:
        natural = [self._natural(number) for number in range(len(self.columns))]
        least = [
            min(column.least, whole) if column.least and not column.most else column.least or whole
            for column, whole in zip(self.columns, natural, strict=True)
        ]
        kept = list(range(len(self.columns)))
        while _taken(kept, least) > width:
            last = max(kept, key=lambda number: (self.columns[number].rank, number))
            if not self.columns[last].rank:
                break
            kept.remove(last)
        spare = width - _taken(kept, least)
        out = []
        for number in kept:
            wanted = max(self.columns[number].most, natural[number]) - least[number]
            extra = max(0, min(spare, wanted))
            spare -= extra
            out.append((number, least[number] + extra))
        return out

    def _natural(self, number: int) -> int:
        """Terminal cells of a column's longest words."""
        cells = [r.cells[number] for r in self.rows if len(r.cells) == len(self.columns)]
        return max([cell_len(self.columns[number].title), *(found.width for found in cells)])


def _taken(kept: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[number] for number in kept) + GAP * (len(kept) - 1)


def drawn(cell: Cell, width: int, *, right: bool, inks: Inks) -> list[Segment]:
    """A cell in exactly so many terminal cells."""
    if cell.draw is not None:
        return cell.draw(width, inks)
    parts = [part.segment(inks) for part in cell.parts]
    spare = width - width_of(parts)
    if spare < 0:
        return cut(parts, width, inks, tail=cell.tail)
    blank = [Segment(" " * spare, inks.text)] if spare else []
    return [*blank, *parts] if right else [*parts, *blank]


def cut(parts: list[Segment], width: int, inks: Inks, *, tail: bool = False) -> list[Segment]:
    """Words that do not fit, as far as they do."""
    out: list[Segment] = []
    for at, part in enumerate(parts):
        room = width - width_of(out)
        if part.cell_length > room or (part.cell_length == room and at < len(parts) - 1):
            rest = "".join(other.text for other in parts[at:])
            out.append(Segment(fitted(rest, room, tail=tail, more=inks.glyphs.more), part.style))
            break
        out.append(part)
    return out
